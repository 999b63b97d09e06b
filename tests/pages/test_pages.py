"""Every page drawn by Streamlit's own AppTest, from app.py, on the toy setup."""

import html
import json
import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from backend.evaluation.change import affected_questions
from backend.experiments.generate import generate, prompt_ids
from backend.features.finding import COLUMNS, good_one
from backend.features.rankers import RANKERS
from backend.interventions.board import Board, Slider, board_of
from backend.interventions.method import NOTHING, Gate, Method, Refusal, setting_of
from backend.reading.own_text import firing, read_text
from backend.sharing.export import export, to_text
from backend.store import ROOT
from components import frame


def words(at: AppTest) -> str:
    return " ".join(
        str(e.value)
        for kind in (
            at.title,
            at.header,
            at.subheader,
            at.caption,
            at.markdown,
            at.error,
            at.warning,
            at.info,
        )
        for e in kind
    )


def board(at: AppTest) -> str:
    return " ".join(e.proto.body for e in at.main if e.type == "html") or " ".join(
        str(e) for e in at.get("html")
    )


def sliders(at: AppTest) -> dict:
    """What the slider list was given to draw."""
    return json.loads(_slider_list(at).proto.json)


def slide(
    at: AppTest, *, master: float = 1.0, solo: int | None = None, **rows: tuple[float, bool]
) -> AppTest:
    """What the browser sends after an edit: f2=(-4.0, True) is the row of feature 2; a row left out
    was removed.
    """
    edit = {
        "number": 1,
        "master": master,
        "solo": solo,
        "rows": [[int(name[1:]), value, on] for name, (value, on) in rows.items()],
    }
    states = at._tree.get_widget_states()
    mine = states.widgets.add()
    mine.id, mine.json_value = _slider_list(at).proto.id, json.dumps({"edit": edit})
    return at._run(states)


def _slider_list(at: AppTest):
    return next(e for e in at.main if e.type == "bidi_component")


def gate(at: AppTest) -> dict | None:
    """What the picture of the gate was given to draw."""
    picture = _gate_picture(at)
    return None if picture is None else json.loads(picture.proto.json)


def _gate_picture(at: AppTest):
    components = [e for e in at.main if e.type == "bidi_component"]
    return next((e for e in components if "strips" in json.loads(e.proto.json)), None)


@pytest.mark.parametrize(
    "page", ["clamp", "tune", "search", "feature", "question", "words", "runs"]
)
def test_every_page_has_a_title_and_the_frame(app, page):
    at = app(page)
    assert len(at.title) == 1
    assert not at.error
    assert any("Toy" in e.value for e in at.sidebar.markdown)


def test_a_link_brings_its_clamps_and_the_board_says_the_engines_numbers(app, toy):
    at = app(clamps="2:-40,!3:-5")
    result = toy.evaluate(setting_of([(2, -40.0)]))
    markup = board(at)
    for s in result.sets:
        assert f"{100 * s.baseline_accuracy:.1f} % → <b>{100 * s.accuracy:.1f} %</b>" in markup
    assert "2 clamped" in words(at)
    assert "1 on, 1 off" in words(at)


def test_moving_a_slider_changes_the_board_and_undo_brings_it_back(app, toy):
    at = app(clamps="2:-4")
    slide(at, f2=(-3.5, True))
    assert at.session_state.board.sliders[0].value == -3.5
    assert toy.finished(setting_of([(2, -3.5)])) is not None
    next(b for b in at.button if b.label == "Undo").click().run()
    assert at.session_state.board.sliders[0].value == -4.0
    assert sliders(at)["groups"][0]["rows"][0]["value"] == -4.0
    next(b for b in at.button if b.label == "Redo").click().run()
    assert at.session_state.board.sliders[0].value == -3.5


def test_a_moved_slider_runs_only_what_its_feature_touches(app, toy):
    at = app(clamps="2:-4,5:-61")
    slide(at, f2=(-4.0, True), f5=(-62.0, True))
    whole = toy.evaluate(setting_of([(2, -4.0), (5, -62.0)]), anew=True)
    touched = int(affected_questions(toy.recording, setting_of([(5, 0.0)])).sum())
    known = int(whole.affected.sum()) - touched
    said = f"{touched} run{f', {known} known from before' if known else ''}, in "
    assert said in words(at)
    assert torch.equal(at.session_state.shown.scores, whole.scores)


