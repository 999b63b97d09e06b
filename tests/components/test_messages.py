"""A fault of the user's or of the data is said in words; any other goes on to the log."""

from streamlit.testing.v1 import AppTest


def script(name, error):
    import streamlit as st

    from components import messages

    with getattr(messages, name)():
        raise error
    st.write("and on")


def drawn(name, error):
    return AppTest.from_function(script, args=(name, error)).run()


def bad_input(text):
    from backend.errors import BadInput

    return BadInput(text)


def test_an_error_ends_the_page_in_words():
    at = drawn("show_errors", bad_input("There is no such setup."))
    assert [e.value for e in at.error] == ["There is no such setup."]
    assert not at.markdown
    assert not at.exception


def test_a_problem_is_said_in_its_place_and_the_page_goes_on():
    at = drawn("show_problem", bad_input("There is no such feature."))
    assert [w.value for w in at.warning] == ["There is no such feature."]
    assert at.markdown[0].value == "and on"


def test_a_fault_of_the_program_is_not_hidden():
    assert drawn("show_errors", KeyError("x")).exception
    assert drawn("show_problem", KeyError("x")).exception


def test_a_showcases_refusal_is_no_alarm_and_the_page_goes_on():
    at = drawn("show_problem", showcase())
    assert [i.value for i in at.info] == ["Off here."]
    assert at.markdown[0].value == "and on"


def test_the_last_resort_leaves_streamlits_own_reruns_and_stops_alone():
    def stops():
        import streamlit as st

        from components.messages import last_resort

        with last_resort():
            st.write("before")
            if "again" not in st.session_state:
                st.session_state.again = True
                st.rerun()
            st.stop()
        st.write("after")

    at = AppTest.from_function(stops).run()
    assert [m.value for m in at.markdown] == ["before"]
    assert not at.error
    assert not at.exception


def showcase():
    from backend.errors import Showcase

    return Showcase("Off here.")


def test_what_an_error_quotes_is_shown_as_it_stands():
    quoting = bad_input("There is no '![](//h/x)'.")
    shown = "There is no '\\!\\[\\]\\(//h/x\\)'."
    assert drawn("show_errors", quoting).error[0].value == shown
    assert drawn("show_problem", quoting).warning[0].value == shown
