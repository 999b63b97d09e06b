"""A trained RMU as a file: read back as it was, or refused in a sentence."""

import json
import os
import random
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from backend.errors import BadInput, Unavailable
from backend.rivals.recipe import Recipe
from backend.rivals.trained import (
    ABOUT,
    About,
    Losses,
    Text,
    Trained,
    folder_of,
    hash_of,
    read,
    save,
    trained_in,
    trained_of,
)
from backend.setups import RmuSource, load_setup
from tests.support.toy import build_model

RECIPE = Recipe(layer=3, strength=200, unit="raw")
NAMES = [f"model.layers.{n}.mlp.down_proj.weight" for n in (1, 2, 3)]
ABOUT_IT = {
    "model": "toy",
    "text": Text(forget="biology", retain="other", tokens="0" * 64),
    "training": "t",
    "length": 200.0,
    "before": Losses(forget=2.0, retain=0.0),
    "after": Losses(forget=1.0, retain=0.1),
    "command": "python -m backend rmu toy",
}


@pytest.fixture
def hf():
    return build_model(300)


def matrices(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(32, 64, generator=generator) for name in NAMES}


def saved(place, hf, of=None, recipe=RECIPE):
    base = {name: hf.get_parameter(name) for name in NAMES}
    return save(place, recipe, of or matrices(), base, **ABOUT_IT)


def test_what_is_saved_is_read_back(tmp_path, hf):
    trained = saved(tmp_path, hf)
    assert trained.path == tmp_path / f"{trained.name}.safetensors"
    assert trained.name == f"l3-s200raw-a100-{trained.about.sha256[:8]}"
    assert read(trained.path) == trained
    got = trained.matrices()
    for name, matrix in matrices().items():
        assert torch.equal(got[name], matrix.bfloat16())
    assert trained.path.stat().st_size < 3 * 32 * 64 * 2 + 3_000


def test_a_file_is_named_by_recipe_and_content_and_never_by_where_it_lies(tmp_path, hf):
    (tmp_path / "folder").mkdir()
    first, second = saved(tmp_path / "folder", hf), saved(tmp_path / "mine.safetensors", hf)
    assert second.path == tmp_path / "mine.safetensors"
    assert first.name == second.name
    assert first.path.read_bytes() == second.path.read_bytes()
    assert saved(tmp_path, hf, matrices(1)).name != first.name
    assert saved(tmp_path, hf, recipe=replace(RECIPE, lr=1e-5)).about.sha256 != first.about.sha256


def test_it_goes_into_the_model_it_was_trained_on_in_either_precision(tmp_path, hf):
    trained = saved(tmp_path, hf)
    for model in (hf, build_model(300).bfloat16()):
        made = trained.into(model)
        assert torch.equal(made.get_parameter(NAMES[1]), trained.matrices()[NAMES[1]].to(hf.dtype))
        assert made.dtype == model.dtype


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_another_models_is_refused(tmp_path, hf, architecture):
    trained = saved(tmp_path, hf)
    with pytest.raises(BadInput, match="does not belong to this model: .* weights, of toy"):
        trained.into(build_model(300, architecture, seed=1))


def test_rounding_is_no_other_base(hf):
    base = {name: hf.get_parameter(name) for name in NAMES}
    assert hash_of(base) == hash_of({name: tensor.bfloat16() for name, tensor in base.items()})
    assert hash_of(base) != hash_of({name: 2 * tensor for name, tensor in base.items()})


def test_what_is_no_number_is_not_saved(tmp_path, hf):
    with pytest.raises(BadInput, match="lower the learning rate"):
        saved(tmp_path, hf, {**matrices(), NAMES[0]: torch.full((32, 64), torch.inf)})
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said(tmp_path, hf):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        saved(tmp_path / "file", hf)


# -- damaged, or another's ------------------------------------------------------------------------


def with_header(path, change, sealed=False):
    """The file written anew, with what it says of itself changed."""
    said = json.loads(about_of(path))
    change(said)
    if sealed:
        said = About(**said).sealed().model_dump()
    save_file(load_file(path), path, metadata={ABOUT: json.dumps(said)})


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def as_text(path, text):
    path.write_bytes(text)


def as_tensors(path, tensors, **metadata):
    save_file(tensors, path, metadata=metadata or None)