def test_a_run_that_is_sure_enough_stops_is_marked_and_goes_on(app, toy, monkeypatch):
    monkeypatch.setattr("backend.model.held.TOKENS_PER_BATCH", {("cpu", "float32"): 16})
    monkeypatch.setattr(
        "backend.statistics.Z95", 0.01
    )  # seven questions are never sure of the rest
    at = app(clamps="0:-4,1:-4")
    at.toggle(key="clamp_stop_when_sure").set_value(True).run()
    slide(at, f0=(-63.0, True), f1=(-63.0, True))
    assert "A sample: forget " in words(at)
    assert toy.finished(setting_of([(0, -63.0), (1, -63.0)])) is None
    left = next(b for b in at.button if b.label.startswith("Run the other"))
    left.click().run()
    assert "known from before" in words(at)
    assert toy.finished(setting_of([(0, -63.0), (1, -63.0)])) is not None


def test_off_solo_master_and_remove(app):
    at = app(clamps="2:-4,3:-5")
    slide(at, f2=(-4.0, False), f3=(-5.0, True))
    assert at.session_state.board.setting() == setting_of([(3, -5.0)])
    assert at.session_state.board.sliders[0].value == -4.0
    slide(at, f2=(-4.0, True), f3=(-5.0, True), solo=2, master=2.0)
    assert at.session_state.board.setting() == setting_of([(2, -8.0)])
    slide(at, f3=(-5.0, True), master=2.0)
    assert at.session_state.board.features() == (3,)
    assert at.session_state.board.setting() == setting_of([(3, -10.0)])


@pytest.mark.parametrize(
    "rows",
    [
        {"f2": ("x", True)},
        {"f2": (float("nan"), True)},
        {"f2": (-1e9, True)},
        {"f9": (1.0, True), "f2": (-4.0, True)},
    ],
)
def test_a_message_that_does_not_fit_the_board_changes_nothing(app, rows):
    at = app(clamps="2:-4")
    assert not slide(at, **rows).exception
    assert at.session_state.board.sliders == (Slider(2, -4.0),)


def test_features_are_added_by_number_and_by_words(app):
    at = app()
    at.text_input(key="clamp_add").set_value("7").run()
    assert at.session_state.board.features() == (7,)
    assert at.text_input(key="clamp_add").value == ""
    at.text_input(key="clamp_add").set_value("virus").run()
    at.button(key="clamp_hit_5").click().run()
    assert at.session_state.board.features() == (7, 5)
    assert not at.exception
    at.text_input(key="clamp_add").set_value("99").run()
    assert "no feature 99" in words(at)


def test_sorting_and_grouping_reorder_the_rows_and_nothing_else(app, toy):
    at = app(clamps="3:-5,2:-4,!1:-4")
    at.selectbox(key="clamp_order").set_value("number").run()
    at.selectbox(key="clamp_group").set_value("on or off").run()
    assert [(g["title"], [r["feature"] for r in g["rows"]]) for g in sliders(at)["groups"]] == [
        ("Off", [1]),
        ("On", [2, 3]),
    ]
    assert at.session_state.board.features() == (3, 2, 1)


def test_preset_button_clamps_the_presets_features(app, toy):
    at = app()
    next(b for b in at.button if b.label == "Forget biology").click().run()
    assert not at.exception
    assert at.session_state.board.setting() == toy.preset("forget-biology")
    assert f"“{toy.preset_titles[toy.preset('forget-biology')]}”: " in words(at)
    assert NOTHING not in toy.preset_titles


def test_clamps_survive_a_change_of_page(app):
    at = app(clamps="2:-4")
    at.switch_page("pages/search.py").run()
    at.switch_page("pages/clamp.py").run()
    assert at.session_state.board.setting() == setting_of([(2, -4.0)])


@pytest.mark.parametrize(
    "link",
    [
        {"clamps": "abc"},
        {"clamps": "999:1"},
        {"clamps": "1:1", "master": "x"},
        {"feature": "999"},
        {"feature": "²"},
        {"half": "left"},
        {"clamps": "2:-4", "method": "rho"},
        {"clamps": "2:-4", "method": "rho:1.5"},
        {"clamps": "2:-4", "method": "refusal:24:-5"},
    ],
)
def test_a_bad_link_is_said_and_the_page_works(app, link):
    at = app(**link)
    assert "link" in " ".join(w.value for w in at.warning)
    assert at.title[0].value == "Clamp"


