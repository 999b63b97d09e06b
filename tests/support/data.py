"""Real question sets and published lists, where they are at hand."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def shared_data() -> Path:
    """The data folder: $CLAMPBOARD_TEST_DATA, or shared/data beside the program's folder.

    Skips the test where it is not there.
    """
    folder = Path(os.environ.get("CLAMPBOARD_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"{folder} is not there; set CLAMPBOARD_TEST_DATA to the folder with wmdp/, mmlu/ and "
            "paper/"
        )
    return folder
