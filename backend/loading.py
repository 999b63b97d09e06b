"""From a setup's words to the files its weights come from."""

from pathlib import Path

from backend import weights
from backend.hub import fetch_model
from backend.progress import OnProgress, silent
from backend.setups import Setup
from backend.store import cache_folder, key


def model_source(setup: Setup, on_progress: OnProgress = silent) -> str:
    """The folder the weights come from; converts the demo's on first use, fetches a hub model's. Raises Unavailable."""
    if setup.model.package is not None:
        return str(weights.model_from_package(setup.model.package, cache_folder()))
    return str(setup.model.path if setup.model.path is not None else fetch_model(setup.model.name, setup.model.revision, on_progress))


def weights_fingerprint(setup: Setup, source: str) -> str:
    """Changes whenever the weights may have changed."""
    folder = Path(source)
    if setup.model.path is None:  # a conversion is named after its GGUF file's hash, a hub model's folder after its commit
        return f"{setup.model.name if setup.model.package is None else ''}{folder.name}@{setup.model.revision}"
    return key({file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in sorted(folder.glob("*")) if file.is_file()})