def test_search_lists_what_matches_and_says_when_nothing_does(app):
    at = app("search")
    at.text_input(key="search_text").set_value("virus").run()
    assert 5 in features(at)
    at.text_input(key="search_text").set_value("xylophone").run()
    assert "No feature matches" in words(at)
    at.text_input(key="search_text").set_value("x" * 5000).run()
    assert "at most" in words(at)
    assert not at.exception


def found(at: AppTest) -> dict | None:
    """What the list of features was given to draw; None where there is none."""
    element = _feature_list(at)
    return None if element is None else json.loads(element.proto.json)


def _feature_list(at: AppTest):
    components = [e for e in at.main if e.type == "bidi_component"]
    return next((e for e in components if "ticked" in json.loads(e.proto.json)), None)


def features(at: AppTest) -> list[int]:
    return [row["feature"] for row in found(at)["rows"]]


def send(at: AppTest, **message) -> AppTest:
    """What the browser sends of the list."""
    states = at._tree.get_widget_states()
    mine = states.widgets.add()
    mine.id, mine.json_value = _feature_list(at).proto.id, json.dumps(message)
    return at._run(states)


def of_column(at: AppTest, title: str) -> list[float]:
    number = [column["title"] for column in found(at)["columns"]].index(title)
    return [row["values"][number] for row in found(at)["rows"]]


def test_search_says_why_each_row_is_there_and_how_a_slip_was_read(app):
    at = app("search")
    at.text_input(key="search_text").set_value("virsu").run()
    assert "Read as: virus" in words(at)
    assert not at.exception
    (row,) = [row for row in found(at)["rows"] if row["feature"] == 5]
    assert "label: viruses" in row["why"]


def test_search_by_own_text_lists_what_fires_there(app, toy):
    text = "The heart pumps blood."
    at = app("search")
    at.text_area(key="search_own").set_value(text).run()
    at.toggle(key="search_own_sparse").set_value(False).run()
    expected = firing(read_text(toy, text), toy.atlas.table, densest=None)
    quiet = toy.atlas.table.set_index("feature")[["fires_forget", "fires_retain"]].sum(axis=1) == 0
    ordered = sorted(expected["feature"], key=lambda feature: quiet[feature])
    assert features(at) == ordered  # stable: strongest first, those on no question last
    assert not at.exception
    first = expected.set_index("feature").loc[ordered[0]]
    token = read_text(toy, text).tokens[int(first["at"])].strip()
    assert found(at)["rows"][0]["why"] == [f"your text: {first['act']:.1f} at “{token}”"]


@pytest.mark.parametrize("rank", [*RANKERS, *COLUMNS])
def test_every_order_lists_features_or_says_why_not(app, toy, rank):
    at = app("search")
    at.selectbox(key="search_rank").set_value(rank).run()
    assert not at.exception
    if rank in RANKERS:
        assert at.get("latex")
        assert RANKERS[rank].source.split(".")[0] in words(at)
    if found(at) is None:
        assert at.info or at.error
        return

    def ranked() -> list[float]:
        if rank in COLUMNS:
            return toy.atlas.table[COLUMNS[rank]][features(at)].tolist()
        if RANKERS[rank].needs_attribution:
            sign = -1 if rank == "attribution-against" else 1
            return [sign * value for value in of_column(at, "Attr. forget")]
        return of_column(at, "Score")

    assert ranked() == sorted(ranked(), reverse=True)
    at.toggle(key="search_smallest").set_value(True).run()
    assert ranked() == sorted(ranked())


def test_filters_are_said_with_what_they_leave(app, toy):
    at = app("search")
    at.toggle(key="search_labelled").set_value(True).run()
    assert sorted(features(at)) == [3, 5]
    assert "labelled, of" in words(at)
    assert any("1 on" in markdown.value for markdown in at.markdown)
    at.toggle(key="search_starred").set_value(True).run()
    assert "none passes the filters: labelled; starred" in words(at)


def test_selected_features_stay_selected_over_searches_and_go_to_the_clamp_page(app):
    at = app("search")
    at.toggle(key="search_labelled").set_value(True).run()
    send(at, edit={"number": 1, "ticked": [5]})
    at.toggle(key="search_labelled").set_value(False).run()
    at.text_input(key="search_text").set_value("7").run()
    send(at, edit={"number": 1, "ticked": [7, 999, "x"]})
    button = next(b for b in at.button if b.label.startswith("Clamp selected"))
    assert button.label == "Clamp selected (2)"
    button.click().run()
    assert at.session_state.board.features() == (5, 7)
    assert at.session_state.chosen == ()


