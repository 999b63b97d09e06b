"""The first features of a ranking, against the table sorted by hand."""

import pytest

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.features.rankers import RANKERS, score
from backend.reading.attribution import attribution
from backend.reading.ranked import ranked
from backend.setups import load_setup
from tests.support.knowing import write_knowing


@pytest.mark.parametrize("name", [name for name, r in RANKERS.items() if not r.needs_attribution])
def test_they_are_those_with_the_highest_scores(toy, name):
    scores = score(name, toy.atlas.table).dropna()
    if scores.empty:
        with pytest.raises(BadInput, match="leaves no feature in"):
            ranked(toy, name, 3)
        return
    order = sorted(scores.index, key=lambda f: (-scores[f], f))
    assert ranked(toy, name, 3) == order[:3]


def test_attribution_is_run_where_it_was_not(tmp_path, own_cache):
    engine = Engine(load_setup(write_knowing(tmp_path)))
    first = ranked(engine, "attribution", 4)
    forget = attribution(engine).forget
    assert first == [f for f in forget.argsort(descending=True).tolist() if forget[f] > 0][:4]


def test_a_ranking_there_is_none_of_is_named_with_those_there_are(toy):
    with pytest.raises(BadInput, match="selectivity"):
        ranked(toy, "beauty", 3)
