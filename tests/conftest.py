"""Fixtures: a toy setup prepared once, its own cache folder, and no hub."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

from backend.engine.engine import Engine
from backend.setups import load_setup
from tests.support.toy import write_setup


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Tests never write results into the user's cache; the converted demo model is looked up there
    all the same.
    """
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("CLAMPBOARD_CACHE")
    models = Path(before) if before else Path(__file__).parent.parent / "cache"
    (models / "models").mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to((models / "models").resolve(), target_is_directory=True)
    os.environ["CLAMPBOARD_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["CLAMPBOARD_CACHE"]
    else:
        os.environ["CLAMPBOARD_CACHE"] = before


@pytest.fixture(scope="session")
def toy_toml(tmp_path_factory, own_cache):
    return write_setup(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def toy(toy_toml):
    return Engine(load_setup(toy_toml))


@pytest.fixture(scope="session")
def demo(own_cache):
    return Engine(load_setup("demo"))


@pytest.fixture(scope="session")
def exact(demo):
    """The demo in float32, in which scores can be compared; prepared anew where the machine's own
    choice is bfloat16.
    """
    return (
        demo
        if demo.dtype == "float32"
        else Engine(
            replace(demo.setup, text_loss=None, model=replace(demo.setup.model, dtype="float32"))
        )
    )
