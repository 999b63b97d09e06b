"""Labels as lines of text: files of this program, the setup's, and Neuronpedia's exports."""

import gzip
import io
import json
import re
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from backend import rim
from backend.errors import BadInput, Unavailable

OWN_TYPE = "clampboard-own"
"""typeName of the user's own labels in a file."""
MAX_LABEL = 200
"""Characters of a label; longer explanations are cut."""
MAX_LINE = 200_000
"""Characters of a line: an explanation with its embedding has about 5,000."""
MAX_LINES = 1_000_000
"""Of a file, empty ones too: as many as the widest SAEs have features."""
MAX_TEXT = 1_000 * rim.MB
"""Bytes of a file, decompressed: 131,072 explanations with their embeddings are 700 MB."""
MAX_BATCH = 100 * rim.MB
"""Bytes of one of Neuronpedia's files, as it is sent: some thousand explanations each."""
MAX_BATCHES = 1_000
MAX_TSV = 100 * rim.MB
"""Bytes of a setup's file of labels."""
BUCKET = "https://neuronpedia-datasets.s3.us-east-1.amazonaws.com/v1"
TIMEOUT_S = 20


@dataclass(frozen=True)
class Own:
    """What the user has said of one feature."""

    label: str = ""
    star: bool = False


class Read(NamedTuple):
    """What lines of labels say."""

    own: dict[int, Own]
    imported: dict[int, str]
    passed_over: int
    """Lines without a description, or of a feature that already had one."""


class _Row(BaseModel):
    """A line of a file, as Neuronpedia exports it; what else it says is not read."""

    model_config = ConfigDict(strict=True)

    index: int | str
    description: str | None
    typeName: str | None = None  # noqa: N815 (Neuronpedia's own names, here and below)
    modelId: str | None = None  # noqa: N815
    layer: str | None = None
    star: bool = False


def json_lines(rows: Iterable[Mapping[str, object]]) -> str:
    """The same rows as a file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_lines(lines: Iterable[str], name: str, d_sae: int, neuronpedia_id: str | None) -> Read:
    """JSON lines, checked one by one. Raises BadInput naming the line that does not fit.

    The seal of a file of this program is passed over.
    """
    own: dict[int, Own] = {}
    imported: dict[int, str] = {}
    passed_over = 0
    for number, line in enumerate(lines, 1):
        where = f"{name}, line {number}"
        value = rim.parse_json(line, where) if line.strip() else {"sha256": ""}
        if isinstance(value, dict) and value.keys() == {"sha256"}:
            continue
        row = _row(value, where)
        if row.modelId and row.layer:
            page = f"{row.modelId}/{row.layer}"
            if neuronpedia_id and page != neuronpedia_id:
                raise BadInput(
                    f"{where}: these labels are of the SAE {page[:100]}, "
                    f"but this setup's SAE is {neuronpedia_id}."
                )
        index = _feature(str(row.index), d_sae)
        if index is None:
            raise BadInput(
                f"{where}: there is no feature {str(row.index)[:20]}, "
                f"this SAE has features 0 to {d_sae - 1}. Are they another SAE's labels?"
            )
        text = " ".join((row.description or "").split())[:MAX_LABEL]
        if row.typeName == OWN_TYPE:
            own[index] = Own(text, row.star)
        elif text and index not in imported:
            imported[index] = text
        else:
            passed_over += 1
    return Read(own, imported, passed_over)


def _row(value: object, where: str) -> _Row:
    try:
        return _Row.model_validate(value)
    except ValidationError as error:
        wrong = error.errors()[0]
        field = f'"{wrong["loc"][0]}": ' if wrong["loc"] else ""
        raise BadInput(
            f"{where}: not an explanation ({field}{wrong['msg']}). Expected a JSON object "
            'with "index" and "description", as Neuronpedia exports them.'
        ) from error


def _feature(text: str, d_sae: int) -> int | None:
    """The feature written in `text`; None if the SAE has none such."""
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) >= d_sae:
        return None
    return int(text)


def text_lines(data: bytes, name: str) -> Iterator[str]:
    """The lines of a .jsonl or .jsonl.gz file, read as they are asked for.

    Raises BadInput for bytes that are neither, for more than MAX_LINES or MAX_TEXT, and for a line
    of more than MAX_LINE bytes.
    """
    raw = io.BytesIO(data)
    n_bytes = number = 0
    try:
        with gzip.GzipFile(fileobj=raw) if data[:2] == rim.GZIP else raw as stream:
            while line := stream.readline(MAX_LINE):
                number += 1
                n_bytes += len(line)
                if len(line) == MAX_LINE or number > MAX_LINES or n_bytes > MAX_TEXT:
                    raise BadInput(
                        f"{name} is too large at line {number:,}: {MAX_LINE:,} characters a line, "
                        f"{MAX_LINES:,} lines and {MAX_TEXT / rim.MB:,.0f} MB of text are read."
                    )
                yield rim.text_of(line, f"{name}, line {number},")
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"{name} is damaged gzip ({error}). Fetch it again, or give it decompressed."
        ) from error


def read_bytes(file: Path) -> bytes:
    """A file to import. Raises BadInput for what is no regular file, or too large."""
    return rim.read_bytes(file, MAX_TEXT, "The labels")


def fetch(neuronpedia_id: str, bucket: str = BUCKET) -> Iterator[str]:
    """The lines of Neuronpedia's export of an SAE's explanations, batch after batch.

    Raises Unavailable when the network does not answer, BadInput when Neuronpedia has none of this
    SAE, or answers with something else.
    """
    for batch in range(MAX_BATCHES):
        address = f"{bucket}/{neuronpedia_id}/explanations/batch-{batch}.jsonl.gz"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
                data = answer.read(MAX_BATCH + 1)
        except urllib.error.HTTPError as error:
            if error.code not in (403, 404):
                raise Unavailable(
                    f"{address} answered {error.code} {error.reason}. "
                    "Try again later, or import a file."
                ) from error
            if batch == 0:
                raise BadInput(
                    f"Neuronpedia has no explanations of {neuronpedia_id} to download."
                ) from error
            return
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(
                f"{address} cannot be reached ({getattr(error, 'reason', error)}). "
                "Import a file instead."
            ) from error
        if len(data) > MAX_BATCH:
            raise BadInput(f"{address} is larger than {MAX_BATCH / rim.MB:,.0f} MB.")
        yield from text_lines(data, address)


def read_labels(file: Path | None, d_sae: int) -> dict[int, str]:
    """The setup's labels, from a tab-separated file (feature, label); empty without one.

    Raises BadInput naming a line that does not fit.
    """
    if file is None:
        return {}
    labels: dict[int, str] = {}
    lines = rim.read_text(file, MAX_TSV, "The labels").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        text, tab, label = line.partition("\t")
        feature = _feature(text, d_sae)
        if not tab or feature is None:
            raise BadInput(
                f"{file}, line {number}: expected a feature below {d_sae}, a tab and a label."
            )
        labels[feature] = label.strip()
    return labels
