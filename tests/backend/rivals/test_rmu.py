"""RMU against its formula, written out; stopped and resumed; on every architecture; of a setup."""

import copy
import math
from dataclasses import replace
from itertools import count

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from backend.errors import BadInput, BadSetup, Showcase
from backend.rivals import rmu, training
from backend.rivals.pieces import Pieces
from backend.rivals.recipe import Recipe
from backend.rivals.rmu import Trainee, direction, matrices_of, train
from backend.rivals.trained import folder_of, read
from backend.rivals.training import kept, train_for
from backend.setups import CorpusSource, RmuSource, load_setup
from backend.store import locked
from tests.support.gemma import gemma_model
from tests.support.toy import ARCHITECTURES, build_model

RECIPE = Recipe(
    layer=3, strength=40, unit="raw", alpha=20, steps=3, lr=1e-3, batch=3, tokens=9, seed=5
)


def pieces(seed=0, longest=9):
    generator = torch.Generator().manual_seed(seed)

    def some():
        sizes = torch.randint(2, longest + 1, (7,), generator=generator).tolist()
        return [torch.randint(3, 300, (n,), generator=generator).tolist() for n in sizes]

    return Pieces(some(), some())


def by_the_formula(hf, recipe, text):
    """Three steps on whole models, row by row, without a line of what is tested but the order in
    which pieces are drawn: the matrices, and the two terms before each step.
    """
    frozen, updated = copy.deepcopy(hf), copy.deepcopy(hf)
    names = [
        f"model.layers.{n}.mlp.down_proj.weight" for n in range(recipe.layer - 2, recipe.layer + 1)
    ]
    trained = [updated.get_parameter(name).requires_grad_() for name in names]
    optimizer = torch.optim.AdamW(trained, lr=recipe.lr, weight_decay=0.0)
    u = torch.rand(hf.config.hidden_size, generator=torch.Generator().manual_seed(recipe.seed))
    control = u / u.norm() * recipe.strength

    def after_block(model, row):
        seen = []
        handle = model.model.layers[recipe.layer].register_forward_hook(
            lambda module, given, out: seen.append(out[0] if isinstance(out, tuple) else out)
        )
        model(torch.tensor([row]))
        handle.remove()
        return seen[0].reshape(len(row), -1)

    def rows(role, step):
        batch = text.draw(role, step, recipe.batch, recipe.seed, torch.device("cpu"))
        return [ids[real].tolist() for ids, real in zip(batch.ids, batch.real, strict=True)]

    def mean_square(differences):
        return torch.cat(differences).square().mean()

    terms = []
    for step in range(recipe.steps):
        forget = mean_square([after_block(updated, row) - control for row in rows("forget", step)])
        retain = mean_square(
            [
                after_block(updated, row) - after_block(frozen, row).detach()
                for row in rows("retain", step)
            ]
        )
        optimizer.zero_grad()
        (forget + recipe.alpha * retain).backward()
        optimizer.step()
        terms.append((float(forget.detach()), float(retain.detach())))
    return dict(zip(names, trained, strict=True)), terms


@pytest.mark.parametrize("layer", [2, 3])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_three_steps_are_those_of_the_formula(architecture, layer, monkeypatch):
    hf, recipe, text = build_model(300, architecture), replace(RECIPE, layer=layer), pieces()
    terms = []
    for name in ("forget_term", "retain_term"):
        plain = getattr(Trainee, name)

        def noted(*args, plain=plain):
            term = plain(*args)
            terms.append(float(term.detach()))
            return term

        monkeypatch.setattr(Trainee, name, noted)
    out = train(hf, recipe, text)
    wanted, wanted_terms = by_the_formula(hf, recipe, text)
    assert list(out.matrices) == list(wanted)
    for name, matrix in out.matrices.items():
        torch.testing.assert_close(matrix, wanted[name].detach(), atol=1e-5, rtol=0)
        assert (matrix - hf.get_parameter(name)).abs().max() > 1e-3
    got = list(zip(terms[:6:2], terms[1:6:2], strict=True))
    torch.testing.assert_close(torch.tensor(got), torch.tensor(wanted_terms), rtol=1e-5, atol=1e-6)
    assert (out.before.forget, out.before.retain) == (pytest.approx(got[0][0]), 0.0)
    assert out.after.forget < out.before.forget
    assert out.length == 40


@pytest.mark.parametrize("version", [1, 2])
def test_gemmas_own_scale_of_embeddings_is_there(version):
    """And three steps of a deeper one, of which five blocks never run."""
    hf, text = gemma_model(300, version, n_blocks=9, d_model=32), pieces()
    wanted, _ = by_the_formula(hf, RECIPE, text)
    for name, matrix in train(hf, RECIPE, text).matrices.items():
        torch.testing.assert_close(matrix, wanted[name].detach(), atol=1e-5, rtol=0)


