"""Change any place of a run file: it is refused, told apart, or says nothing of a figure."""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.setups import load_setup
from tests.backend.sharing.conftest import BOARD, Ran, compared, ran_on
from tests.support.rivals import untrained

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
OUT_OF_FORCE = {("board", "master")}
"""Of clamps, where a rival is in force."""
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


def is_information(path, information):
    named = tuple(step for step in path if isinstance(step, str))
    return named[:1] in information or named[:2] in information


@pytest.fixture(scope="module")
def ran_a_rival(prepared_toy, tmp_path_factory) -> Iterator[Ran]:
    """Of weights as RMU would have trained them, before clamps that are out of force."""
    folder = tmp_path_factory.mktemp("rival")
    shutil.copytree(prepared_toy, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        engine = Engine(load_setup(folder / "toy.toml"))
        yield ran_on(engine, replace(BOARD, rival=untrained(engine)))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_change_anywhere_in_a_file_passes_unseen(ran, data):
    change_somewhere(ran, data, INFORMATION)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_nor_in_a_file_of_a_rival(ran_a_rival, data):
    change_somewhere(ran_a_rival, data, INFORMATION | OUT_OF_FORCE)


def change_somewhere(ran, data, information):
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
        assert raw == untouched or is_information(path, information) or rounded
