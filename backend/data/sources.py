"""Rows of a data set: from a file in any form, from a folder of such files, or from the hub.

A file's form is told from its content, never from its name: Parquet, a JSON list, JSON objects a
line, or CSV without a header; any of them compressed with gzip. What a row means is its reader's
business; here a row that cannot be parsed is a `Broken`, so that it can be named by its number.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from backend.data.hub import fetching
from backend.errors import BadInput
from backend.setups import RowSource


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
        file = where if where.is_file() else find_file(where, subject, source.split)
        for number, row in enumerate(file_rows(file, plain), 1):
            yield subject, number, row


def find_file(folder: Path, config: str, split: str) -> Path:
    """One split of one configuration, in any layout that is handed round.

    That of the hub, of the original MMLU archive, or of the original WMDP. Raises BadInput naming
    what was looked for.
    """
    short = config.removeprefix("wmdp-")
    patterns = [
        f"{config}/{split}-*.parquet",
        f"{split}/{config}_{split}.csv",
        f"{config}_{split}.csv",
        f"{short}_questions.json",
        *(
            f"{stem}.{form}"
            for stem in (config, short, split)
            for form in ("parquet", "json", "jsonl", "csv")
        ),
    ]
    for pattern in patterns:
        if found := sorted(folder.glob(pattern)):
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


def file_rows(file: Path, plain: bool = False) -> Iterator[Any]:
    """The rows of one file; see `rows`. Raises BadInput if it cannot be read."""
    try:
        content = file.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        if content[:4] == b"PAR1":
            yield from _parquet_rows(content, file)
            return
        text = content.decode("utf-8-sig")
    except (OSError, EOFError) as error:
        raise BadInput(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{file} is neither Parquet nor UTF-8 text: byte {error.start:,} does not fit."
        ) from error
    yield from _text_rows(text, plain)


def _parquet_rows(content: bytes, file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise BadInput(
            f"{file} is a damaged Parquet file: {str(error).splitlines()[0]}. Fetch it again."
        ) from error
    yield from table.to_pylist()


def _text_rows(text: str, plain: bool) -> Iterator[Any]:
    start = text.lstrip()[:1]
    if start == "[":
        try:
            whole = json.loads(text)
        except ValueError:
            whole = None
        if isinstance(whole, list):
            yield from whole
            return
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if start in ("{", "[") and not (plain and isinstance(_json_row(first), Broken)):
        yield from (_json_row(line) for line in lines if line.strip())
    elif plain:
        yield from ({"text": line.removesuffix("\r") + "\n"} for line in lines if line.strip())
    else:
        yield from csv.reader(io.StringIO(text, newline=""))


def _json_row(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return Broken(f"not JSON: {error}")


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
        by_subject.setdefault(row["subject"], []).append(row)
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
