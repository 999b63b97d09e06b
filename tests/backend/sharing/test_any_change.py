"""Change any place of a run file: it is refused, told apart, or says nothing of a figure."""

from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import BadInput
from tests.backend.sharing.conftest import compared

INFORMATION = {
    ("made",),
    ("libraries",),
    ("half",),
    ("name",),
    ("note",),
    ("star",),
    ("hypothesis",),
    ("setup", "title"),
    ("sets", "title"),
    ("features", "label"),
    ("board", "clamps"),
}
"""Fields no figure depends on; of the board, sliders that are off."""
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**12),
    st.floats(-100, 100),
    st.text(max_size=6),
    st.just([]),
    st.just({}),
)


def places(value, path=()):
    """Every node below a value, by its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for step, below in items:
        yield (*path, step)
        if isinstance(below, dict | list):
            yield from places(below, (*path, step))


def is_information(path):
    named = tuple(step for step in path if isinstance(step, str))
    return named[:1] in INFORMATION or named[:2] in INFORMATION


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_change_anywhere_in_a_file_passes_unseen(ran, data):
    untouched = ran.raw()
    raw = deepcopy(untouched)
    path = data.draw(st.sampled_from(list(places(raw))))
    *way, last = path
    parent = raw
    for step in way:
        parent = parent[step]
    how = data.draw(st.sampled_from(["change", "nudge", "delete", "duplicate"]))
    old = parent[last]
    if how == "delete":
        del parent[last]
    elif how == "duplicate" and isinstance(parent, list):
        parent.insert(last, deepcopy(old))
    elif how == "duplicate":
        parent[f"{last}2"] = deepcopy(old)
    elif how == "nudge" and isinstance(old, int | float):
        parent[last] = old + data.draw(st.sampled_from([-1, 1, 0.01, -0.01, 1e-6]))
    else:
        parent[last] = data.draw(JSON)
    try:
        found = compared(ran, raw)
    except BadInput as error:
        assert 10 < len(str(error)) < 400
        return
    if found.verdict == "same":
        rounded = isinstance(old, float) and abs(parent[last] - old) <= (
            1e-3 if isinstance(last, int) else 1e-9
        )
        assert raw == untouched or is_information(path) or rounded
