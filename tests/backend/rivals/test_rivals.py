"""The board's figures for every rival, against whole passes of a plain copy of the model; and what
is kept of them.
"""

from dataclasses import replace

import pytest
import torch

from backend.engine.engine import Engine
from backend.errors import BadRival, Unavailable
from backend.evaluation.recordings import record
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import KINDS, PUSHED, Rival
from backend.model import positions
from backend.model.held import Ready
from backend.model.split import SplitModel
from backend.rivals import rivals as rivals_module
from backend.rivals.prompts import WORDINGS
from backend.rivals.trained import folder_of
from backend.setups import load_setup
from tests.support.bits import assert_same, need_own_bits
from tests.support.rivals import PROMPT, Slow, rival_of, toy_of, untrained

CHAT = "<bos><start_of_turn>user\n"
VARIANTS = {
    "cloze": ({}, ""),
    "cloze per character, special, qwen 2": (
        {"architecture": "qwen2", "scoring": "cloze_per_char", "untouched": ("special",)},
        "",
    ),
    "letter as in lm-eval, first and sinks": (
        {"scoring": "letter", "prompt": "lm-eval", "untouched": ("first", "sinks")},
        "",
    ),
    "letter in the chat format, special, gemma 2": (
        {
            "architecture": "gemma2",
            "chat": True,
            "scoring": "letter",
            "prompt": "paper-chat",
            "untouched": ("special",),
        },
        CHAT,
    ),
    "cloze after <bos>, gemma 3": ({"architecture": "gemma3", "chat": True}, "<bos>"),
}
"""A toy, and what its tokenizer or its chat format puts before a question."""


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request, tmp_path_factory):
    how, before = VARIANTS[request.param]
    folder = tmp_path_factory.mktemp("rivals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(positions, "SINK_RATIO", 1.15)  # so that a random model has some
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        yield Engine(load_setup(toy_of(folder, **how))), before


@pytest.mark.parametrize("kind", KINDS)
def test_the_boards_figures_are_those_of_whole_passes(variant, kind):
    engine, before = variant
    rival = rival_of(engine, kind)
    setting = Setting(rival=rival)
    fast, reference = engine.evaluate(setting, anew=True), engine.evaluate_reference(setting)
    plain = Slow(engine, rival, before).scores(engine.packed, engine.setup.scoring)
    for slow in (reference.scores, plain):
        torch.testing.assert_close(fast.scores, slow, atol=1e-4, rtol=1e-5)
        assert torch.equal(fast.predictions(), slow.argmax(-1))
    assert [(s.lost, s.gained) for s in fast.sets] == [(s.lost, s.gained) for s in reference.sets]
    assert fast.complete
    assert fast.affected.all()
    assert (fast.scores - fast.baseline).abs().amax(-1).min() > 0.01, "a question did not move"


def test_each_kind_does_something_else(variant):
    engine, _ = variant
    scores = [engine.evaluate(Setting(rival=rival_of(engine, kind))).scores for kind in KINDS]
    for n, mine in enumerate(scores):
        assert not any(torch.allclose(mine, other, atol=1e-3) for other in scores[:n])


def test_the_models_own_answers_are_the_same_bits_after_every_rival(variant):
    engine, _ = variant
    clamps = setting_of([(f, -9.0) for f in range(4)])
    before = engine.evaluate(clamps, anew=True).scores
    weights = {name: tensor.clone() for name, tensor in engine.model.hf.named_parameters()}
    for kind in KINDS:
        engine.evaluate(Setting(rival=rival_of(engine, kind)), anew=True)
    again = record(engine.runner, engine.recording.rows, stage="", scoring=engine.setup.scoring)
    assert torch.equal(again.baseline, engine.recording.baseline)
    assert torch.equal(engine.evaluate(NOTHING, anew=True).scores, engine.recording.baseline)
    assert torch.equal(engine.evaluate(clamps, anew=True).scores, before)
    for name, tensor in engine.model.hf.named_parameters():
        assert torch.equal(tensor, weights[name]), name


def with_budget(engine, tokens):
    """The engine's evaluator with other batches."""
    return replace(engine.evaluator, held=Ready(replace(engine.runner, budget=tokens)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_has_the_same_bits_whatever_runs_with_it(variant, kind):
    engine, _ = variant
    setting = Setting(rival=rival_of(engine, kind))
    whole = engine.evaluate(setting, anew=True)
    some = torch.arange(engine.n_questions) % 3 == 1
    for made in (
        engine.evaluate(setting, only=some, anew=True),
        with_budget(engine, 16).evaluate(setting, only=some, anew=True),
    ):
        assert_same(engine.runner, made.scores[some], whole.scores[some])
        assert torch.equal(made.scores[~some], engine.recording.baseline[~some])
        assert torch.equal(made.affected, some)
    alone = with_budget(engine, 1).evaluate(setting, anew=True)
    assert_same(engine.runner, alone.scores, whole.scores)


def test_in_half_precision_too(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    path = toy_of(tmp_path, scoring="letter", untouched=())
    path.write_text(path.read_text().replace('dtype = "float32"', 'dtype = "bfloat16"'))
    engine = Engine(load_setup(path))
    for kind in KINDS:
        setting = Setting(rival=rival_of(engine, kind))
        fast, slow = engine.evaluate(setting), engine.evaluate_reference(setting)
        torch.testing.assert_close(fast.scores, slow.scores, atol=0.5, rtol=0.05)
        alone = with_budget(engine, 1).evaluate(setting, anew=True)
        assert_same(engine.runner, alone.scores, fast.scores)


# -- what is kept ---------------------------------------------------------------------------------


class Stop(Exception):
    pass


def nothing_runs(monkeypatch):
    for part in ("run_head", "read_tail"):
        monkeypatch.setattr(SplitModel, part, lambda *args: pytest.fail("it ran"))


@pytest.fixture(params=KINDS)
def tried(request, toy):
    """A setting of each kind of rival, on a toy that keeps answers."""
    need_own_bits(toy.runner)
    return Setting(rival=rival_of(toy, request.param))


def test_asked_again_nothing_runs_in_another_engine_neither(toy, toy_toml, tried, monkeypatch):
    first = toy.evaluate(tried)
    nothing_runs(monkeypatch)
    for engine in (toy, Engine(load_setup(toy_toml))):
        again = engine.evaluate(tried)
        assert again.kept is not None
        assert torch.equal(again.scores, first.scores)
        assert again.sets == first.sets
    assert [trial.run.setting for trial in toy.history.trials()] == [tried]


def test_answers_are_kept_where_the_run_is_not(toy, tried, monkeypatch):
    first = toy.evaluate(tried)
    toy.results.forget(tried)
    nothing_runs(monkeypatch)
    again = toy.evaluate(tried)
    assert torch.equal(again.known, first.affected)
    assert torch.equal(again.scores, first.scores)


def test_a_run_that_is_stopped_goes_on_from_what_it_has(toy, toy_toml, tried):
    def stop(partial):
        ran.append(partial)
        if len(ran) == 2:
            raise Stop

    ran = []
    with pytest.raises(Stop):
        with_budget(toy, 32).evaluate(tried, stop)
    done = ran[-1].done
    assert 0 < int(done.sum()) < toy.n_questions
    assert toy.finished(tried) is None
    for engine in (Engine(load_setup(toy_toml)), toy):
        later = engine.evaluate(tried)
        assert torch.equal(later.scores, toy.evaluate(tried, anew=True).scores)
        if engine is not toy:  # which then finds what the other engine finished
            assert torch.equal(later.known, done)
            assert later.n_run == toy.n_questions - int(done.sum())


def test_finding_a_direction_can_be_stopped_and_lets_the_model_go(toy):
    def stop(progress):
        assert progress.stage == "Finding the directions between the texts"
        raise Stop

    setting = Setting(rival=toy.rivals.named("leace"))
    with pytest.raises(Stop):
        toy.evaluate(setting, on_wait=stop)
    assert not toy.busy
    assert toy.evaluate(setting).complete


def test_another_rival_shares_no_answer(toy):
    need_own_bits(toy.runner)
    settings = [
        *(Setting(rival=rival_of(toy, kind)) for kind in KINDS),
        Setting(rival=untrained(toy, seed=1)),
        Setting(rival=Rival("prompt", "Forget all of it.")),
        Setting(rival=toy.rivals.named("leace", strength=0.25)),
        setting_of([(1, -9.0)]),
    ]
    for setting in settings:
        made = toy.evaluate(setting)
        assert made.n_known == 0
        assert torch.equal(toy.evaluate(setting, anew=True).scores, made.scores)
        if setting.rival is not None:
            slow = Slow(toy, setting.rival).scores(toy.packed, toy.setup.scoring)
            torch.testing.assert_close(made.scores, slow, atol=1e-4, rtol=1e-5)


# -- what is not there ----------------------------------------------------------------------------


def refused(call, *words):
    with pytest.raises(BadRival) as error:
        call()
    said = str(error.value)
    assert [word for word in words if word not in said] == [], said
    assert said.isprintable()
    assert len(said) < 300


def test_without_their_weights_results_stay_and_nothing_else_runs(toy, toy_toml):
    rival = untrained(toy)
    setting = Setting(rival=rival)
    first = toy.evaluate(setting)
    [path] = folder_of(toy.weights.fingerprint).glob("*.safetensors")
    path.unlink()
    engine = Engine(load_setup(toy_toml))
    assert engine.rivals.trained() == []
    assert torch.equal(engine.evaluate(setting).scores, first.scores)
    assert engine.lights(engine.finished(setting)) == toy.lights(first)
    assert [trial.run.setting for trial in engine.history.trials()] == [setting]
    said = f"There is no RMU '{rival.of}' of this model here. There is none."
    refused(lambda: engine.evaluate(setting, anew=True), said)
    refused(lambda: engine.evaluate_reference(setting), said)
    untrained(engine, seed=1)
    refused(lambda: engine.evaluate(setting, anew=True), rival.of, "There is l2-s3-a100-seed1-")


def test_weights_of_another_model_are_refused(toy):
    rival = untrained(toy)
    toy.model.hf.get_parameter("model.layers.1.mlp.down_proj.weight").data += 1.0
    with pytest.raises(Exception, match="does not belong to this model") as error:
        toy.evaluate(Setting(rival=rival))
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("kind", PUSHED)
def test_a_direction_of_other_text_is_refused_before_anything_is_measured(toy, monkeypatch, kind):
    setting = Setting(rival=Rival(kind, "0123456789ab"))
    monkeypatch.setattr(rivals_module, "measured", lambda *args: pytest.fail("it was measured"))
    for call in (toy.evaluate, toy.evaluate_reference):
        refused(lambda call=call: call(setting), "other text", "0123456789ab", toy.rivals.texts)
    assert toy.rivals.times_residual(setting.rival, toy.recording) is None


def test_a_prompt_after_which_a_question_is_too_long_is_refused(toy):
    setting = Setting(rival=Rival("prompt", "xq zj " * 160))
    refused(lambda: toy.evaluate(setting), "more than the 512 this model reads")
    assert toy.finished(setting) is None


def test_what_is_asked_for_by_name_is_found(toy):
    refused(lambda: toy.rivals.named("rmu"), "No RMU of this model is trained yet", "rmu toy")
    first, second = untrained(toy, seed=1), untrained(toy, seed=2)
    assert toy.rivals.named("rmu") in (first, second)
    assert toy.rivals.named("rmu", second.of) == second
    refused(lambda: toy.rivals.named("rmu", "other"), "no RMU 'other'", first.of, second.of)
    refused(lambda: toy.rivals.named("rmv"), "no rival 'rmv'", "rmu, difference-of-means")
    assert toy.rivals.named("prompt").of == WORDINGS[0].text
    assert toy.rivals.named("prompt", WORDINGS[1].title).of == WORDINGS[1].text
    assert toy.rivals.named("prompt", PROMPT) == Rival("prompt", PROMPT)
    assert toy.rivals.named("leace", strength=0.5) == Rival("leace", toy.rivals.texts, 0.5)
    refused(lambda: toy.rivals.named("leace", strength=-1.0), "The strength of LEACE is -1")


@pytest.mark.parametrize("kind", ["rmu", "prompt"])
def test_where_memory_runs_out_batches_are_halved(toy, monkeypatch, kind):
    sizes, real, most = [], SplitModel.run_head, 200

    def tight(self, ids, *rest):
        sizes.append(ids.numel())
        if ids.numel() > most:
            raise torch.OutOfMemoryError("no room")
        return real(self, ids, *rest)

    setting = Setting(rival=rival_of(toy, kind))
    whole = toy.evaluate(setting, anew=True)
    monkeypatch.setattr(SplitModel, "run_head", tight)
    assert_same(toy.runner, toy.evaluate(setting, anew=True).scores, whole.scores)
    assert min(sizes) <= most < max(sizes)
    most = 0
    with pytest.raises(Unavailable, match="Not enough memory for a single question"):
        toy.evaluate(setting, anew=True)
