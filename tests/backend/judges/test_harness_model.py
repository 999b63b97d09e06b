"""The hooked model under lm-evaluation-harness's own class, against the board on the same rows."""

import logging
from dataclasses import replace

import pytest
import torch

from backend.data.prompts import harness_prompt, pack_text
from backend.data.questions import LETTERS, PREFIX
from backend.data.token_text import UNFINISHED
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.reference import Reference
from backend.experiments.generate import writing
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.rival import PUSHED
from backend.judges.hooked_model import hooked_model
from backend.model import positions
from backend.setups import load_setup
from tests.support.methods import METHODS
from tests.support.rivals import rival_of, toy_of
from tests.support.toy import write_setup

pytest.importorskip(
    "lm_eval", reason="pip install --no-deps -r backend/judges/requirements-judges.txt"
)
logging.getLogger("lm_eval").setLevel(logging.ERROR)

CLAMPS = [(0, -40.0), (3, 5.0), (9, 0.0)]
EXACT = {"atol": 1e-4, "rtol": 1e-5}


def judge(engine: Engine, setting: Setting, batch_size: int = 8):
    from backend.judges.harness_model import HarnessModel

    return HarnessModel(hooked_model(engine, setting), batch_size)


def tokens(packed):
    """(context, option) in tokens, of each option of a question."""
    prefix = [i for i, b in zip(packed.ids, packed.branch, strict=True) if b == PREFIX]
    return [
        (
            ("", ""),
            prefix,
            [
                token
                for token, choice in zip(packed.score_token, packed.score_choice, strict=True)
                if choice == option
            ],
        )
        for option in range(4)
    ]


def scores(lm, engine):
    requests = [pair for packed in engine.packed for pair in tokens(packed)]
    found = lm._loglikelihood_tokens(requests)
    return torch.tensor([score for score, _ in found]).view(-1, 4)


def request(*args):
    from lm_eval.api.instance import Instance

    return Instance("generate_until", {}, args, 0)


@pytest.fixture
def told(tmp_path, monkeypatch) -> Engine:
    """A toy with every rule on which positions are left alone, and with sinks for them."""
    monkeypatch.setattr(positions, "SINK_RATIO", 1.2)
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    return Engine(load_setup(write_setup(tmp_path, untouched=("first", "special", "sinks"))))


@pytest.mark.parametrize("method", [None, *METHODS])
def test_scores_are_the_boards_by_every_method(told, method):
    setting = setting_of(CLAMPS, METHODS[method]) if method else setting_of(CLAMPS)
    if (gate := setting.method.gate) is not None:
        *_, middle, _ = told.opening(setting).statistic.unique().tolist()
        setting = setting._replace(method=replace(setting.method, gate=replace(gate, tau=middle)))
        opened = told.opening(setting).open
        assert opened.any() and not opened.all(), "the gate tells nothing apart"
    ours = told.evaluate(setting)
    assert (ours.scores - ours.baseline).abs().max() > 0.01
    torch.testing.assert_close(scores(judge(told, setting), told), ours.scores, **EXACT)


def test_scores_without_a_setting_are_the_baseline(told):
    torch.testing.assert_close(scores(judge(told, NOTHING), told), told.recording.baseline, **EXACT)


@pytest.mark.parametrize("kind", ["rmu", *PUSHED])
def test_scores_are_the_boards_by_every_rival_but_a_prompt(toy, kind):
    setting = Setting(rival=rival_of(toy, kind))
    ours = toy.evaluate(setting)
    assert (ours.scores - ours.baseline).abs().max() > 0.01
    torch.testing.assert_close(scores(judge(toy, setting), toy), ours.scores, **EXACT)


def test_a_prompt_is_refused(toy):
    with pytest.raises(BadInput, match="take evaluate"):
        hooked_model(toy, Setting(rival=rival_of(toy, "prompt")))


def test_padding_is_neither_clamped_nor_counted(told):
    setting = setting_of(CLAMPS, Method(gate=Gate("rho", 0.6)))
    one, several = (scores(judge(told, setting, size), told) for size in (1, 7))
    torch.testing.assert_close(one, several, **EXACT)
    assert torch.equal(one.argmax(-1), several.argmax(-1))


