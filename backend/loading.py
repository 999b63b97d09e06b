"""From a setup's words to the files its weights come from."""

from pathlib import Path

from backend import weights
from backend.setups import Setup
from backend.store import cache_folder, key


def model_source(setup: Setup) -> str:
    """The folder or hub name the weights come from; converts the demo's on first use."""
    if setup.model.package is not None:
        return str(weights.model_from_package(setup.model.package, cache_folder()))
    return str(setup.model.path) if setup.model.path is not None else setup.model.name


def weights_fingerprint(setup: Setup, source: str) -> str:
    """Changes whenever the weights may have changed."""
    folder = Path(source)
    if setup.model.package is not None or not folder.is_dir():
        return f"{folder.name if folder.is_dir() else source}@{setup.model.revision}"
    return key({file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in sorted(folder.glob("*")) if file.is_file()})
