"""What features are called, and who says so: the user, the setup's file, or Neuronpedia.

The user's own label stands before the setup's, the setup's before an imported one. Labels belong to
an SAE, not to a setup: they lie in cache/labels/, one folder for each SAE, in plain files of JSON
lines as Neuronpedia exports them (docs.neuronpedia.org/api-and-data/exports): "index" as text,
"description". The user's own file adds "star".
"""

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from backend import showcase
from backend.errors import BadInput
from backend.features.label_lines import (
    MAX_LABEL,
    OWN_TYPE,
    Own,
    json_lines,
    read_file,
    read_labels,
    read_lines,
)
from backend.model.sae import LoadedSae, fingerprint
from backend.setups import SaeSource
from backend.store import cache_folder, key, replacing

OWN = "own"
SETUP = "setup"
NEURONPEDIA = "Neuronpedia"
ORDER = (OWN, SETUP, NEURONPEDIA)
"""Which label stands when a feature has several."""


class Label(NamedTuple):
    text: str = ""
    source: str = ""
    """One of ORDER; empty without a label."""


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
        showcase.refuse()
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
        return json_lines(rows)

    def import_lines(self, lines: Iterable[str], name: str) -> Imported:
        """Take over explanations exported by Neuronpedia, or labels exported here.

        `name` is the file's, for messages. Neuronpedia's add to what was imported before and
        replace it feature by feature; of several for one feature the first in the file stands. Own
        labels replace the user's label of the same feature. Raises BadInput naming the line that
        does not fit, or the SAE the file is about; nothing is taken over then.
        """
        showcase.refuse()
        read = read_lines(lines, name, self._d_sae, self.neuronpedia_id)
        with self._lock:
            if read.own:
                self._keep_own({**self._read_own(), **read.own})
            if read.imported:
                whole = {**self._read_imported(), **read.imported}
                rows = ({"index": str(f), "description": text} for f, text in sorted(whole.items()))
                with replacing(self._imported_file) as scratch:
                    scratch.write_text(json_lines(rows), encoding="utf-8")
                self._imported = whole
        return Imported(len(read.own), len(read.imported), read.passed_over)

    def _read_own(self) -> dict[int, Own]:
        return read_file(self._own_file, self._d_sae).own

    def _read_imported(self) -> dict[int, str]:
        return read_file(self._imported_file, self._d_sae).imported

    def _keep_own(self, labels: dict[int, Own]) -> None:
        with replacing(self._own_file) as scratch:
            scratch.write_text(self._written(labels), encoding="utf-8")
        self._own = labels


def labels_of(source: SaeSource, sae: LoadedSae) -> Labels:
    """The labels of a setup's SAE. Raises BadInput for a file that cannot be read."""
    folder = cache_folder() / "labels" / key({"sae": fingerprint(source, sae)})
    return Labels(folder, read_labels(source.labels, sae.d_sae), sae.d_sae, sae.neuronpedia_id)
