"""What is around every page."""

import re
import subprocess
import sys
import tomllib
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from backend.store import ROOT
from components.frame import DARK_STYLE, FOCUS, ICON, STYLE


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


def test_the_icon_is_a_picture_of_its_own():
    """One that is called by its name is fetched from another host."""
    kind, _, drawn = ICON.partition(",")
    assert kind == "data:image/svg+xml"
    assert ElementTree.fromstring(unquote(drawn)).tag == "{http://www.w3.org/2000/svg}svg"


def contrast(one: str, other: str) -> float:
    """As WCAG 2.2 defines it, of two colours such as #14171a."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def over(ink: str, ground: str, share: float) -> str:
    """Ink that lets some of the ground through."""
    pairs = [(int(ink[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_captions_focus_and_the_primary_colour_can_be_seen_on_both_grounds(theme):
    colours = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][theme]
    opacity = float(re.search(r'stCaptionContainer"\] \{ opacity: ([\d.]+)', STYLE)[1])
    for ground in (colours["backgroundColor"], colours["secondaryBackgroundColor"]):
        assert contrast(over(colours["textColor"], ground, opacity), ground) >= 4.5
        assert contrast(FOCUS[theme], ground) >= 4.5
        assert contrast(colours["primaryColor"], ground) >= 4.5
    ink = "#ffffff" if theme == "light" else re.search(r"color: (#\w{6})", DARK_STYLE)[1]
    assert contrast(ink, colours["primaryColor"]) >= 4.5
