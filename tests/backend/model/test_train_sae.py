"""The training command on the toy model: it trains, measures, saves, and goes on after a stop."""

import gzip
import json
import os

import numpy as np
import pytest
import torch
from sae_lens import SAE

from backend.__main__ import main
from backend.errors import BadInput
from backend.model import harvest as harvesting
from backend.model import train_sae as training
from backend.model.loading import load_hf
from backend.model.split import split
from backend.model.weights import model_source
from backend.setups import load_setup
from tests.support.toy import BIOLOGY, D_MODEL, OTHER, build_sae, build_tokenizer, write_jsonl


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.jsonl"
    write_jsonl(path, [{"text": " ".join((BIOLOGY + OTHER) * 20)} for _ in range(12)])
    return path


def test_command_trains_measures_and_saves(toy_toml, text, tmp_path, capsys):
    out = tmp_path / "sae"
    given = f"--text {text} --out {out} --block 1 --width 64 --k 8 --tokens 20480 --epochs 20"
    command = ["train-sae", str(toy_toml), *given.split()]
    assert main([*command, "--json"]) == 0
    measures = json.loads(capsys.readouterr().out)
    assert measures["variance_explained"] > 0.3
    assert measures["l0"] == 8
    sae = SAE.load_from_disk(str(out))
    assert (sae.cfg.d_sae, sae.cfg.architecture()) == (64, "topk")
    assert sae.cfg.metadata.hook_name == "blocks.1.hook_resid_post"
    assert main(command) == 2
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

    def harvest(folder, *on_progress):
        folder.mkdir(exist_ok=True)
        return harvesting.harvest(model, [text], 10240, setup.untouched, folder, *on_progress)

    with pytest.raises(Stop):
        harvest(tmp_path / "parts", stop_after_two)
    assert np.array_equal(harvest(tmp_path / "parts"), harvest(tmp_path / "whole"))


