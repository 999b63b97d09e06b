"""One session's state: undo, pins, work, messages, and what was made once."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from backend.evaluation.calibration import Calibration
from backend.interventions.board import Board, Slider
from backend.interventions.method import NOTHING, Gate, Method
from backend.interventions.rival import Rival
from backend.interventions.visits import MAX_PAST, Visit
from backend.reading.asked import Asked
from components.values import FoundTau

D_SAE = 24
RIVAL = Rival("leace", "f")
ONE, TWO = (Board((Slider(feature, -4.0),)) for feature in (1, 2))


def script(act, d_sae):
    from components import state

    state.start(d_sae)
    act(state)


def session(act, **query):
    at = AppTest.from_function(script, args=(act, D_SAE))
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at.session_state


def of(look, *acts, **query):
    """What `look` sees after the acts, in one session."""
    seen = []

    def act(state):
        for one in acts:
            one(state)
        seen.append(look(state))

    session(act, **query)
    return seen[0]


def put(board, **how):
    return lambda state: state.set_board(board, **how)


def undo(state):
    state.undo()


def redo(state):
    state.redo()


def board(state):
    return state.board()


def test_undo_takes_back_a_step_and_redo_goes_there_again():
    assert of(board, put(ONE), put(TWO), undo) == ONE
    assert of(board, put(ONE), put(TWO), undo, redo) == TWO


def test_a_new_step_forgets_what_was_undone():
    assert not of(lambda state: state.can_redo(), put(ONE), undo, put(TWO))


def test_the_same_board_again_is_no_step():
    assert of(board, put(ONE), put(ONE), undo) == Board()


def test_undo_without_a_past_does_nothing():
    assert of(board, undo) == Board()


def revision(state):
    return state.revision()


THREE = Board((Slider(3, -4.0),))


def move(board, first=False):
    return lambda state: state.move_board(board, first=first)


def test_one_undo_takes_back_all_positions_the_board_was_moved_to():
    moved = move(ONE, first=True), move(TWO), move(THREE)
    assert of(board, *moved) == THREE
    assert of(board, *moved, undo) == Board()
    assert of(board, *moved, undo, redo) == THREE
    assert not of(lambda state: state.can_undo(), *moved, undo)


def test_a_board_that_begins_where_it_was_keeps_what_was_before():
    assert of(board, put(ONE), move(ONE, first=True), move(TWO), move(THREE), undo) == ONE


def test_a_second_row_of_moves_is_a_step_of_its_own():
    assert (
        of(board, move(ONE, first=True), move(TWO), move(TWO, first=True), move(THREE), undo) == TWO
    )


def test_an_edit_in_between_is_a_step_of_its_own():
    moved = move(ONE, first=True), put(TWO), move(THREE)
    assert of(board, *moved, undo) == TWO
    assert of(board, *moved, undo, undo) == ONE


def test_what_was_undone_stays_undone_when_moving_goes_on():
    moved = move(ONE, first=True), move(TWO), undo, move(THREE)
    assert of(board, *moved) == THREE
    assert of(board, *moved, undo) == Board()


def test_what_was_found_so_far_is_kept_by_name():
    def found(state):
        return state.so_far("build"), state.so_far("search")

    assert of(found) == (None, None)
    assert of(found, lambda state: state.set_so_far("build", "a set")) == ("a set", None)


def test_a_board_from_elsewhere_draws_the_widgets_afresh():
    assert of(revision, put(ONE), undo) == of(revision) + 2


def test_an_edit_of_the_widgets_leaves_them():
    assert of(revision, put(ONE, redraw=False)) == of(revision)


@pytest.mark.parametrize(
    ("which", "pins"), [("A", (ONE.setting(), None)), ("B", (None, ONE.setting()))]
)
def test_a_setting_is_pinned_under_one_name(which, pins):
    assert of(lambda state: state.pins(), lambda state: state.pin(which, ONE.setting())) == pins


def test_a_message_is_said_once_in_its_place():
    said = of(
        lambda state: [state.said("here"), state.said("there"), state.said("there")],
        lambda state: state.say("there", "Hello."),
    )
    assert said == ["", "Hello.", ""]


def test_work_is_wanted_for_its_subject_until_it_is_stopped():
    def wanted(state):
        return state.work("sweep").wanted, state.work("controls").wanted

    def ask(state):
        state.work("sweep").ask("a grid")

    def stop(state):
        state.work("sweep").ask(None)

    assert of(wanted, ask) == ("a grid", None)
    assert of(wanted, ask, stop) == (None, None)


def test_what_was_made_is_made_anew_for_another_key_alone():
    made = []

    def keep(key):
        return lambda state: state.kept("text", key, lambda: made.append(key))

    session(lambda state: [act(state) for act in (keep("a"), keep("a"), keep("b"), keep("a"))])
    assert made == ["a", "b", "a"]


def test_an_expectation_is_kept_without_the_space_around_it():
    assert of(lambda state: state.hypothesis().text, lambda state: state.expect(" less ")) == "less"


def test_a_link_brings_its_board_feature_and_half():
    query = {"clamps": "1:-4", "feature": "7", "half": "held-out"}
    seen = of(lambda state: (state.board(), state.feature(), state.half()), **query)
    assert seen == (ONE, 7, "held-out")


def test_a_link_brings_its_method_and_takes_it_along():
    query = {"clamps": "1:-4", "method": "rho:0.25,reach:all"}
    seen, link = of(lambda state: (state.board(), state.link()), **query)
    assert seen == replace(ONE, method=Method(gate=Gate("rho", 0.25), reach="all"))
    assert link == query


def test_where_tau_was_found_last_is_kept():
    found = FoundTau(NOTHING, Calibration(0.25, 0.05, "quantile", "questions", 12, 0))
    assert of(lambda state: state.found_tau()) is None
    assert of(lambda state: state.found_tau(), lambda state: state.set_found_tau(found)) == found


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"clamps": "x"}, "clamps cannot be read"),
        ({"feature": str(D_SAE)}, "features 0 to 23"),
        ({"feature": "²"}, "features 0 to 23"),
        ({"half": "left"}, "all, selection, held-out"),
        ({"clamps": "1:-4", "method": "rho:2"}, "method cannot be used"),
    ],
)
def test_a_bad_link_is_said_in_words(query, words):
    assert words in of(lambda state: state.link_error(), **query)


def test_the_link_brings_the_state_back():
    link = of(lambda state: state.link(), put(TWO), lambda state: state.set_half("selection"))
    assert of(lambda state: (state.board(), state.half()), **link) == (TWO, "selection")


def test_added_sliders_are_in_force_a_rival_goes_and_one_undo_brings_all_back():
    with_rival = replace(ONE, rival=RIVAL)

    def add(state):
        state.set_board(with_rival)
        state.add_sliders(Slider(2, -4.0), Slider(1, -5.0))

    assert of(lambda state: state.board(), add) == Board((Slider(1, -5.0), Slider(2, -4.0)))
    assert of(lambda state: state.board(), add, lambda state: state.undo()) == with_rival


def test_a_link_brings_a_rival_beside_the_clamps():
    link = {"clamps": "1:-4", "rival": "leace:f:1"}
    assert of(lambda state: state.board(), **link) == replace(ONE, rival=RIVAL)
    assert of(lambda state: state.link(), **link) == link


def test_a_link_opens_its_question_and_nonsense_opens_none():
    assert of(lambda state: state.question(), question="biology:3") == Asked("biology", 3)
    assert of(lambda state: (state.question(), state.link_error()), question="x")[0] is None
    assert "such as biology:3" in of(lambda state: state.link_error(), question="x")
    opened = of(lambda state: state.question(), lambda s: s.open_question(Asked("b", 1)))
    assert opened == Asked("b", 1)


def come_back(visit, look, *acts, offered=False, **query):
    """What `look` sees in a session that begins after this visit."""
    seen = []

    def beginning(visit, offered, acts, seen, look, d_sae):
        from components import state

        state.start(d_sae, lambda: visit, offered=offered)
        for one in acts:
            one(state)
        seen.append(look(state))

    args = (visit, offered, acts, seen, look, D_SAE)
    at = AppTest.from_function(beginning, args=args)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return seen[0]


VISIT = Visit(ONE, (TWO.setting(), None), (Board(), TWO))


def all_of_it(state):
    return state.board(), state.pins(), state.can_undo(), state.left_off() is not None


def test_a_reload_brings_back_undo_and_pins():
    for offered in (True, False):
        found = come_back(VISIT, all_of_it, offered=offered, clamps="1:-4")
        assert found == (ONE, VISIT.pins, True, False)
    assert come_back(VISIT, board, undo, clamps="1:-4") == TWO


def test_an_address_without_a_board_brings_all_back_or_offers_it():
    assert come_back(VISIT, all_of_it) == (ONE, VISIT.pins, True, False)
    assert come_back(VISIT, all_of_it, offered=True) == (Board(), VISIT.pins, False, True)
    found = come_back(VISIT, all_of_it, lambda state: state.go_on(), offered=True)
    assert found == (ONE, VISIT.pins, True, False)


def test_another_board_or_a_broken_link_stays_without_the_last_ones_undo():
    assert come_back(VISIT, all_of_it, clamps="2:-4") == (TWO, VISIT.pins, False, False)
    assert come_back(VISIT, board, clamps="nonsense") == Board()


def test_what_is_kept_is_the_board_with_its_undo_and_an_empty_one_takes_no_ones_place():
    def kept(state):
        return state.visit()

    pins = (None, TWO.setting())

    def pin(state):
        state.pin("A", None)
        state.pin("B", TWO.setting())

    assert come_back(None, kept) == Visit()
    assert come_back(None, kept, put(ONE), put(TWO), pin) == Visit(TWO, pins, (Board(), ONE))
    assert come_back(VISIT, kept, pin, offered=True) == Visit(ONE, pins, VISIT.past)
    look_then_remove = come_back(None, kept, put(ONE), kept, put(Board()))
    assert look_then_remove.board == ONE
    many = [put(Board((Slider(1, -float(i)),))) for i in range(1, 60)]
    assert len(come_back(None, kept, *many).past) == MAX_PAST


def test_before_any_feature_was_opened_there_is_none():
    assert of(lambda state: state.feature()) is None
    assert of(lambda state: state.feature(), lambda state: state.open_feature(0)) == 0
    assert of(lambda state: state.feature(), feature="x") is None


def test_another_feature_in_the_address_than_was_written_there_is_opened():
    def seen(written, **query):
        acts = [lambda state: state.open_feature(5), lambda state: state.follow_address(D_SAE)]
        if written is not None:
            acts.insert(1, lambda state: state.written_address(written))
        return of(lambda state: state.feature(), *acts, **query)

    assert seen(5, feature="7") == 7  # the browser went back
    assert seen(7, feature="7") == 5  # a button was pressed since
    assert seen(None, feature="7") == 5  # nothing was written yet
    assert seen(5, feature="999") == seen(5, feature="x") == seen(5) == 5


def test_a_second_press_of_back_is_followed_though_it_stopped_the_run_of_the_first():
    def seen(*features):
        acts = [
            act
            for feature in features
            for act in (
                lambda state, at=str(feature): state.st.query_params.update(feature=at),
                lambda state: state.follow_address(D_SAE),
            )
        ]
        return of(lambda state: state.feature(), lambda state: state.written_address(5), *acts)

    assert seen(4) == 4
    assert seen(4, 5) == 5  # neither run came to its end, where the address is written
    assert seen(4, 5, 4) == 4


def test_chosen_features_keep_their_order():
    assert of(lambda state: state.chosen()) == ()
    assert of(lambda state: state.chosen(), lambda state: state.choose([3, 1])) == (3, 1)


def test_prompts_are_the_users_once_changed():
    assert of(lambda state: state.prompts()) is None
    assert of(lambda state: state.prompts(), lambda state: state.set_prompts(("a",))) == ("a",)


def test_what_was_said_of_other_figures_goes_with_them():
    said, shown = object(), object()
    assert of(lambda state: state.verdict(), lambda state: state.set_verdict(said)) is said
    acts = (lambda state: state.set_verdict(said), lambda state: state.set_shown(shown))
    assert of(lambda state: (state.shown() is shown, state.verdict()), *acts) == (True, None)
