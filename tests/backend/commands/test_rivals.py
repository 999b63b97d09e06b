"""The command rmu: it trains on the toy, says what came out, and finds what it made."""

import json

import pytest

from backend.rivals.recipe import Recipe
from backend.rivals.trained import read, trained_of
from backend.setups import load_setup

SMALL = ("--layer", "2", "--steps", "3", "--batch", "2", "--tokens", "12")


def test_it_trains_keeps_and_finds(run, toy_toml, tmp_path):
    out = tmp_path / "mine.safetensors"
    value = json.loads(run("rmu", toy_toml, *SMALL, "--out", out, "--json").stdout)
    kept, copied = value["files"]
    trained = read(out)
    assert (copied, value["name"]) == (str(out), trained.name)
    assert trained.recipe == Recipe(layer=2, steps=3, batch=2, tokens=12)
    assert value["recipe"]["steps"] == 3
    assert value["after"]["forget"] < value["before"]["forget"]
    assert value["before"]["retain"] == 0
    assert value["seconds"] > 0
    again = run("rmu", toy_toml, *SMALL)
    assert again.stdout.startswith(f"{trained.name}: blocks 0 to 2, strength 3 times the residual")
    assert again.stdout.endswith(f"It was trained before, and is kept at {kept}.\n")
    assert json.loads(run("rmu", toy_toml, *SMALL, "--json").stdout)["seconds"] is None


def test_what_is_not_given_is_the_setups(run, toy_toml, tmp_path):
    made = run("rmu", toy_toml, *SMALL, "--out", tmp_path / "mine.safetensors")
    assert "Trained in " in made.stdout
    assert "Training RMU" in made.stderr
    toy_toml.write_text(
        toy_toml.read_text()
        + "[rmu]\nlayer = 2\nstrength = 5\nunit = 'raw'\nsteps = 2\nbatch = 1\ntokens = 8\n"
        + f"models = ['{tmp_path / 'mine.safetensors'}']\n"
    )
    value = json.loads(run("rmu", toy_toml, "--alpha", "7", "--json").stdout)
    assert value["recipe"] == {
        "layer": 2,
        "strength": 5.0,
        "unit": "raw",
        "alpha": 7.0,
        "steps": 2,
        "lr": 5e-4,
        "batch": 1,
        "tokens": 8,
        "seed": 0,
    }
    assert value["length"] == 5
    shipped, *here = trained_of(load_setup(toy_toml), "elsewhere")
    assert (shipped.recipe.steps, here) == (3, [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--layer", "1"), "'1' is no whole number from 2 to 999"),
        (("--strength", "-1"), "'-1' is no number from 0 to 1e+06"),
        (("--unit", "cooked"), "invalid choice: 'cooked'"),
        (("--lr", "0"), "'0' is no number from 1e-08 to 1"),
        (("--layer", "9"), "RMU's layer is 9, but the model has 4 blocks: give layer, from 2 to 3"),
        (("--tokens", "600"), "this model reads 512"),
        (("--out", "/"), "/ is a folder; name a file"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(run, toy_toml, given, said):
    run("rmu", toy_toml, *SMALL, *given).fails(said)


def test_a_grid_trains_evaluates_and_goes_on(run, toy_toml):
    steps = ("--layer", "2", "--steps", "2", "--batch", "1", "--tokens", "8")
    two = json.loads(run("rmu-grid", toy_toml, *steps, "--strength", "2", "--json").stdout)
    assert [p["recipe"]["alpha"] for p in two["points"]] == [100, 300, 500]
    grid = (*steps, "--strength", "2", "4", "--alpha", "100")
    four = json.loads(run("rmu-grid", toy_toml, *grid, "--cost", "100", "--json").stdout)
    assert four["points"][0] == two["points"][0], "found, not made anew"
    kept = [
        (p["halves"]["selection"]["forget"]["change_pp"], p["name"])
        for p in four["points"]
        if p["halves"]["selection"]["retain"]["change_pp"] >= -100
    ]
    assert four["best"] == min(kept, key=lambda entry: entry[0])[1]
    said = run("rmu-grid", toy_toml, *grid, "--cost", "100").stdout.splitlines()
    assert said[-1].startswith(f"{four['best']} forgets most")
    name, forget, retain, *_ = said[2].split()
    half = four["points"][0]["halves"]["selection"]
    assert name == four["points"][0]["name"]
    assert float(forget) == round(half["forget"]["change_pp"], 1)
    assert float(retain) == round(half["retain"]["change_pp"], 1)
    trials = json.loads(run("evaluate", toy_toml, "--rival", "rmu", "--of", name, "--json").stdout)
    assert trials["kept"] is not None, "the grid's runs are in the history"


def test_a_grid_that_is_too_large(run, toy_toml):
    alphas = [str(n) for n in range(1, 17)]
    made = run("rmu-grid", toy_toml, "--alpha", *alphas)
    made.fails("These are 64 recipes; at most 60 are trained in one call.")
