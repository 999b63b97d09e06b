"""Which lost question is shown first."""

import pandas as pd

from components.anatomy.lost import lost_of


def table(*rows):
    frame = pd.DataFrame(rows, columns=["change", "p_before", "p_after"])
    return frame.set_axis([10 + i for i in range(len(rows))])


def test_the_lost_question_whose_right_answer_fell_furthest_is_the_telling_one():
    found = lost_of(
        table(("lost", 0.5, 0.4), ("lost", 0.9, 0.0), ("unchanged", 1.0, 0.0), ("gained", 0.1, 0.9))
    )
    assert found.places == (11, 10)
    assert found.telling == 11


def test_where_none_was_lost_it_is_the_one_that_fell_furthest():
    found = lost_of(table(("unchanged", 0.9, 0.8), ("unchanged", 0.9, 0.5), ("gained", 0.1, 0.9)))
    assert found.places == ()
    assert found.telling == 11
