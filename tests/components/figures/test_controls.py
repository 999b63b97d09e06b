from dataclasses import replace

from backend.experiments.effects import Effect
from components.figures.controls import effect_rows, effect_table, explained
from tests.support.results import RESULT


def effect(kind, name, how="how"):
    return Effect(kind, name, how, RESULT, replace(RESULT, role="retain", change_pp=-1.0))


EFFECTS = [
    effect("own", "these features", ""),
    effect("random features", "random features 1", "Drawn at random."),
    effect("random features", "random features 2", "Drawn at random."),
    effect("ablation", "ablation", "Set to 0."),
]


def test_the_random_controls_share_a_line_and_the_users_own_comes_first():
    groups = effect_rows(EFFECTS)["group"]
    assert list(dict.fromkeys(groups)) == ["these features", "random features", "ablation"]


def test_there_is_a_row_for_each_setting_and_role():
    rows = effect_rows(EFFECTS)
    assert rows["role"].tolist() == ["forget", "retain"] * len(EFFECTS)
    assert rows["change"].tolist() == [-20.0, -1.0] * len(EFFECTS)


def test_the_table_says_the_same_in_words():
    table = effect_table(EFFECTS)
    assert table["clamp"].tolist() == [e.name for e in EFFECTS]
    assert table["forget"][0] == "−20.0 pp [−26.1, −13.9] lost 45, gained 5, n 200"
    assert table["retain"][0].startswith("−1.0 pp")


def test_what_was_done_is_said_once_of_controls_that_differ_in_their_draw_alone():
    assert explained(EFFECTS[1:]) == ["random features: Drawn at random.", "ablation: Set to 0."]


def test_a_random_control_alone_is_called_by_its_name():
    assert explained(EFFECTS[1:2]) == ["random features 1: Drawn at random."]
