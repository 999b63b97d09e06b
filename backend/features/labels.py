"""What features are called, and who says so: the user, the setup's file, or Neuronpedia.

The user's own label stands before the setup's, the setup's before an imported one. Labels belong to
an SAE, not to a setup: they lie in cache/labels/, one folder for each SAE, in plain files of JSON
lines as Neuronpedia exports them (docs.neuronpedia.org/api-and-data/exports): "index" as text,
"description". The user's own file adds "star". The last line is a seal.
"""

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
    Read,
    json_lines,
    read_labels,
    read_lines,
)
from backend.notices import notice
from backend.own_files import changing, read, read_to_change
from backend.rim import whole
from backend.setups import SaeSource
from backend.store import DAMAGED, cache_folder, key, write_bytes

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
    """The labels of one SAE's features; several threads and processes may ask and write.

    Each change is made to what is on disk at that time, and written before it shows.
    """

    def __init__(
        self, folder: Path, shipped: dict[int, str], d_sae: int, neuronpedia_id: str | None = None
    ) -> None:
        """`shipped` is what the setup's file says.

        `neuronpedia_id` is "model/source", where the SAE names its page.
        """
        self._folder = folder
        self._own_file = folder / "own.jsonl"
        self._imported_file = folder / "neuronpedia.jsonl"
        self._shipped = shipped
        self._d_sae = d_sae
        self.neuronpedia_id = neuronpedia_id
        self._stamp: tuple[tuple[int, ...], ...] = ()
        self._own: dict[int, Own] = {}
        self._imported: dict[int, str] = {}
        self.reread()

    def reread(self) -> bool:
        """Take up what another process has written since; whether there was anything.

        A file that is damaged is set aside, and one that cannot be read passed over: both are said.
        """
        stamp = (_stamp(self._own_file), _stamp(self._imported_file))
        if stamp == self._stamp:
            return False
        own = read(self._own_file, self._parse)
        imported = read(self._imported_file, self._parse)
        self._own = own.own if own else {}
        self._imported = imported.imported if imported else {}
        self._stamp = stamp
        for aside in sorted(self._folder.glob(f"*{DAMAGED}*")):
            notice(
                f"{aside} holds labels that were set aside. What can be read of them comes back "
                f"with: python -m backend labels SETUP import {aside} (then delete that file)."
            )
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
        a label that is no text or has more than MAX_LABEL characters; Unavailable if it cannot be
        kept.
        """
        showcase.refuse()
        if not 0 <= feature < self._d_sae:
            raise BadInput(
                f"There is no feature {feature}: this SAE has features 0 to {self._d_sae - 1}."
            )
        label = None if label is None else " ".join(whole(label, "The label").split())
        if label is not None and len(label) > MAX_LABEL:
            raise BadInput(f"The label has {len(label)} characters; at most {MAX_LABEL} are kept.")
        with changing(self._folder):
            labels = self._own_to_change()
            own = labels.get(feature, Own())
            if label is not None:
                own = replace(own, label=label)
            if star is not None:
                own = replace(own, star=star)
            self._keep_own({**labels, feature: own})
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
        does not fit, or the SAE the file is about; nothing is taken over then. Raises Unavailable
        if they cannot be kept.
        """
        showcase.refuse()
        found = read_lines(lines, name, self._d_sae, self.neuronpedia_id)
        with changing(self._folder):
            if found.own:
                self._keep_own({**self._own_to_change(), **found.own})
            if found.imported:
                old = read_to_change(self._imported_file, self._parse)
                known = {**(old.imported if old else {}), **found.imported}
                rows = ({"index": str(f), "description": text} for f, text in sorted(known.items()))
                write_bytes(self._imported_file, json_lines(rows).encode())
                self._imported = known
        return Imported(len(found.own), len(found.imported), found.passed_over)

    def _parse(self, content: bytes) -> Read:
        return read_lines(content.decode().split("\n"), "own", self._d_sae, None)

    def _own_to_change(self) -> dict[int, Own]:
        old = read_to_change(self._own_file, self._parse)
        return old.own if old else {}

    def _keep_own(self, labels: dict[int, Own]) -> None:
        write_bytes(self._own_file, self._written(labels).encode())
        self._own = labels


def _stamp(file: Path) -> tuple[int, ...]:
    """Another one when the file is written again."""
    try:
        state = file.stat()
    except OSError:
        return ()
    return state.st_mtime_ns, state.st_ino, state.st_size


def labels_of(source: SaeSource, fingerprint: str, d_sae: int, page: str | None) -> Labels:
    """The labels of a setup's SAE, told by its fingerprint; `page` is its page on Neuronpedia.

    Raises BadInput for a file that cannot be read.
    """
    folder = cache_folder() / "labels" / key({"sae": fingerprint})
    return Labels(folder, read_labels(source.labels, d_sae), d_sae, page)
