"""What there is to forget."""

import pytest

from backend.engine.engine import Engine
from backend.setups import load_setup
from tests.support.knowing import write_knowing


@pytest.fixture(scope="module", params=["cloze"])
def knowing(request, tmp_path_factory) -> Engine:
    """Shared by the tests of a module: what it keeps grows."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("knowing")
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        yield Engine(load_setup(write_knowing(folder, scoring=request.param)))