def test_rows_are_whole_and_none_goes_across_two_texts(text):
    tokenizer = build_tokenizer()
    texts = json.loads(text.read_text().splitlines()[0])["text"], "Too short for a row."
    ids = tokenizer(texts[0], add_special_tokens=False)["input_ids"]
    rows = list(harvesting.cut_rows(tokenizer, list(texts)))
    assert len(ids) > 2 * harvesting.ROW
    assert rows == [
        ids[i * harvesting.ROW :][: harvesting.ROW] for i in range(len(ids) // harvesting.ROW)
    ]


def test_files_take_turns(tmp_path):
    tokenizer = build_tokenizer()
    for name, word in (("a", " the"), ("b", " and")):
        write_jsonl(tmp_path / name, [{"text": word * 3 * harvesting.ROW}])
    first = [row[-1] for row in harvesting.mixed_rows(tokenizer, [tmp_path / "a", tmp_path / "b"])]
    assert len(first) == 6
    assert first[::2] == first[:1] * 3
    assert first[1::2] == first[1:2] * 3
    assert first[0] != first[1]


def test_variance_and_l0_are_their_formulas(tmp_path):
    build_sae(tmp_path, "standard")
    sae = SAE.load_from_disk(str(tmp_path))
    acts = np.random.default_rng(0).normal(size=(50, D_MODEL)).astype(np.float16)
    measures = training.measure(sae, acts, held_out=0.2)
    test = torch.from_numpy(acts[40:].astype(np.float32))
    with torch.inference_mode():
        feature_acts = sae.encode(test)
        error = (test - sae.decode(feature_acts)).square().sum()
        every = sae.encode(torch.from_numpy(acts.astype(np.float32)))
    explained = 1 - error / (test - test.mean(0)).square().sum()
    assert measures["held_out_tokens"] == 10
    assert measures["variance_explained"] == pytest.approx(float(explained), abs=1e-4)
    assert measures["l0"] == pytest.approx(float((feature_acts > 0).float().sum(1).mean()))
    assert measures["dead_share"] == pytest.approx(float((every <= 0).all(0).float().mean()))


def test_a_perfect_reconstruction_recovers_all_and_an_empty_one_nothing(toy):
    class Rebuilding:
        def __init__(self, share):
            self._share = share

        def encode(self, resid):
            return resid

        def decode(self, acts):
            return self._share * acts

    rows = [list(range(5, 25)), list(range(30, 60))]
    whole, nothing = (
        training.cross_entropy_recovered(toy.model, Rebuilding(share), rows, ("first",))
        for share in (1.0, 0.0)
    )
    assert whole["ce_sae"] == pytest.approx(whole["ce_model"])
    assert whole["ce_recovered"] == pytest.approx(1.0)
    assert nothing["ce_sae"] == pytest.approx(nothing["ce_zero"])
    assert nothing["ce_recovered"] == pytest.approx(0.0)


def test_text_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        list(harvesting.read_documents([tmp_path / "none.jsonl"]))
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{"words": 1}\n')
    with pytest.raises(BadInput, match="line 2"):
        list(harvesting.read_documents([tmp_path / "bad.jsonl"]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b'{"text": "a"}' * 99, mtime=0)[:40], "damaged gzip"),
        (gzip.compress(b"[" * 99_999, mtime=0), "line 1: a JSON object"),
        (b'{"text": "\\ud800"}', "half a character"),
        (b'{"text": 3}', "line 1: a JSON object"),
        (b"\xff", "no text in UTF-8"),
    ],
)
def test_text_that_is_damaged_is_named(tmp_path, content, said):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        list(harvesting.read_documents([tmp_path / "text"]))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("--tokens 2047", "--tokens: '2047' is no whole number from 2,048"),
        ("--width 8 --k 9", "k is 9: of 8 features 1 to 8 can be active"),
        ("--width 0", "--width: '0' is no whole number from 1"),
        ("--epochs 0", "--epochs: '0' is no whole number from 1"),
        ("--block -1", "--block: '-1' is no whole number"),
        ("--block 9", "the model has 4 blocks"),
        ("--out FILE", "is a file. Name a folder"),
        ("--text FOLDER", "cannot be read: it is a folder"),
        ("--text PIPE", "cannot be read: it is a device"),
        ("--text SHORT", "no row of 256 tokens to train on"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(toy_toml, text, tmp_path, capsys, args, said):
    (tmp_path / "short").write_text('{"text": "a few words"}')
    os.mkfifo(tmp_path / "pipe")
    places = {"FILE": text, "FOLDER": tmp_path, "PIPE": "pipe", "SHORT": "short"}
    given = [str(tmp_path / places[arg]) if arg in places else arg for arg in args.split()]
    command = ["train-sae", str(toy_toml), "--text", str(text), "--block", "1"]
    try:
        status = main(
            [*command, "--out", str(tmp_path / "sae"), "--width", "64", "--k", "8", *given]
        )
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert said in capsys.readouterr().err


def test_as_little_text_as_is_allowed_trains(toy_toml, text, tmp_path, capsys):
    given = f"--text {text} --out {tmp_path / 'sae'} --block 1 --width 8 --k 8 --tokens 2048"
    assert main(["train-sae", str(toy_toml), *given.split(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["held_out_tokens"] > 0


@pytest.mark.parametrize("damage", ["data", "short", "state", "torn"])
def test_a_damaged_harvest_is_made_again(toy_toml, text, tmp_path, damage):
    setup = load_setup(toy_toml)
    model = split(
        *load_hf(model_source(setup), dtype="float32", device="cpu"), "blocks.1.hook_resid_post"
    )
    folder = tmp_path / "parts"

    def harvest(n_tokens):
        folder.mkdir(exist_ok=True)
        return np.array(harvesting.harvest(model, [text], n_tokens, setup.untouched, folder))

    whole = harvest(4096)
    data, state = folder / "resid_1.f16", folder / "state_1.json"
    if damage == "data":
        content = bytearray(data.read_bytes())
        content[100] ^= 64
        data.write_bytes(content)
    elif damage == "short":
        data.write_bytes(data.read_bytes()[:-2])
    elif damage == "state":
        state.write_bytes(state.read_bytes().replace(b'"kept": ', b'"kept": 1'))
    else:
        state.write_bytes(state.read_bytes()[:20])
    assert np.array_equal(harvest(4096), whole)