def test_a_row_opens_its_feature(app):
    at = app("search")
    assert found(at)["rows"]
    wanted = features(at)[1]
    send(at, open=wanted)
    assert at.session_state.feature == wanted


def test_a_number_typed_is_that_feature_first_and_another_is_searched_for(app):
    at = app("search")
    at.text_input(key="search_text").set_value("#9").run()
    assert features(at)[0] == 9
    assert "Read as" not in words(at)
    at.text_input(key="search_text").set_value("4711").run()
    assert "No feature matches" in words(at)


def test_every_chip_finds_something(app, toy):
    (chips,) = [g for g in app("search").button_group if g.key == "search_chip"]
    assert chips.options
    assert all(len(toy.atlas.search(chip).hits) for chip in chips.options)


def test_labels_are_counted_and_ones_own_can_be_taken_away(app, toy):
    at = app("search")
    assert "0 labels of your own, 2 of the setup, 0 of Neuronpedia" in words(at)
    toy.atlas.relabel(8, label="nerves")
    try:
        at.run()
        assert "1 labels of your own" in words(at)
        assert not at.exception
        at.text_input(key="search_text").set_value("zzqx").run()
        assert "1 labels of your own" in words(at), "also where nothing was found"
    finally:
        toy.atlas.relabel(8, label="")


def test_a_file_of_labels_is_imported_or_refused_in_words(app, toy):
    at = app("search")
    at.file_uploader(key="labels_file").upload(
        "mine.jsonl", b'{"index": "99", "description": "x"}'
    ).run()
    at.button(key="labels_import").click().run()
    assert "no feature 99" in at.error[0].value
    mine = b'{"index": "9", "description": "mine", "typeName": "clampboard-own"}'
    at.file_uploader(key="labels_file").upload("mine.jsonl", mine).run()
    at.button(key="labels_import").click().run()
    toy.atlas.refresh()
    assert "Taken over: 1 own" in at.success[0].value
    assert toy.atlas.name(9) == "mine"
    toy.atlas.relabel(9, label="")


def test_feature_page_shows_the_feature_and_steps_to_the_next(app, toy):
    at = app("feature", feature="5")
    assert at.title[0].value == "5 · viruses"
    next(b for b in at.button if b.label == "Next").click().run()
    assert at.title[0].value.startswith("6 · ")


def test_the_menus_feature_is_the_last_one_else_the_boards_first_else_a_good_one(app, toy):
    assert app("feature").title[0].value == f"{good_one(toy.atlas.table)} · viruses"
    at = app("feature", clamps="7:-4,2:-4")
    assert at.title[0].value.startswith("7 · ")
    next(b for b in at.button if b.label == "Next").click().run()
    at.switch_page("pages/search.py").run()
    at.switch_page("pages/feature.py").run()
    assert at.title[0].value.startswith("8 · ")


def pick(at, label):
    return next(b for b in at.button if b.label == label)


def test_the_foot_goes_back_to_a_setting_and_undo_takes_that_back(app, toy):
    at = app(clamps="2:-4")
    toy.evaluate(setting_of([(1, -12.5)]))
    at.run()
    box = next(s for s in at.selectbox if s.label == "Go back to")
    wanted = next(t.id for t in toy.history.trials() if t.run.setting == setting_of([(1, -12.5)]))
    box.set_value(wanted).run()
    assert at.session_state.board.setting() == setting_of([(1, -12.5)])
    assert not at.exception
    pick(at, "Undo").click().run()
    assert at.session_state.board.setting() == setting_of([(2, -4.0)])


def test_a_pinned_pair_is_compared_on_the_runs_page(app, toy):
    at = app(clamps="1:-200")
    pick(at, "Pin as A").click().run()
    at.session_state.board = board_of(*setting_of([(2, -4.0)]))
    at.run()
    pick(at, "Pin as B").click().run()
    assert at.session_state.pins == (setting_of([(1, -200.0)]), setting_of([(2, -4.0)]))
    at.switch_page("pages/runs.py").run()
    assert not at.exception
    beside = next(frame.value for frame in at.dataframe if "Right only in A" in frame.value)
    assert beside["n"].tolist()[2:] == [len(s.questions) for s in toy.sets]
    next(b for b in at.button if b.label == "Unpin A").click().run()
    assert at.session_state.pins[0] is None
    assert "compare it with the board, or pin two" in words(at)


