"""Labels as lines of text: files of this program, the setup's, and Neuronpedia's exports."""

import gzip
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from backend.errors import BadInput, Unavailable

OWN_TYPE = "clampboard-own"
"""typeName of the user's own labels in a file."""
MAX_LABEL = 200
"""Characters of a label; longer explanations are cut."""
MAX_LINE = 200_000
"""Characters of a line: an explanation with its embedding has about 5,000."""
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


def json_lines(rows: Iterable[Mapping[str, object]]) -> str:
    """The same rows as a file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_file(file: Path, d_sae: int) -> Read:
    """A file of this program; nothing where it is not there. Raises BadInput: see `read_lines`."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return read_lines(lines, str(file), d_sae, None)


def read_lines(lines: Iterable[str], name: str, d_sae: int, neuronpedia_id: str | None) -> Read:
    """JSON lines, checked one by one. Raises BadInput naming the line that does not fit."""
    own: dict[int, Own] = {}
    imported: dict[int, str] = {}
    passed_over = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            index = int(row["index"])
            text = " ".join(str(row["description"] or "").split())[:MAX_LABEL]
            mine = row.get("typeName") == OWN_TYPE
            of_page = row.get("modelId") and row.get("layer")
            page = f"{row['modelId']}/{row['layer']}" if of_page else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{name}, line {number}: not an explanation. Expected a JSON object "
                'with "index" and "description", as Neuronpedia exports them.'
            ) from error
        if page and neuronpedia_id and page != neuronpedia_id:
            raise BadInput(
                f"{name}, line {number}: these labels are of the SAE {page}, "
                f"but this setup's SAE is {neuronpedia_id}."
            )
        if not 0 <= index < d_sae:
            raise BadInput(
                f"{name}, line {number}: there is no feature {index}, "
                f"this SAE has features 0 to {d_sae - 1}. Are they another SAE's labels?"
            )
        if mine:
            own[index] = Own(text, bool(row.get("star")))
        elif text and index not in imported:
            imported[index] = text
        else:
            passed_over += 1
    return Read(own, imported, passed_over)


def text_lines(data: bytes, name: str) -> Iterator[str]:
    """The lines of a .jsonl or .jsonl.gz file. Raises BadInput for bytes that are neither."""
    raw = io.BytesIO(data)
    try:
        with gzip.GzipFile(fileobj=raw) if data[:2] == b"\x1f\x8b" else raw as stream:
            while line := stream.readline(MAX_LINE):
                if len(line) == MAX_LINE:
                    raise BadInput(
                        f"{name} has a line of more than {MAX_LINE:,} characters: "
                        "it is no file of explanations."
                    )
                yield line.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInput(f"{name} is neither JSON lines nor gzipped JSON lines ({error}).") from error


def read_bytes(file: Path) -> bytes:
    """Raises BadInput if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"The labels {file} cannot be read: {error.strerror or error}.") from error


def fetch(neuronpedia_id: str, bucket: str = BUCKET) -> Iterator[str]:
    """The lines of Neuronpedia's export of an SAE's explanations, batch after batch.

    Raises Unavailable when the network does not answer, BadInput when Neuronpedia has none of this
    SAE.
    """
    for batch in range(1_000_000):
        address = f"{bucket}/{neuronpedia_id}/explanations/batch-{batch}.jsonl.gz"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
                data = answer.read()
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
        except OSError as error:
            raise Unavailable(
                f"{address} cannot be reached ({getattr(error, 'reason', error)}). "
                "Import a file instead."
            ) from error
        yield from text_lines(data, address)


def read_labels(file: Path | None, d_sae: int) -> dict[int, str]:
    """The setup's labels, from a tab-separated file (feature, label); empty without one.

    Raises BadInput naming a line that does not fit.
    """
    if file is None:
        return {}
    labels: dict[int, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"The labels {file} cannot be read: {error.strerror or error}.") from error
    for number, line in enumerate(lines, 1):
        feature, tab, label = line.partition("\t")
        if not line.strip() or line.startswith("#"):
            continue
        if not tab or not feature.isdecimal() or int(feature) >= d_sae:
            raise BadInput(
                f"{file}, line {number}: expected a feature below {d_sae}, a tab and a label."
            )
        labels[int(feature)] = label.strip()
    return labels
