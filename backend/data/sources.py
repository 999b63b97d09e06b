"""Rows of a data set: from a file in any form, from a folder of such files, or from the hub.

A file's form is told from its content, never from its name: Parquet, a JSON list, JSON objects a
line, or CSV without a header; any of them compressed with gzip. What a row means is its reader's
business; here a row that cannot be parsed is a `Broken`, so that it can be named by its number.
"""

import csv
import glob
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from backend.data.hub import fetching
from backend.data.questions import N_CHOICES
from backend.errors import BadInput
from backend.rim import LONGEST_LINE, MB, MOST_LINES, kind, lines, opened, too_large, up_to
from backend.setups import RowSource

MOST_BYTES = 2_000 * MB
"""Of a file, decompressed: some 400 million tokens of text."""
MOST_LIST = 32 * MB
"""Of a JSON list, which is held in memory whole, in up to 20 times the space."""
PARQUET = b"PAR1"
BATCH = 1024
"""Rows of Parquet in memory at a time."""


class Broken(NamedTuple):
    """A row that cannot be parsed."""

    why: str


def rows(
    source: RowSource, subjects: Sequence[str] = (), plain: bool = False
) -> Iterator[tuple[str, int, Any]]:
    """(subject, number of the row from 1 in its data set, row), in order; subject after subject.

    A row is a dict, a list of cells (CSV), or Broken; with `plain`, what is not JSON is text, a row
    a line. Raises BadInput for a file or folder that does not hold the data, Unavailable if the hub
    does not give them.
    """
    local = source.local_path()
    if local is None and source.dataset is not None:
        yield from _hub_rows(source, source.dataset, subjects)
        return
    where = local or source.file or source.folder
    assert where is not None, "a checked setup says where its rows are"
    for subject in subjects or (source.config or "",):
        file = where if kind(where) == "file" else find_file(where, subject, source.split)
        for number, row in enumerate(file_rows(file, plain), 1):
            yield subject, number, row


def find_file(folder: Path, config: str, split: str) -> Path:
    """One split of one configuration, in any layout that is handed round.

    That of the hub, of the original MMLU archive, or of the original WMDP. Raises BadInput naming
    what was looked for.
    """
    if kind(folder) != "folder":
        raise BadInput(f"{folder} is neither a file nor a folder; name one.")
    if not config:
        raise BadInput(f"{folder} is a folder: give config too, which says which of its files.")
    name, part = glob.escape(config), glob.escape(split)
    short = name.removeprefix("wmdp-")
    patterns = [
        f"{name}/{part}-*.parquet",
        f"{part}/{name}_{part}.csv",
        f"{name}_{part}.csv",
        f"{short}_questions.json",
        *(
            f"{stem}.{form}"
            for stem in (name, short, part)
            for form in ("parquet", "json", "jsonl", "csv")
        ),
    ]
    for pattern in patterns:
        if found := _matching(folder, pattern):
            if len(found) > 1:
                raise BadInput(
                    f"{folder} holds '{config}' in {len(found)} files ({pattern}); "
                    "put them into one."
                )
            return found[0]
    raise BadInput(
        f"{folder} does not hold '{config}', split '{split}'. "
        f"Expected there, for instance: {', '.join(patterns[:5])}."
    )


def _matching(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # no file can have so long a name
        return []


def file_rows(file: Path, plain: bool = False) -> Iterator[Any]:
    """The rows of one file; see `rows`. Raises BadInput if it cannot be read."""
    with opened(file, MOST_BYTES) as stream:
        start = stream.read(len(PARQUET))
        stream.seek(0)
        if start == PARQUET:
            yield from _parquet_rows(stream, file)
        else:
            yield from _text_rows(stream, file, plain)


def _parquet_rows(stream: BinaryIO, file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    content = up_to(stream, MOST_BYTES, str(file))
    try:
        table = parquet.ParquetFile(pyarrow.BufferReader(content))
        groups = [table.metadata.row_group(i) for i in range(table.metadata.num_row_groups)]
        if sum(group.total_byte_size for group in groups) > MOST_BYTES:
            raise too_large(f"{file}, decompressed,", MOST_BYTES)
        values = max(
            (g.column(i).num_values for g in groups for i in range(g.num_columns)), default=0
        )
        if max(table.metadata.num_rows, values // N_CHOICES) > MOST_LINES:
            raise BadInput(f"{file} has more than {MOST_LINES:,} rows, the most that are read.")
        for batch in table.iter_batches(BATCH):
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise BadInput(
            f"{file} is a damaged Parquet file: {_first_line(error)}. Fetch it again."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _text_rows(stream: BinaryIO, file: Path, plain: bool) -> Iterator[Any]:
    name = str(file)
    head = stream.read(MB).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    stream.seek(0)
    if head == b"[":
        data = stream.read(MOST_LIST + 1)
        if (whole := _json_list(data)) is not None:
            yield from whole
            return
        if len(data) > MOST_LIST and not isinstance(_json_row(data.split(b"\n", 1)[0]), list):
            raise BadInput(
                f"{file} begins like a JSON list of more than {MOST_LIST / MB:.0f} MB. "
                "Write it as JSON lines: one row a line."
            )
        stream.seek(0)
    first = next((line for _, line in lines(stream, MOST_BYTES, name) if line.strip()), "")
    start = first.lstrip()[:1]
    stream.seek(0)
    text = (line for _, line in lines(stream, MOST_BYTES, name))
    if start in ("{", "[") and not (plain and isinstance(_json_row(first), Broken)):
        yield from (_json_row(line) for line in text if line.strip())
    elif plain:
        yield from (
            {"text": line.removesuffix("\n").removesuffix("\r") + "\n"}
            for line in text
            if line.strip()
        )
    else:
        yield from _csv_rows(text, file)


def _csv_rows(text: Iterator[str], file: Path) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_LINE)
    # Old files end their lines with a carriage return alone.
    pieces = (piece for line in text for piece in io.StringIO(line, newline=""))
    read = csv.reader(pieces)
    try:
        yield from read
    except csv.Error as error:
        raise BadInput(f"{file}, line {read.line_num:,}, is not CSV: {error}.") from error


def _json_list(data: bytes) -> list[Any] | None:
    """None for anything else."""
    try:
        value = json.loads(data.decode("utf-8-sig")) if len(data) <= MOST_LIST else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _json_row(line: str | bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return Broken(f"not JSON: {str(error)[:100]}")
    except RecursionError:
        return Broken("nested too deeply")


def _hub_rows(
    source: RowSource, dataset: str, subjects: Sequence[str]
) -> Iterator[tuple[str, int, Any]]:
    """One configuration; for several subjects "all", once, which says each row's subject."""
    if len(subjects) < 2:
        config = subjects[0] if subjects else source.config
        for number, row in enumerate(_hub_split(source, dataset, config), 1):
            yield config or "", number, row
        return
    by_subject: dict[str, list[Any]] = {}
    for row in _hub_split(source, dataset, "all"):
        by_subject.setdefault(row.get("subject"), []).append(row)
    for subject in subjects:
        if subject not in by_subject:
            raise BadInput(f"The data set '{dataset}' has no subject '{subject}'.")
        for number, row in enumerate(by_subject[subject], 1):
            yield subject, number, row


def _hub_split(source: RowSource, dataset: str, config: str | None) -> Any:
    import datasets

    datasets.disable_progress_bars()
    with fetching("data set", dataset, dataset):
        return datasets.load_dataset(dataset, config, split=source.split, revision=source.revision)