def test_an_expectation_is_kept_with_the_next_setting(app, toy):
    toy.results.forget(setting_of([(3, -6.5)]))
    at = app(clamps="2:-4")
    next(t for t in at.text_input if t.label.startswith("What do you expect")).set_value(
        "history stays"
    ).run()
    assert toy.results.read(setting_of([(2, -4.0)])).hypothesis == ""
    at.session_state.board = board_of(*setting_of([(3, -6.5)]))
    at.run()
    assert toy.results.read(setting_of([(3, -6.5)])).hypothesis == "history stays"
    assert at.session_state.hypothesis.text == ""
    assert "history stays" in [t.value for t in at.text]


def test_words_are_those_of_the_generator_and_stay_when_the_page_is_left(app, toy):
    at = app("words", clamps="0:-40")
    at.text_area(key="words_prompt").set_value("The <b>heart</b>").run()
    at.slider(key="words_length").set_value(8).run()
    at.button(key="words_write").click().run()
    assert not at.exception
    ids = prompt_ids(toy.model.tokenizer, "The <b>heart</b>", chat=False)
    for setting, mine in zip(
        (NOTHING, setting_of([(0, -40.0)])), at.session_state.words.texts, strict=True
    ):
        *_, last = generate(toy.runner, ids, setting, max_tokens=8)
        assert mine == last
        spans = re.findall(r'data-short="[^"]*">(.*?)</span>', board(at), re.DOTALL)
        assert html.escape(last.text.strip()) in "".join(spans)
    assert "then part" in words(at)
    at.switch_page("pages/runs.py").run()
    at.switch_page("pages/words.py").run()
    assert "then part" in words(at)
    assert at.text_area(key="words_prompt").value == "The <b>heart</b>"


def test_the_words_page_writes_by_the_method_and_says_when_the_gate_opened(app, toy):
    at = app("words", clamps="0:-40", method="rho:1")
    name = toy.name_of(setting_of([(0, -40.0)], Method(gate=Gate("rho", 1.0))))
    assert f"Clamped: {name}." in words(at).replace("\\", "")
    at.text_area(key="words_prompt").set_value("The heart").run()
    at.slider(key="words_length").set_value(8).run()
    at.button(key="words_write").click().run()
    assert not at.exception
    before, after = at.session_state.words.texts
    assert (before.statistic, after.opened_at) == (None, None)
    assert f"the gate stayed closed (statistic {after.statistic:.4g})" in words(at)
    assert "Both texts are the same." in words(at)


GATED = Method(gate=Gate("rho", 0.35))


def test_a_link_brings_its_gate_and_what_it_opens(app, toy):
    at = app(clamps="2:-40", method="rho:0.35")
    setting = setting_of([(2, -40.0)], GATED)
    assert at.session_state.board.setting() == setting
    result, opened = toy.finished(setting), toy.opening(setting)
    for s in result.sets:
        assert f"{100 * s.baseline_accuracy:.1f} % → <b>{100 * s.accuracy:.1f} %</b>" in board(at)
    for strip in gate(at)["strips"]:
        mine = opened.rows[toy.sets.role(strip["role"])] > 0
        assert (strip["open"], strip["n"]) == (int(mine.sum()), len(mine))
    assert at.query_params["method"] == "rho:0.35"


def test_a_gate_chosen_on_the_page_has_its_tau_found_and_undo_takes_it_away(app, toy):
    at = app(clamps="2:-40")
    at.button_group(key=f"gate_kind_{at.session_state.revision}").set_value("rho").run()
    assert not at.exception
    gated, found = toy.calibrate(
        setting_of([(2, -40.0)], Method(gate=Gate("rho", 0.0))), 0.05, "quantile", "questions"
    )
    assert at.session_state.board.setting() == gated
    assert found.in_words() in [c.value for c in at.caption]
    assert toy.finished(gated) is not None
    pick(at, "Undo").click().run()
    assert at.session_state.board.setting() == setting_of([(2, -40.0)])
    assert gate(at) is None


