"""Studies: a grid of settings over setups, run on one machine's processes or on a cluster, and kept
as one table.

Public: `load_study`, `shipped_names`, `finished_studies`, `saebench_score`; `backend.studies.run`
runs one. They are looked up when they are asked for: a cluster's scheduler imports this package to
hand tasks on, and needs none of what they import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.studies.files import load_study, shipped_names
    from backend.studies.kept import Finished, finished_studies
    from backend.studies.schema import Study
    from backend.studies.scores import saebench_score

_HOMES = {
    "load_study": "files",
    "shipped_names": "files",
    "Finished": "kept",
    "finished_studies": "kept",
    "Study": "schema",
    "saebench_score": "scores",
}

__all__ = [
    "Finished",
    "Study",
    "finished_studies",
    "load_study",
    "saebench_score",
    "shipped_names",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
