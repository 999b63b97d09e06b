"""Rows of a data set: from a file in any form, from a folder of such files, or from the hub.

A file's form is told from its content, never from its name: Parquet, a JSON list, JSON objects a
line, or CSV without a header; any of them compressed with gzip. What a row means is its reader's
business; here a row that cannot be parsed is a `Broken`, so that it can be named by its number.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from backend.data.hub import fetching
from backend.data.layouts import find_file, those_there
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
ALL_IN_ONE = {"cais/mmlu": "all"}
"""Data sets on the hub of which one configuration holds all others, each row naming its own under
"subject": one download in place of 57.
"""


class Broken(NamedTuple):
    """A row that cannot be parsed."""

    why: str


def rows(
    source: RowSource, subjects: Sequence[str] = (), plain: bool = False
) -> Iterator[tuple[str, int, Any]]:
    """(subject, number of the row from 1 in its data set, row), in order; subject after subject.

    A row is a dict, a list of cells (CSV), or Broken; with `plain`, what is not JSON is text, a row
    a line. A file that holds several of the subjects is read once, and each of its rows must say
    its own under "subject": the Broken ones that do not come last, under no subject. Raises
    BadInput for a file, folder or data set that does not hold the data, Unavailable if the hub does
    not give them.
    """
    local = source.local_path()
    if local is None and source.dataset is not None:
        yield from _hub_rows(source, source.dataset, subjects)
        return
    where = local or source.file or source.folder
    assert where is not None, "a checked setup says where its rows are"
    files = {
        subject: where if kind(where) == "file" else find_file(where, subject, source.split)
        for subject in subjects or (source.config or "",)
    }
    shared = Counter(files.values())
    for file, n in shared.items():
        own = [subject for subject, found in files.items() if found == file]
        if n > 1:
            yield from _by_subject(file_rows(file, plain), own, str(file))
        else:
            for number, row in enumerate(file_rows(file, plain), 1):
                yield own[0], number, row


def _by_subject(
    mixed: Iterable[Any], subjects: Sequence[str], place: str
) -> Iterator[tuple[str, int, Any]]:
    """As `rows`, of rows that name their subject each; numbers are from 1 in each subject, but for
    rows that name none, which have their number among all.

    Raises BadInput for a subject of which there is no row.
    """
    found: dict[str, list[Any]] = {}
    nameless: list[tuple[int, Broken]] = []
    for number, row in enumerate(mixed, 1):
        subject = row.get("subject") if isinstance(row, dict) else None
        if isinstance(subject, str):
            found.setdefault(subject, []).append(row)
        else:
            broken = row if isinstance(row, Broken) else Broken("it does not say its subject")
            nameless.append((number, broken))
    for subject in subjects:
        if subject not in found:
            raise BadInput(f"{place} has no subject '{subject}'; {those_there(subject, found)}.")
    for subject in subjects:
        for number, row in enumerate(found[subject], 1):
            yield subject, number, row
    for number, broken in nameless:
        yield "", number, broken


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
    """One configuration after the other, or out of the one that holds them all."""
    whole = ALL_IN_ONE.get(dataset)
    if whole is not None and len(subjects) > 1:
        together = _hub_split(source, dataset, whole)
        yield from _by_subject(together, subjects, f"The data set '{dataset}'")
        return
    for config in subjects or (source.config,):
        for number, row in enumerate(_hub_split(source, dataset, config), 1):
            yield config or "", number, row


def _hub_split(source: RowSource, dataset: str, config: str | None) -> Any:
    import datasets

    datasets.disable_progress_bars()
    with fetching("data set", dataset, dataset):
        try:
            return datasets.load_dataset(
                dataset, config, split=source.split, revision=source.revision
            )
        except ValueError:
            if not datasets.config.HF_HUB_OFFLINE:
                _check_names(source, dataset, config)
            raise


def _check_names(source: RowSource, dataset: str, config: str | None) -> None:
    """Raises BadInput where the data set on the hub has no such configuration, or no such split."""
    import datasets

    configs = datasets.get_dataset_config_names(dataset, revision=source.revision)
    if config is None and len(configs) > 1:
        raise BadInput(
            f"The data set '{dataset}' has several configurations, so config must say which: "
            f"{those_there('', configs)}."
        )
    if config is not None and config not in configs:
        raise BadInput(
            f"The data set '{dataset}' has no configuration '{config}'; "
            f"{those_there(config, configs)}."
        )
    splits = datasets.get_dataset_split_names(dataset, config, revision=source.revision)
    if source.split not in splits:
        raise BadInput(
            f"The data set '{dataset}' has no split '{source.split}'; "
            f"{those_there(source.split, splits)}."
        )
