"""Mistakes are said before anything is loaded: no torch, no model."""

import subprocess
import sys

import numpy as np
import pytest

from backend.__main__ import _parser
from backend.commands.early import refuse_early
from backend.model.sae_on_disk import width_of
from backend.setups import SaeSource, load_setup
from backend.store import ROOT
from tests.support.toy import D_SAE, build_sae

LOADS_NOTHING = """
import sys
from backend.__main__ import main
status = main(sys.argv[1:])
assert not {"torch", "transformers", "sae_lens"} & set(sys.modules), "it was loaded"
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("evaluate", "--preset", "x"), "no preset 'x'"),
        (("evaluate", "--clamps", "1:2", "--sets", "biology,zoo"), "no question set 'zoo'"),
        (("evaluate", "--clamps", f"{D_SAE}:2"), f"no feature {D_SAE}"),
        (("feature", str(D_SAE)), f"this SAE has features 0 to {D_SAE - 1}"),
        (("dose", str(D_SAE)), f"no feature {D_SAE}"),
        (("sweep", "--features", "1", str(D_SAE)), f"no feature {D_SAE}"),
        (("evaluate", "--clamps", "1:2", "--refusal", f"{D_SAE}:1"), "to be a refusal latent"),
        (("evaluate", "--rival", "leace", "--of", "x"), "a direction is found from"),
    ],
)
def test_nothing_is_loaded_to_say_what_is_wrong(toy_toml, args, said):
    command, *rest = args
    result = subprocess.run(
        [sys.executable, "-c", LOADS_NOTHING, command, str(toy_toml), *rest],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert result.returncode == 2, result.stderr
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("line", ["evaluate TOY --clamps 1:2 --sets history", "feature TOY 0"])
def test_what_is_right_is_passed(toy_toml, line):
    args = _parser().parse_args(line.replace("TOY", str(toy_toml)).split())
    refuse_early(load_setup(args.setup), args)


@pytest.mark.parametrize("kind", ["topk", "jumprelu"])
def test_the_width_of_a_folder_is_read_without_loading_it(tmp_path, kind):
    build_sae(tmp_path, kind)
    assert width_of(SaeSource(path=tmp_path)) == D_SAE


def test_the_width_of_gemma_scopes_form_is_its_biass(tmp_path):
    np.savez(tmp_path / "params.npz", b_enc=np.zeros(37, np.float32))
    assert width_of(SaeSource(path=tmp_path)) == 37


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"d_sae": "x"}', b"{}"])
def test_a_width_that_cannot_be_told_is_left_to_loading(tmp_path, content):
    (tmp_path / "cfg.json").write_bytes(content)
    (tmp_path / "params.npz").write_bytes(content)
    assert width_of(SaeSource(path=tmp_path)) is None


def test_the_width_of_a_hub_sae_is_left_to_loading():
    assert width_of(SaeSource(release="r", sae_id="s")) is None
