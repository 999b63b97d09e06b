"""The tests' own cache folder, the toy setup, the demo, and no hub."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

from backend.engine.engine import Engine
from backend.setups import load_setup
from backend.store import sha256_of
from tests.support.toy import write_setup

USERS = Path(os.environ.get("CLAMPBOARD_CACHE") or Path(__file__).parent.parent / "cache")


def _with_models(folder: Path) -> None:
    """The user's converted models, seen from another cache."""
    (USERS / "models").mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (folder / "models").symlink_to((USERS / "models").resolve(), target_is_directory=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the demo first, then what needs Chromium. Of two processes, which begin with a
    half each, one then prepares the demo and drives one server, while the other runs all the short
    tests, and takes over some of the long ones at the end.
    """

    def part(item: pytest.Item) -> int:
        if "tests/browser/" in item.nodeid:
            return 1
        return 0 if item.get_closest_marker("demo") else 2

    items.sort(key=part)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Tests never write into the user's cache.

    The converted demo model is looked up there all the same.
    """
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("CLAMPBOARD_CACHE")
    _with_models(folder)
    os.environ["CLAMPBOARD_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["CLAMPBOARD_CACHE"]
    else:
        os.environ["CLAMPBOARD_CACHE"] = before


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves a script of its own as __main__, which a process that is started
    afterwards would run.
    """
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session")
def prepared_toy(tmp_path_factory) -> Iterator[Path]:
    """The toy's setup, and under cache/ what is prepared for it.

    It is only ever copied: a test that changes one of its files fails the session.
    """
    folder = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        Engine(load_setup(write_setup(folder)))
    prepared = _contents(folder)
    yield folder
    assert _contents(folder) == prepared


def _contents(folder: Path) -> dict[Path, str]:
    return {path: sha256_of(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def toy_toml(prepared_toy, monkeypatch) -> Iterator[Path]:
    """A copy of the toy's setup for one test, prepared, with a cache of its own.

    No test sees what another evaluated, labelled or damaged.
    """
    with tempfile.TemporaryDirectory(dir=prepared_toy.parent) as folder:
        shutil.copytree(prepared_toy, folder, dirs_exist_ok=True)
        monkeypatch.setenv("CLAMPBOARD_CACHE", f"{folder}/cache")
        yield Path(folder) / "toy.toml"


@pytest.fixture
def toy(toy_toml) -> Engine:
    """The toy, opened anew for one test; evaluate into it, label and break it freely."""
    return Engine(load_setup(toy_toml))


@pytest.fixture(scope="session")
def prepared_demo(tmp_path_factory, worker_id) -> Path:
    """A cache in which the demo is prepared, once for all processes: it is only ever copied."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "prepared_demo"
    folder.mkdir(exist_ok=True)
    _with_models(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder))
        Engine(load_setup("demo"))
    return folder


@pytest.fixture(scope="session")
def demo(own_cache, prepared_demo):
    shutil.copytree(
        prepared_demo, own_cache, dirs_exist_ok=True, ignore=shutil.ignore_patterns("models")
    )
    return Engine(load_setup("demo"))


@pytest.fixture(scope="session")
def exact(demo) -> Engine:
    """An eighth of the demo's questions in float32, in which scores can be compared.

    Its features are described on a few passages only: take clamps from the demo.
    """
    setup = demo.setup
    eighth = (
        replace(source, limit=-(-len(s.questions) // 8))
        for source, s in zip(setup.sets, demo.sets, strict=True)
    )
    return Engine(
        replace(
            setup,
            model=replace(setup.model, dtype="float32"),
            sets=tuple(eighth),
            corpora=tuple(replace(source, documents=8) for source in setup.corpora),
            text_loss=None,
        )
    )