def test_where_tau_was_found_is_not_said_of_other_features(app):
    at = app(clamps="2:-40")
    at.button_group(key=f"gate_kind_{at.session_state.revision}").set_value("rho").run()
    assert [c for c in at.caption if c.value.startswith("Tau ")]
    at.text_input(key="clamp_add").set_value("9").run()
    assert at.session_state.board.features() == (2, 9)
    assert not [c for c in at.caption if c.value.startswith("Tau ")]


def let_go(at: AppTest, tau: object) -> AppTest:
    """What the browser sends when tau's handle is let go."""
    states = at._tree.get_widget_states()
    mine = states.widgets.add()
    mine.id = _gate_picture(at).proto.id
    mine.json_value = json.dumps({"edit": {"number": 1, "tau": tau}})
    return at._run(states)


def test_a_handle_let_go_sets_tau(app, toy):
    at = app(clamps="2:-40", method="rho:0.35")
    assert not let_go(at, 0.4).exception
    assert at.session_state.board.method == Method(gate=Gate("rho", 0.4))
    assert gate(at)["tau"] == 0.4


@pytest.mark.parametrize("tau", [-1, 2, "x", None, float("nan")])
def test_a_tau_that_cannot_be_changes_nothing(app, tau):
    at = app(clamps="2:-40", method="rho:0.35")
    assert not let_go(at, tau).exception
    assert at.session_state.board.method == GATED


def test_two_changes_at_once_are_both_kept(app):
    """As where the second comes while the page is still drawn after the first."""
    at = app(clamps="2:-40")
    n = at.session_state.revision
    at.number_input(key=f"write_threshold_{n}").set_value(0.5)
    at.toggle(key=f"write_norm_{n}").set_value(True).run()
    assert at.session_state.board.method == Method(0.5, keep_norm=True)


def test_what_a_refusal_latent_is_set_to_is_changed(app):
    at = app(clamps="2:-40", method="refusal:7:-9")
    n = at.session_state.revision
    at.number_input(key=f"write_value_{n}").set_value(-20.0).run()
    assert not at.exception
    assert at.session_state.board.method == Method(refusal=Refusal(7, -20.0))


def test_an_exported_file_opens_the_board_it_came_from(app, toy):
    board = Board((Slider(1, -120.0), Slider(4, -2.0, on=False)), 1.5, method=GATED)
    file = to_text(export(toy, toy.evaluate(board.setting()), board, "held-out"))
    at = app(clamps="2:-4")
    at.get("file_uploader")[0].upload("mine.json", file.encode(), "application/json").run()
    assert at.session_state.board == board
    assert at.session_state.half == "held-out"
    assert "The same figures as in the file" in " ".join(s.value for s in at.success)
    pick(at, "Undo").click().run()
    assert at.session_state.board.features() == (2,)
    at.get("file_uploader")[0].upload("other.json", b'{"kind": 1}', "application/json").run()
    assert "no export of this program" in " ".join(w.value for w in at.warning)
    assert at.session_state.board.features() == (2,)


def test_an_empty_prompt_is_said(app):
    at = app("words")
    at.button(key="words_write").click().run()
    assert "no prompt" in words(at)
    assert "No clamp is on" in words(at)
    assert not at.exception


def test_an_example_fills_the_prompt(app):
    at = app("words")
    next(g for g in at.button_group if g.key == "words_example").set_value("What is DNA?").run()
    assert at.text_area(key="words_prompt").value == "What is DNA?"


def test_a_link_brings_the_half_of_the_questions(app, toy):
    at = app(clamps="2:-40", half="held-out")
    held = toy.restrict(toy.evaluate(setting_of([(2, -40.0)])), toy.half("held-out"))
    assert all(f"n = {s.n}," in board(at) for s in held.sets)


def test_a_deep_link_to_a_fresh_server_gets_the_frame(toy, toy_toml, monkeypatch):
    """AppTest begins each run in Streamlit's legacy page mode, where a page runs without app.py."""
    monkeypatch.setenv("CLAMPBOARD_SETUP", str(toy_toml))
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/search.py").run()
    assert at.title[0].value == "Find features"
    assert any("Toy" in e.value for e in at.sidebar.markdown)


def test_broken_setup_is_one_message(monkeypatch, toy):
    monkeypatch.setenv("CLAMPBOARD_SETUP", "nope")
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert len(at.error) == 1
    assert "no setup 'nope'" in at.error[0].value
    assert not at.exception