def test_the_model_that_is_trained_on_stays_as_it_is():
    hf = build_model(300, "gemma2")
    before, settings = copy.deepcopy(hf.state_dict()), hf.config.to_dict()
    ids = torch.randint(3, 300, (2, 9))
    logits = hf(ids).logits
    train(hf, RECIPE, pieces())
    assert hf.config.to_dict() == settings
    assert all(torch.equal(tensor, before[name]) for name, tensor in hf.state_dict().items())
    assert all(parameter.grad is None for parameter in hf.parameters())
    assert torch.equal(hf(ids).logits, logits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_stopped_anywhere_it_goes_on_with_the_same_bits(architecture, dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(rmu, "EVERY_S", 0.0)
    monkeypatch.setattr(rmu, "WRITING", math.inf)
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path))
    hf, text = build_model(300, architecture).to(dtype), pieces()
    recipe = replace(RECIPE, steps=5, unit="residual", strength=3)

    class Stop(Exception):
        pass

    def stop_at(number):
        def report(progress):
            if progress.stage == "Training RMU":
                ran.append(progress.done)
                if progress.done == number:
                    raise Stop

        return report

    ran: list[int] = []
    state = tmp_path / "state.safetensors"
    for number in (2, 3):
        with pytest.raises(Stop):
            train(hf, recipe, text, ("first",), state=state, on_progress=stop_at(number))
        monkeypatch.setattr(rmu, "EVERY_S", 0.0)  # the first time only the stop itself keeps it
    resumed = train(hf, recipe, text, ("first",), state=state, on_progress=stop_at(-1))
    assert ran == [0, 1, 2, 0, 3, 0, 4, 5]
    unbroken = train(hf, recipe, text, ("first",))
    for name, matrix in unbroken.matrices.items():
        assert matrix.dtype == torch.float32
        assert torch.equal(resumed.matrices[name], matrix)
    assert resumed[2:] == unbroken[2:]


def test_a_state_that_is_damaged_is_begun_again(tmp_path, monkeypatch):
    monkeypatch.setattr(rmu, "EVERY_S", 0.0)
    hf, text, state = build_model(300), pieces(), tmp_path / "state.safetensors"
    whole = train(hf, RECIPE, text, state=state)
    content = bytearray(state.read_bytes())
    content[-9] ^= 1
    state.write_bytes(content)
    again = train(hf, RECIPE, text, state=state)
    assert all(torch.equal(again.matrices[name], whole.matrices[name]) for name in whole.matrices)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_activations_computed_twice_give_the_same_bits(architecture):
    hf, text = build_model(300, architecture), pieces()
    kept_whole = train(hf, RECIPE, text, checkpointed=False)
    computed_twice = train(hf, RECIPE, text, checkpointed=True)
    for name, matrix in kept_whole.matrices.items():
        assert torch.equal(matrix, computed_twice.matrices[name])


def test_activations_are_computed_twice_where_memory_asks_for_it(monkeypatch):
    given = []
    plain = Trainee.of.__func__

    def noted(cls, hf, recipe, checkpointed=False):
        given.append(checkpointed)
        return plain(cls, hf, recipe, checkpointed)

    monkeypatch.setattr(Trainee, "of", classmethod(noted))
    for free in (None, 10**12, 1000):
        monkeypatch.setattr(rmu, "free_bytes", lambda device, free=free: free)
        train(build_model(300), replace(RECIPE, steps=1), pieces())
    assert given == [False, False, True]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_matrices_are_found_by_name(architecture):
    hf = build_model(300, architecture)
    names = matrices_of(hf, Recipe(layer=2))
    assert names == [f"model.layers.{n}.mlp.down_proj.weight" for n in range(3)]
    assert {hf.get_parameter(name).shape for name in names} == {torch.Size([32, 64])}


def test_a_model_without_them_is_refused():
    other = GPT2LMHeadModel(GPT2Config(n_layer=4, n_embd=32, n_head=2, vocab_size=300))
    with pytest.raises(BadSetup, match="kind GPT2LMHeadModel has no mlp.down_proj"):
        train(other, RECIPE, pieces())
    with pytest.raises(BadSetup, match="layer is 4, but the model has 4 blocks: .* from 2 to 3"):
        train(build_model(300), replace(RECIPE, layer=4), pieces())


def test_the_direction_is_of_length_one_in_the_positive_orthant():
    u = direction(64, 3)
    assert u.norm() == pytest.approx(1, abs=1e-6)
    assert (u >= 0).all()
    assert torch.equal(u, direction(64, 3))
    assert not torch.equal(u, direction(64, 4))


