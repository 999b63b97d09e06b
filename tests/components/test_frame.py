"""What is around every page."""

import subprocess
import sys

from backend.store import ROOT


def test_the_frame_is_drawn_before_torch_is_loaded():
    """Navigation and the word that PyTorch is being loaded come first; the import alone takes
    seconds.
    """
    program = "import sys, components.frame; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )
