"""What there is to forget."""

import pytest

from backend.engine.engine import Engine
from backend.setups import load_setup
from tests.support.knowing import write_knowing

TEXT = (
    '[text_loss]\nrole = "retain"\ntitle = "other text"\nfile = "passages.jsonl"\nwhere = "other"\n'
)


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    """Shared by the tests of a module: what it keeps grows."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("knowing")
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        yield Engine(load_setup(write_knowing(folder, more=TEXT)))