def test_a_strength_in_residuals_is_of_their_median_length_where_clamps_act():
    hf, text = build_model(300), pieces()
    norms = []
    for row in text.forget:
        hidden = hf(torch.tensor([row]), output_hidden_states=True).hidden_states
        norms += hidden[2 + 1][0, 1:].norm(dim=-1).tolist()
    recipe = replace(RECIPE, layer=2, strength=3, unit="residual")
    length = train(hf, recipe, text, ("first",)).length
    assert length == pytest.approx(3 * sorted(norms)[(len(norms) - 1) // 2], rel=1e-5)
    with pytest.raises(BadInput, match="only tokens that no clamp touches"):
        train(hf, recipe, Pieces([[5], [6]], [[7]]), ("first",))


# -- of a setup -----------------------------------------------------------------------------------

TOY = Recipe(layer=2, steps=4, batch=2, tokens=12)


def test_a_setups_model_is_trained_once_and_found_afterwards(toy_toml):
    setup = load_setup(toy_toml)
    reports = []
    assert kept(setup, TOY) is None
    trained = train_for(setup, TOY, reports.append)
    notes = [progress.note for progress in reports if progress.note]
    assert "4 steps of 2 and 2 pieces" in notes[0]
    assert " of memory beside the model (" in notes[0]
    assert read(trained.path) == trained
    assert trained.about.text.forget == "biology text"
    assert trained.about.command == f"python -m backend rmu toy {TOY.arguments}"
    assert trained.about.after.forget < trained.about.before.forget
    assert not any(trained.path.parent.glob("states/*"))
    again = []
    assert train_for(setup, TOY, again.append) == kept(setup, TOY) == trained
    assert "Training RMU" not in {progress.stage for progress in again}
    assert kept(setup, replace(TOY, steps=5)) is None


def test_the_same_training_has_the_same_name_and_bytes(toy_toml):
    setup = load_setup(toy_toml)
    first = train_for(setup, TOY)
    content = first.path.read_bytes()
    first.path.unlink()
    assert train_for(setup, TOY).path == first.path
    assert first.path.read_bytes() == content
    assert first.name.startswith("l2-s3-a100-n4-")
    assert train_for(setup, replace(TOY, seed=1)).about.sha256 != first.about.sha256


def test_one_that_is_stopped_goes_on(toy_toml):
    setup, seen = load_setup(toy_toml), count()

    class Stop(Exception):
        pass

    def stop(progress):
        if progress.stage == "Training RMU" and progress.done == 2 and not next(seen):
            raise Stop

    with pytest.raises(Stop):
        train_for(setup, TOY, stop)
    reports = []
    resumed = train_for(setup, TOY, reports.append)
    assert [p.done for p in reports if p.stage == "Training RMU"] == [0, 3, 4]
    resumed.path.unlink()
    assert train_for(setup, TOY).about == resumed.about


def test_another_process_that_trains_the_same_is_waited_for(toy_toml):
    setup = load_setup(toy_toml)
    asked = training._asked(setup, TOY, lambda progress: None)

    class Waiting(Exception):
        pass

    def report(progress):
        if progress.stage.startswith("Another process is training this RMU"):
            raise Waiting

    with locked(asked.folder / f"{asked.name}.lock"), pytest.raises(Waiting):
        train_for(setup, TOY, report)


def test_text_of_its_own_takes_the_place_of_the_setups(toy_toml):
    setup = load_setup(toy_toml)
    own = replace(setup.corpora[0], title="less biology", documents=2)
    mine = replace(setup, rmu=RmuSource(corpora=(own,)))
    text = train_for(mine, TOY).about.text
    assert (text.forget, text.retain) == ("less biology", "other text")
    assert kept(setup, TOY) is None
    assert isinstance(own, CorpusSource)


def test_pieces_longer_than_the_model_reads_are_refused(toy_toml):
    with pytest.raises(BadInput, match="Pieces of 513 tokens .* but this model reads 512"):
        train_for(load_setup(toy_toml), replace(TOY, tokens=513))


def test_a_training_that_runs_away_is_said(monkeypatch):
    plain = Trainee.retain_term
    monkeypatch.setattr(Trainee, "retain_term", lambda *args: plain(*args) / 0)
    with pytest.raises(
        BadInput, match="left the finite numbers at step 1: lower the learning rate"
    ):
        train(build_model(300), RECIPE, pieces())


def test_a_showcase_trains_nothing(toy_toml, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    with pytest.raises(Showcase):
        train_for(load_setup(toy_toml), TOY)


def test_those_of_another_model_lie_elsewhere():
    assert folder_of("a") != folder_of("b")
