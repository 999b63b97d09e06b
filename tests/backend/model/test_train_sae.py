"""The training command on the toy model: it trains, measures, saves in sae-lens's format, and goes
on after a stop.
"""

import json

import numpy as np
import pytest
from sae_lens import SAE

from backend.__main__ import main
from backend.errors import BadInput
from backend.model import train_sae as training
from backend.model.split import load_hf, split
from backend.model.weights import model_source
from backend.setups import load_setup
from tests.support.toy import BIOLOGY, OTHER, write_jsonl


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.jsonl"
    write_jsonl(path, [{"text": " ".join((BIOLOGY + OTHER) * 20)} for _ in range(12)])
    return path


def test_command_trains_measures_and_saves(toy_toml, text, tmp_path, capsys):
    out = tmp_path / "sae"
    args = [
        "--text",
        text,
        "--out",
        out,
        "--block",
        1,
        "--width",
        64,
        "--k",
        8,
        "--tokens",
        20480,
        "--epochs",
        20,
    ]
    assert main(["train-sae", str(toy_toml), *map(str, args), "--json"]) == 0
    measures = json.loads(capsys.readouterr().out)
    assert measures["variance_explained"] > 0.3 and measures["l0"] == 8
    sae = SAE.load_from_disk(str(out))
    assert (
        sae.cfg.d_sae == 64
        and sae.cfg.metadata.hook_name == "blocks.1.hook_resid_post"
        and sae.cfg.architecture() == "topk"
    )
    assert main(["train-sae", str(toy_toml), *map(str, args)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_harvest_goes_on_where_it_was_stopped(toy_toml, text, tmp_path):
    setup = load_setup(toy_toml)
    model = split(
        *load_hf(model_source(setup), dtype="float32", device="cpu"), "blocks.1.hook_resid_post"
    )

    class Stop(Exception):
        pass

    def stop_after_two(progress):
        if progress.done == 2:
            raise Stop

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), parts.mkdir()
    expected = training.harvest(model, [text], 10240, setup.untouched, whole)
    with pytest.raises(Stop):
        training.harvest(model, [text], 10240, setup.untouched, parts, stop_after_two)
    assert np.array_equal(training.harvest(model, [text], 10240, setup.untouched, parts), expected)


def test_text_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        list(training.read_documents([tmp_path / "none.jsonl"]))
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{"words": 1}\n')
    with pytest.raises(BadInput, match="line 2"):
        list(training.read_documents([tmp_path / "bad.jsonl"]))
