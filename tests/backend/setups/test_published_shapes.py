"""What the README says of the setups of Gemma 3 and Qwen 3, worked out again."""

import re

import pytest
from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

from backend.setups import SHIPPED, load_setup
from backend.wording import in_bytes
from tests.support.scopes import PUBLISHED
from tests.support.shapes import SHAPES, Cost, cost

README = (SHIPPED / "README.md").read_text()
SECTION = README.partition("## Gemma 3 and Qwen 3")[2]


def in_hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 0.9 else f"{60 * hours:.0f} min"


def row(setup: str, found: Cost) -> str:
    """The README's row of it."""
    sae = found.needs.model - 2 * found.parameters
    gigabytes = (2 * found.parameters, 4 * found.parameters, sae, found.needs.memory)
    gigabytes += (found.download, found.needs.disk, found.kept)
    cells = [
        f"`{setup}`",
        f"{found.parameters / 1e6:,.0f} M",
        *(f"{number / 1e9:.1f}" for number in gigabytes),
        in_hours(found.hours),
        in_hours(found.hours / 4),
    ]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("setup", PUBLISHED)
def test_memory_disk_and_time_are_what_the_shape_comes_to(setup):
    assert row(setup, cost(SHAPES[setup])) in SECTION


def test_the_same_arithmetic_gives_what_is_said_of_gemma_2():
    found = cost(SHAPES["gemma-2-2b-it"])
    assert f"{found.hours:.1f} hours" in SECTION
    hardware = README.partition("### Hardware")[2].partition("## Gemma 3")[0]
    for said in ("5.2 GB of bfloat16 weights", "5.5 GB without", "11 GB while", "3 GB of them"):
        assert said in hardware
    assert in_bytes(2 * found.parameters) == "5.2 GB"
    assert in_bytes(found.download) == "5.5 GB"
    assert (round(found.needs.disk / 1e9), round(found.kept / 1e9)) == (11, 3)


@pytest.mark.parametrize("setup", PUBLISHED)
def test_every_layer_named_is_one_that_sae_lens_lists(setup):
    own = load_setup(setup).sae
    listed = get_pretrained_saes_directory()[own.release]
    said = re.search(rf"^\| `{re.escape(setup)}` .*layer (\d+) \| ([\d, to]+) \|$", README, re.M)
    layer, others = said.groups()
    first, _, last = others.partition(" to ")
    every = range(int(first), int(last) + 1) if last else map(int, others.split(", "))
    named = [re.sub(r"(?<=layer)(_?)\d+", rf"\g<1>{n}", own.sae_id) for n in every]
    assert own.sae_id.startswith((f"layer_{layer}_", f"layer{layer}"))
    assert {own.sae_id, *named} <= set(listed.saes_map)
    assert listed.model == load_setup(setup).model.name
    assert SHAPES[setup].block == PUBLISHED[setup].block == int(layer)


def test_another_layer_is_the_file_that_is_shown(tmp_path):
    (shown,) = re.findall("```toml\n(.*?)```", SECTION, re.S)
    (tmp_path / "mine.toml").write_text(shown)
    setup = load_setup(tmp_path / "mine.toml")
    listed = get_pretrained_saes_directory()[setup.sae.release]
    assert setup.sae.sae_id in listed.saes_map
    assert listed.model == setup.model.name
    assert setup.rmu.unit == "residual"
