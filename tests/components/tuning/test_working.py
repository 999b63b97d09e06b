"""What is drawn while it works, in a small app."""

from streamlit.testing.v1 import AppTest


def bars(script):
    at = AppTest.from_function(script).run()
    assert not at.exception
    return [bar.proto for bar in at.get("progress")]


def counted():
    import streamlit as st

    from components.tuning.working import Counted

    bar = Counted(st.empty())
    bar.at("Tested 1 of 4", 1, 4)


def waited():
    import streamlit as st

    from backend.progress import Progress
    from components.tuning.working import Counted

    bar = Counted(st.empty())
    bar.at("Tested 1 of 4", 1, 4)
    bar.on_wait(Progress("2 runs are before yours", 0, 0, 3.0))


def prepared():
    import streamlit as st

    from backend.progress import Progress
    from components.tuning.working import Counted

    Counted(st.empty()).on_wait(Progress("Tracing", 3, 4, None))


def test_the_bar_says_how_many_are_done():
    (bar,) = bars(counted)
    assert (bar.value, bar.text) == (25, "Tested 1 of 4")


def test_what_is_waited_for_is_said_behind_it():
    (bar,) = bars(waited)
    assert (bar.value, bar.text) == (
        25,
        "Tested 1 of 4 · 2 runs are before yours… · about 3 s left",
    )


def test_what_comes_before_the_first_setting_has_the_bar_to_itself():
    (bar,) = bars(prepared)
    assert (bar.value, bar.text) == (75, "Tracing…")


def refused():
    import streamlit as st

    from backend.errors import BadInput
    from components.tuning.working import at_work
    from components.values import Work

    asked = []
    with at_work(Work("a job", asked.append), lambda: st.caption("Start again.")):
        raise BadInput("There are no sliders to tune.")
    st.caption(f"asked: {asked}")


def test_what_cannot_be_done_is_said_and_no_longer_wanted():
    at = AppTest.from_function(refused).run()
    assert [w.value for w in at.warning] == ["There are no sliders to tune."]
    assert [c.value for c in at.caption] == ["Start again.", "asked: [None]"]


def grown():
    import streamlit as st

    from components.tuning.working import Redrawn

    redrawn = Redrawn(st.empty(), lambda value: st.write(value))
    for value in ("first", "too soon", "also"):
        redrawn.show(value)


def test_what_grows_is_drawn_at_once_and_then_not_more_often_than_the_eye_follows():
    at = AppTest.from_function(grown).run()
    assert [m.value for m in at.markdown] == ["first"]