def test_a_row_that_ends_like_padding_is_told_from_a_shorter_one(told):
    """The toy's token 0 is what rows are padded with."""
    lm = judge(told, setting_of(CLAMPS, Method(gate=Gate("rho", 0.3))))
    asked = [(("", ""), [5, 40, 60], [7]), (("", ""), [5, 40, 60, 0, 0], [7])]
    alone = [lm._loglikelihood_tokens([one])[0][0] for one in asked]
    together = [score for score, _ in lm._loglikelihood_tokens(asked)]
    assert together == pytest.approx(alone, abs=1e-4)
    assert abs(alone[0] - alone[1]) > 1e-3


def test_the_same_tokens_after_another_context_are_another_row(told):
    """A sink is told by the context, so where that ends can matter."""
    lm = judge(told, setting_of(CLAMPS))
    asked = [(("", ""), [5, 40, 60], [9, 7]), (("", ""), [5, 40, 60, 9], [7])]
    assert len(list(lm._batches(asked))) == 2


def test_a_part_of_a_long_text_is_its_own_prefix(toy):
    setting = setting_of(CLAMPS)
    text = "The heart pumps blood through the body. Leaves make sugar."
    lm = judge(toy, setting)
    (found,) = lm.loglikelihood_rolling([request(text)], disable_tqdm=True)
    ids = [lm.prefix_token_id, *lm.tok_encode(text)]
    reference = Reference(*toy.load_plain(), toy.sae, toy.setup.untouched)
    (wanted,) = reference.scores([pack_text(ids)], setting, "cloze")
    assert found == pytest.approx(float(wanted[0]), abs=1e-3)


def test_a_model_with_bos_reads_it_once_and_first(tmp_path, monkeypatch):
    """Gemma 2's shape, letters, the harness's own tokens."""
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(positions, "SINK_RATIO", 1.15)
    rules = ("first", "special", "sinks")
    asked = {"scoring": "letter", "prompt": "lm-eval", "untouched": rules}
    engine = Engine(load_setup(toy_of(tmp_path, "gemma2", chat=True, **asked)))
    gated = setting_of(CLAMPS, Method(gate=Gate("rho", 0.3)))
    assert int(engine.opening(gated).open.sum()) > 0
    lm, ours = judge(engine, gated), engine.evaluate(gated)
    requests = [
        request(harness_prompt(question, (), cloze=False), f" {letter}")
        for question in engine.sets.questions
        for letter in LETTERS
    ]
    found = lm.loglikelihood(requests, disable_tqdm=True)
    theirs = torch.tensor([score for score, _ in found]).view(-1, 4)
    assert (ours.scores - ours.baseline).abs().max() > 0.01
    torch.testing.assert_close(theirs, ours.scores, **EXACT)
    chat = lm.tok_encode(lm.apply_chat_template([{"role": "user", "content": "A cell"}]))
    bos = engine.tokenizer.bos_token_id
    assert chat.count(bos) == 1 and chat[0] == bos


TEXTS = ("Which organ pumps blood?", "The old town by the sea, and a cell has a nucleus")


@pytest.mark.parametrize("method", ["none", *METHODS, "opens late", "rival"])
def test_texts_are_those_the_board_writes(told, method):
    late = Method(gate=Gate("rho", 0.5))
    setting = {
        "none": setting_of(CLAMPS),
        "opens late": setting_of(CLAMPS, late),
        "rival": Setting(rival=rival_of(told, "projection")),
        **{name: setting_of(CLAMPS, method) for name, method in METHODS.items()},
    }[method]
    lm = judge(told, setting)
    asked = [request(text, {"until": [], "max_gen_toks": 12}) for text in TEXTS]
    theirs = lm.generate_until(asked, disable_tqdm=True)
    ours = []
    for text in TEXTS:
        *_, last = writing(told, text, False, setting, max_tokens=12)
        ours.append(last)
    assert [text.rstrip(UNFINISHED) for text in theirs] == [written.text for written in ours]
    assert any(written.edited for written in ours)
    if method == "opens late":
        assert any((w.opened_at or 0) > w.n_prompt for w in ours), [w.statistic for w in ours]


def test_several_texts_at_once_from_one_prompt_are_refused(toy):
    lm = judge(toy, setting_of(CLAMPS))
    beams = {"until": [], "max_gen_toks": 4, "num_beams": 2}
    with pytest.raises(BadInput, match="one at a time"):
        lm.generate_until([request(TEXTS[0], beams)], disable_tqdm=True)


def test_a_model_that_is_read_without_being_told_is_an_error(toy):
    hooked = hooked_model(toy, setting_of(CLAMPS))
    with pytest.raises(RuntimeError, match="not told"):
        hooked.hf(torch.tensor([[5, 6, 7]]))
