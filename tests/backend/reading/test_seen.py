"""What the model sees, against the packed rows and the activations it stands for."""

import pytest

from backend.data.questions import PREFIX
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.interventions.method import setting_of
from backend.reading.seen import in_words, place_of, see
from backend.setups import load_setup
from tests.support.methods import METHODS
from tests.support.toy import D_SAE, write_setup


@pytest.fixture(scope="module", params=["cloze", "letter"])
def engine(request, tmp_path_factory, own_cache):
    return Engine(load_setup(write_setup(tmp_path_factory.mktemp("seen"), scoring=request.param)))


def test_tokens_are_those_of_the_packed_row_and_what_is_scored_is_spelled_out(engine):
    decode = engine.model.tokenizer.decode
    for place, packed in enumerate(engine.packed):
        view = see(engine, place, [])
        assert [t.id for t in view.tokens] == [
            i for i, b in zip(packed.ids, packed.branch, strict=True) if b == PREFIX
        ]
        for option in range(4):
            assert [t.id for t in view.options[option].tokens] == [
                i for i, b in zip(packed.ids, packed.branch, strict=True) if b == option
            ]
            wanted = [
                decode([t])
                for t, c in zip(packed.score_token, packed.score_choice, strict=True)
                if c == option
            ]
            assert list(view.options[option].scored) == wanted
        if engine.setup.scoring == "cloze":
            said = "".join(t.text for t in view.tokens) + "".join(view.options[1].scored)
            assert said == f"Question: {view.question.question}\nAnswer: {view.question.choices[1]}"


def test_firing_places_are_all_of_the_features_activations_and_no_other(engine):
    features = list(range(D_SAE))
    found = sum(len(see(engine, place, features).fired()) for place in range(engine.n_questions))
    assert found == len(engine.recording.acts.token) > 0
    feature = int(engine.recording.acts.counts().argmax())
    for place in range(engine.n_questions):
        assert all(not t.exempt for t in see(engine, place, [feature]).all_tokens() if t.fired)


def test_scores_are_the_baselines_and_those_with_clamps(engine):
    clamps = setting_of([(f, -9.0) for f in range(4)])
    after = engine.evaluate(clamps).scores
    place = place_of(engine, "history", 1)
    view = see(engine, place, [0, 1, 2, 3], after)
    assert view.question.question == "What fell that year?"
    assert view.set == "History"
    assert [o.before for o in view.options] == engine.recording.baseline[place].tolist()
    assert [o.after for o in view.options] == after[place].tolist()
    assert sum(o.p_after for o in view.options) == pytest.approx(1)
    assert "(right)" in in_words(view)


def test_a_set_or_row_there_is_none_of_is_said(engine):
    with pytest.raises(BadInput, match="no question set 'chemistry'"):
        place_of(engine, "chemistry", 0)
    with pytest.raises(BadInput, match="no question 9: its rows go from 0 to 3"):
        place_of(engine, "biology", 9)


@pytest.mark.parametrize(
    "method", [m for m in METHODS.values() if m.gate], ids=lambda m: m.gate.kind
)
def test_the_gate_is_seen_as_it_decides(engine, method):
    setting = setting_of([(f, -9.0) for f in range(4)], method)
    opened = engine.opening(setting)
    for place in range(engine.n_questions):
        gate = see(engine, place, setting.features, setting=setting).gate
        mine = (opened.sequences.row == place).nonzero().squeeze(-1).tolist()
        assert [s.statistic for s in gate.sequences] == opened.statistic[mine].tolist()
        assert [s.open for s in gate.sequences] == opened.open[mine].tolist()
        # A letter question is one sequence; in cloze each option is one, after the prefix.
        options = [None] if engine.setup.scoring == "letter" else [0, 1, 2, 3]
        assert [s.option for s in gate.sequences] == options
        for s in gate.sequences:
            assert s.along[-1] == s.statistic
            assert len(s.along) == len(s.tokens)
        view = see(engine, place, setting.features, setting=setting)
        assert gate.in_words() in in_words(view)
        assert ("stays closed" in gate.in_words()) == (gate.n_open == 0)


def test_without_a_gate_none_is_seen(engine):
    assert see(engine, 0, [1], setting=setting_of([(1, -2.0)])).gate is None