def header_alone(path, header):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: flipped(path, -5), "its matrices are not those that were written"),
        (lambda path: as_text(path, path.read_bytes()[:-5]), "is damaged"),
        (lambda path: as_text(path, path.read_bytes()[:300]), "is not JSON"),
        (lambda path: as_text(path, b""), "does not begin as one"),
        (lambda path: as_text(path, b"{}" * 99), "does not begin as one"),
        (lambda path: as_text(path, b"\xff" * 99), "does not begin as one"),
        (lambda path: as_tensors(path, {"a": torch.zeros(2)}), "its header is not that of one"),
        (lambda path: header_alone(path, []), "its header is not that of one"),
        (lambda path: header_alone(path, {"__metadata__": {ABOUT: "["}}), "is not JSON"),
        (
            lambda path: header_alone(path, {"__metadata__": {ABOUT: "{}"}, "a": {"shape": [[1]]}}),
            "its header is not that of one",
        ),
        (
            lambda path: with_header(path, lambda said: said.pop("base")),
            "field 'base' is missing",
        ),
        (
            lambda path: with_header(path, lambda said: said.update(more=1)),
            "field 'more' is none that this program knows",
        ),
        (
            lambda path: with_header(path, lambda said: said.update(base="x")),
            "field 'base' should match",
        ),
        (
            lambda path: with_header(path, lambda said: said["after"].update(retain=0.0)),
            "what it says of itself is not what was written",
        ),
        (
            lambda path: with_header(path, lambda said: said["recipe"].update(lr=1e-5), True),
            "its matrices are not those that were written",
        ),
        (
            lambda path: with_header(path, lambda said: said["recipe"].update(layer=4), True),
            "its matrices are not those its recipe changes",
        ),
        (
            lambda path: with_header(path, lambda said: said["recipe"].update(layer=1), True),
            "RMU's layer can be 2 to 999, not 1.",
        ),
        (
            lambda path: with_header(path, lambda said: said["text"].update(tokens="1" * 64), True),
            "its matrices are not those that were written",
        ),
        (
            lambda path: as_tensors(
                path,
                {name: matrix.float() for name, matrix in load_file(path).items()},
                **{ABOUT: about_of(path)},
            ),
            "its matrices are not in bfloat16",
        ),
        (
            lambda path: as_tensors(
                path,
                {name.replace("down", "up"): m for name, m in load_file(path).items()},
                **{ABOUT: about_of(path)},
            ),
            "its matrices are not those its recipe changes",
        ),
    ],
)
def test_what_is_damaged_or_something_else_is_said(tmp_path, hf, damage, said):
    path = saved(tmp_path / "mine.safetensors", hf).path
    damage(path)
    with pytest.raises(BadInput) as error:
        read(path)
    assert str(error.value).startswith(f"The trained RMU {path}")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bit_that_is_flipped_anywhere_is_found_or_changes_nothing(tmp_path, hf):
    trained = saved(tmp_path / "mine.safetensors", hf)
    content, places = trained.path.read_bytes(), random.Random(0)
    found = 0
    for _ in range(200):
        damaged = bytearray(content)
        damaged[places.randrange(2_500)] ^= 1 << places.randrange(8)
        trained.path.write_bytes(damaged)
        try:
            assert read(trained.path) == trained
        except BadInput:
            found += 1
    assert found > 190


def about_of(path):
    with safe_open(path, "pt") as file:
        return file.metadata()[ABOUT]


def test_what_is_no_file_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, said in (
        ("none", "cannot be read"),
        ("pipe", "no regular file"),
        ("", "cannot be read"),
    ):
        with pytest.raises(BadInput, match=said):
            read(tmp_path / name)


# -- those of a model -----------------------------------------------------------------------------


def test_those_the_setup_names_come_first_and_none_twice(toy_toml, tmp_path, hf):
    setup = load_setup(toy_toml)
    folder = folder_of("f")
    shipped = saved(tmp_path / "shipped.safetensors", hf)
    saved(folder, hf)
    mine = saved(folder, hf, matrices(1))
    os.utime(mine.path, (2e9, 2e9))
    assert [t.name for t in trained_of(setup, "f")] == [mine.name, shipped.name]
    with_shipped = replace(setup, rmu=RmuSource(models=(shipped.path,)))
    assert trained_of(with_shipped, "f") == [shipped, mine]
    assert trained_of(with_shipped, "another") == [shipped]
    assert trained_of(setup, "another") == []


def test_one_that_is_damaged_is_passed_over_and_said(tmp_path, hf, caplog):
    kept = saved(tmp_path, hf)
    (tmp_path / "a.safetensors").write_bytes(b"x" * 50)
    assert trained_in(tmp_path) == [kept]
    assert "a.safetensors is damaged, or no file of the command rmu" in caplog.text


def test_one_the_setup_names_is_an_error(toy_toml, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"x" * 50)
    setup = replace(load_setup(toy_toml), rmu=RmuSource(models=(tmp_path / "a.safetensors",)))
    with pytest.raises(BadInput, match="is damaged, or no file"):
        trained_of(setup, "f")


def test_a_trained_one_is_a_value(tmp_path, hf):
    trained = saved(tmp_path, hf)
    assert trained == Trained(trained.path, RECIPE, trained.about)
    assert trained.about.recipe == asdict(RECIPE)
