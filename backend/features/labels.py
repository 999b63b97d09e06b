"""What features are called, and who says so: the user, the setup's file, or Neuronpedia.

The user's own label stands before the setup's, the setup's before an imported one. Labels belong to
an SAE, not to a setup: they lie in cache/labels/, one folder for each SAE, in plain files of JSON
lines as Neuronpedia exports them (docs.neuronpedia.org/api-and-data/exports): "index" as text,
"description". The user's own file adds "star".
"""

import gzip
import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from backend.errors import BadInput, Unavailable
from backend.model.sae import LoadedSae, fingerprint
from backend.setups import SaeSource
from backend.store import cache_folder, key, replacing

OWN = "own"
SETUP = "setup"
NEURONPEDIA = "Neuronpedia"
ORDER = (OWN, SETUP, NEURONPEDIA)
"""Which label stands when a feature has several."""
OWN_TYPE = "clampboard-own"
"""typeName of the user's own labels in a file."""
MAX_LABEL = 200
"""Characters of a label; longer explanations are cut."""
MAX_LINE = 200_000
"""Characters of a line: an explanation with its embedding has about 5,000."""
BUCKET = "https://neuronpedia-datasets.s3.us-east-1.amazonaws.com/v1"
TIMEOUT_S = 20


class Label(NamedTuple):
    text: str = ""
    source: str = ""
    """One of ORDER; empty without a label."""


@dataclass(frozen=True)
class Own:
    """What the user has said of one feature."""

    label: str = ""
    star: bool = False


class Imported(NamedTuple):
    """What a file brought."""

    own: int
    """Own labels and stars."""
    neuronpedia: int
    passed_over: int
    """Lines without a description, or of a feature that already had one in the file."""


class Labels:
    """The labels of one SAE's features; several threads may ask.

    Each change is written before it shows.
    """

    def __init__(
        self, folder: Path, shipped: dict[int, str], d_sae: int, neuronpedia_id: str | None = None
    ) -> None:
        """`shipped` is what the setup's file says.

        `neuronpedia_id` is "model/source", where the SAE names its page.
        """
        self._own_file = folder / "own.jsonl"
        self._imported_file = folder / "neuronpedia.jsonl"
        self._shipped = shipped
        self._d_sae = d_sae
        self.neuronpedia_id = neuronpedia_id
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] = ()
        self._own: dict[int, Own] = {}
        self._imported: dict[int, str] = {}
        self.reread()

    def reread(self) -> bool:
        """Take up what another process has written since; whether there was anything."""
        stamp = tuple(
            file.stat().st_mtime_ns if file.exists() else 0
            for file in (self._own_file, self._imported_file)
        )
        with self._lock:
            if stamp == self._stamp:
                return False
            self._own = self._read_own()
            self._imported = self._read_imported()
            self._stamp = stamp
        return True

    def of(self, feature: int) -> Label:
        """The label that stands; an empty one for a feature without."""
        texts = {
            OWN: self.own(feature).label,
            SETUP: self._shipped.get(feature, ""),
            NEURONPEDIA: self._imported.get(feature, ""),
        }
        for source in ORDER:
            if texts[source]:
                return Label(texts[source], source)
        return Label()

    def own(self, feature: int) -> Own:
        return self._own.get(feature, Own())

    def counts(self) -> dict[str, int]:
        """Labels from each source, and stars."""
        return {
            OWN: sum(bool(o.label) for o in self._own.values()),
            SETUP: len(self._shipped),
            NEURONPEDIA: len(self._imported),
            "stars": sum(o.star for o in self._own.values()),
        }

    def set(self, feature: int, *, label: str | None = None, star: bool | None = None) -> Label:
        """Write the user's own label, or star; an empty label takes theirs back.

        Returns the label that stands then. Raises BadInput for a feature the SAE does not have, or
        a label of more than MAX_LABEL characters.
        """
        if not 0 <= feature < self._d_sae:
            raise BadInput(
                f"There is no feature {feature}: this SAE has features 0 to {self._d_sae - 1}."
            )
        label = None if label is None else " ".join(label.split())
        if label is not None and len(label) > MAX_LABEL:
            raise BadInput(f"The label has {len(label)} characters; at most {MAX_LABEL} are kept.")
        with self._lock:
            labels = self._read_own()  # another process may have written since
            own = labels.get(feature, Own())
            if label is not None:
                own = replace(own, label=label)
            if star is not None:
                own = replace(own, star=star)
            labels[feature] = own
            self._keep_own(labels)
        return self.of(feature)

    def export(self) -> str:
        """The user's own labels and stars as JSON lines, which `import_lines` reads back."""
        return self._written(self._own)

    def _written(self, labels: dict[int, Own]) -> str:
        model, _, layer = (self.neuronpedia_id or "").partition("/")
        rows = (
            {
                "modelId": model,
                "layer": layer,
                "index": str(f),
                "description": own.label,
                "typeName": OWN_TYPE,
                "star": own.star,
            }
            for f, own in sorted(labels.items())
            if own.label or own.star
        )
        return _json_lines(rows)

    def import_lines(self, lines: Iterable[str], name: str) -> Imported:
        """Take over explanations exported by Neuronpedia, or labels exported here.

        `name` is the file's, for messages. Neuronpedia's add to what was imported before and
        replace it feature by feature; of several for one feature the first in the file stands. Own
        labels replace the user's label of the same feature. Raises BadInput naming the line that
        does not fit, or the SAE the file is about; nothing is taken over then.
        """
        read = _read_lines(lines, name, self._d_sae, self.neuronpedia_id)
        with self._lock:
            if read.own:
                self._keep_own({**self._read_own(), **read.own})
            if read.imported:
                whole = {**self._read_imported(), **read.imported}
                rows = ({"index": str(f), "description": text} for f, text in sorted(whole.items()))
                with replacing(self._imported_file) as scratch:
                    scratch.write_text(_json_lines(rows), encoding="utf-8")
                self._imported = whole
        return Imported(len(read.own), len(read.imported), read.passed_over)

    def _read_own(self) -> dict[int, Own]:
        return _read_file(self._own_file, self._d_sae).own

    def _read_imported(self) -> dict[int, str]:
        return _read_file(self._imported_file, self._d_sae).imported

    def _keep_own(self, labels: dict[int, Own]) -> None:
        with replacing(self._own_file) as scratch:
            scratch.write_text(self._written(labels), encoding="utf-8")
        self._own = labels


class _Read(NamedTuple):
    own: dict[int, Own]
    imported: dict[int, str]
    passed_over: int


def _json_lines(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _read_file(file: Path, d_sae: int) -> _Read:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return _read_lines(lines, str(file), d_sae, None)


def _read_lines(lines: Iterable[str], name: str, d_sae: int, neuronpedia_id: str | None) -> _Read:
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
    return _Read(own, imported, passed_over)


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


def labels_of(source: SaeSource, sae: LoadedSae) -> Labels:
    """The labels of a setup's SAE. Raises BadInput for a file that cannot be read."""
    folder = cache_folder() / "labels" / key({"sae": fingerprint(source, sae)})
    return Labels(folder, read_labels(source.labels, sae.d_sae), sae.d_sae, sae.neuronpedia_id)


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