def test_a_page_without_its_frame_asks_for_it(monkeypatch, app):
    """Fails when Streamlit changes the internal flag that require_frame reads."""
    asked = []
    monkeypatch.setattr(frame, "navigation", lambda: asked.append(True))
    monkeypatch.setattr(frame.st, "rerun", lambda: asked.append(True))
    monkeypatch.setattr(frame.PagesManager, "uses_pages_directory", True)
    frame.require_frame()
    assert asked == [True, True]


def test_a_feature_can_be_typed_and_a_chip_searches(app, toy):
    at = app("feature", feature="5")
    at.number_input[0].set_value(9).run()
    assert at.title[0].value.startswith("9 · ")
    at = app("search")
    chips = next(g for g in at.button_group if g.key == "search_chip")
    chip = chips.options[0]
    chips.set_value(chip).run()
    assert at.text_input(key="search_text").value == chip
    assert set(features(at)) == set(toy.atlas.search(chip).hits["feature"])


def test_the_lights_are_said_in_words_once_the_run_is_complete(app):
    at = app(clamps="2:-40")
    assert "Can this be trusted?" in words(at)
    assert "Edit in proportion" in " ".join(e.proto.body for e in at.get("html"))


def test_controls_run_when_asked_and_come_at_once_afterwards(app, toy):
    at = app(clamps="2:-40.5")
    next(b for b in at.button if b.key == "controls_run").click().run()
    assert not at.exception
    assert "5 random sets" in words(at)
    assert not any(b.key == "controls_run" for b in at.button)
    numbers = next(d.value for d in at.dataframe if "clamp" in d.value.columns)
    assert numbers["clamp"].tolist()[0] == "these features"
    assert len(numbers) == 9
    assert "5 random sets" in words(app(clamps="2:-40.5"))


def test_questions_are_narrowed_to_a_feature_and_every_change(app, toy):
    at = app(clamps="2:-40,9:-30")
    at.button_group(key="questions_change").set_value(["lost", "gained", "unchanged"]).run()
    table = lambda: next(d.value for d in at.dataframe if "fired" in d.value.columns)  # noqa: E731
    assert len(table()) == toy.n_questions
    at.selectbox(key="questions_feature").set_value(9).run()
    fires = {int(r) for r in toy.recording.rows.row_of_token()[toy.recording.acts.of(9)[0]]}
    assert len(table()) == len(fires)
    assert all("9:" in text for text in table()["fired"])


def test_a_sweep_runs_when_asked_and_a_point_goes_onto_the_board(app, toy):
    at = app(clamps="2:-40,9:-30")
    at.toggle(key="sweep_open").set_value(True).run()
    at.text_input(key="sweep_strengths").set_value("-2.5 −4.5").run()
    at.text_input(key="sweep_numbers").set_value("1, 2").run()
    next(b for b in at.button if b.key == "sweep_run").click().run()
    assert not at.exception
    assert "4 settings, 4 of them known" in words(at)
    points = next(d.value for d in at.dataframe if "strength" in d.value.columns)
    assert points["features"].tolist() == [1, 1, 2, 2]
    assert points["strength"].tolist() == ["−2.5x", "−4.5x"] * 2
    at.text_input(key="sweep_strengths").set_value("a lot").run()
    assert "'a' is not a number" in words(at)
    assert not at.exception


def test_the_papers_grid_and_an_own_preset_go_onto_the_board(app, toy):
    at = app()
    at.button_group(key="presets_n").set_value(10).run()
    at.select_slider(key="presets_c").set_value(50).run()
    at.button(key="presets_grid").click().run()
    board = at.session_state.board
    assert 0 < len(board.sliders) <= 10
    assert {s.value for s in board.sliders} == {-50.0}
    at.text_input(key="presets_name").set_value("fifty").run()
    next(b for b in at.button if b.label == "Remove all").click().run()
    assert at.session_state.board == Board()
    at.button(key="presets_load_fifty").click().run()
    assert at.session_state.board == board
    assert not at.exception
    at.button(key="presets_delete_fifty").click().run()
    assert toy.saved_presets.all(toy.sae.d_sae) == {}


def test_more_clamps_than_others_to_compare_with_is_said_and_the_page_goes_on(app, toy):
    at = app(clamps=",".join(f"{f}:-1" for f in range(13)))
    assert "not as many others to compare with" in words(at)
    assert not at.exception
    assert "Sweep" in words(at)
