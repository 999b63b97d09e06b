"""The RMU that ships with the demo: small, whole, of the demo's recipe and of its model."""

import pytest

from backend.model.loading import weights_of
from backend.rivals.recipe import Recipe, recipe_of
from backend.rivals.trained import read, trained_of
from backend.rivals.training import sources_of
from backend.setups import load_setup


@pytest.mark.parametrize("name", ["demo", "smollm2-wmdp"])
def test_it_is_of_the_setups_recipe_and_text(name):
    setup = load_setup(name)
    (path,) = setup.rmu.models
    trained = read(path)
    assert path.stat().st_size <= 6_000_000
    assert trained.recipe == recipe_of(setup.rmu) == Recipe()
    text = trained.about.text
    assert [text.forget, text.retain] == [source.title for source in sources_of(setup)]
    assert trained.about.command == f"python -m backend rmu demo {Recipe().arguments}"
    assert trained_of(setup, "nothing trained here") == [trained]


@pytest.mark.demo
def test_it_belongs_to_the_demos_model():
    setup = load_setup("demo")
    hf, _ = weights_of(setup).load()
    (path,) = setup.rmu.models
    made = read(path).into(hf)
    for block in (4, 5, 7, 8):
        name = f"model.layers.{block}.mlp.down_proj.weight"
        same = (made.get_parameter(name) == hf.get_parameter(name)).float().mean()
        assert same == 1 if block in (4, 8) else same < 0.5
