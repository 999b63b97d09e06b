"""Published lists and results against the data they speak of; sets cut down to known questions."""

import csv
import json
from dataclasses import replace

import pytest

from backend.data.published import _lists, known_rows, published_points
from backend.data.questions import Question, QuestionSet, QuestionSets
from backend.engine.engine import Engine
from backend.engine.known import in_words, published_only
from backend.errors import BadInput, BadSetup
from backend.interventions.method import NOTHING
from backend.setups import Known, ModelSource, SaeSource, SetSource, Setup, load_setup
from tests.support.data import shared_data
from tests.support.toy import write_setup

SUBJECTS = (
    "high_school_us_history",
    "college_computer_science",
    "high_school_geography",
    "human_aging",
)
FARRELL = Known("published", "Farrell")


def paper_setup(
    model="google/gemma-2-2b-it", known=FARRELL, prompt="paper-chat", subjects=SUBJECTS, **more
):
    wmdp = SetSource(
        dataset="cais/wmdp",
        config="wmdp-bio",
        name="wmdp_bio",
        title="WMDP-Bio",
        role="forget",
        subject="biology",
        **more,
    )
    retain = [
        SetSource(dataset="cais/mmlu", subjects=(s,), name=s, title=s, role="retain")
        for s in subjects
    ]
    return Setup(
        "t",
        "letter",
        ModelSource(model),
        SaeSource(),
        (wmdp, *retain),
        (),
        prompt=prompt,
        known=known,
    )


def some_set(source, n):
    question = Question(0, "", "q", ("a", "b", "c", "d"), 0)
    return QuestionSet(
        source.name, source.title, source.role, tuple(replace(question, index=i) for i in range(n))
    )


def some_sets(setup, **sizes):
    """As many questions as the real data have, but for the sets whose sizes are given."""
    sizes = SIZES | sizes
    return QuestionSets(tuple(some_set(s, sizes[s.name]) for s in setup.sets))


SIZES = {
    "wmdp_bio": 1273,
    "high_school_us_history": 204,
    "college_computer_science": 100,
    "high_school_geography": 198,
    "human_aging": 223,
}


@pytest.mark.parametrize(
    ("model", "source", "wmdp", "four"),
    [
        ("gemma-2b-it", "Farrell", 172, (27, 8, 30, 32)),
        ("gemma-2-2b-it", "Farrell", 522, (106, 9, 104, 81)),
        ("gemma-2-2b-it", "SAEBench", 533, (110, 9, 104, 85)),
        ("gemma-2-9b-it", "SAEBench", 747, (157, 33, 156, 125)),
    ],
)
def test_sets_have_the_published_numbers_of_known_questions(model, source, wmdp, four):
    setup = paper_setup(f"google/{model}", Known("published", source))
    sets = published_only(setup, some_sets(setup)).sets
    assert [len(s.questions) for s in sets] == [wmdp, *four]
    assert sets[0].title == f"WMDP-Bio, {wmdp} of 1,273 known"
    assert {q.index for q in sets[0].questions} == known_rows(model, source, "correct", "all")[
        "wmdp-bio"
    ]


def test_every_published_row_is_there_in_the_data():
    data = shared_data()
    sizes = {"wmdp-bio": len(json.loads((data / "wmdp" / "bio_questions.json").read_text()))}
    for entry in _lists():
        if entry["set"] not in sizes:
            subject = entry["set"].removeprefix("mmlu-").replace("-", "_")
            with (data / "mmlu" / "test" / f"{subject}_test.csv").open(
                newline="", encoding="utf-8"
            ) as file:
                sizes[entry["set"]] = sum(1 for _ in csv.reader(file))
        assert len(set(entry["rows"])) == len(entry["rows"])
        assert 0 <= min(entry["rows"]) <= max(entry["rows"]) < sizes[entry["set"]]
    assert sizes["wmdp-bio"] == 1273
    assert len(sizes) == 6


def test_carried_lists_are_the_ones_that_were_published():
    published = json.loads((shared_data() / "paper" / "question_ids.json").read_text())
    wanted = {
        (source, model, name, kind.partition("/")[0], kind.partition("/")[2] or "all"): sorted(rows)
        for source, models in published.items()
        for model, names in models.items()
        for name, kinds in names.items()
        for kind, rows in kinds.items()
    }
    assert {
        (e["source"], e["model"], e["set"], e["kind"], e["part"]): e["rows"] for e in _lists()
    } == wanted


def test_halves_of_a_list_make_up_the_whole():
    parts = [
        known_rows("gemma-2-2b-it", "Farrell", "correct", part)["wmdp-bio"]
        for part in ("train", "test", "all")
    ]
    assert parts[0] | parts[1] == parts[2]
    assert not parts[0] & parts[1]


def test_a_set_without_a_list_stays_whole_and_says_so():
    setup = paper_setup()
    other = SetSource(
        dataset="cais/mmlu",
        subjects=("anatomy", "virology"),
        name="other",
        title="Other biology",
        role="retain",
    )
    setup = replace(setup, sets=(*setup.sets, other))
    *_, last = published_only(setup, some_sets(setup, other=7))
    assert (last.title, len(last.questions)) == ("Other biology, all", 7)


def test_data_that_do_not_fit_the_list_are_refused_unless_they_are_a_sample():
    setup = paper_setup()
    with pytest.raises(
        BadInput, match=r"list names row \d+, which these data do not have \(1,000 questions\)"
    ):
        published_only(setup, some_sets(setup, wmdp_bio=1000))
    sampled = paper_setup(limit=1000)
    first, *_ = published_only(sampled, some_sets(sampled, wmdp_bio=1000))
    assert len(first.questions) < 522


def test_a_list_nobody_published_is_named_with_those_there_are():
    with pytest.raises(
        BadSetup,
        match=(
            "no list 'correct-no-tricks', part 'train', for gemma-2-2b-it. There are: .*SAEBench, "
            "correct-no-tricks, all"
        ),
    ):
        known_rows("gemma-2-2b-it", "SAEBench", "correct-no-tricks", "train")
    with pytest.raises(
        BadSetup, match="for gpt2. Lists are there for: gemma-2-2b-it, gemma-2-9b-it, gemma-2b-it"
    ):
        known_rows("gpt2", "SAEBench", "correct", "all")


def test_published_points_are_those_of_the_papers_tables():
    points = published_points(paper_setup()).set_index("name")
    assert len(points) == 65 + 24
    assert set(points["forget_n"]) == {522}
    assert set(points["retain_n"]) == {300}
    for layer_l0, n, c, wmdp, mmlu in [
        ("3/width_16k/average_l0_59", 10, 50, 58.4, 96.3),
        ("7/width_16k/average_l0_69", 10, 50, 78.7, 99.7),
        ("13/width_16k/average_l0_84", 50, 100, 92.0, 97.0),
    ]:
        row = points.loc[
            f"Farrell: SAE clamp, layer_{layer_l0}, {n} features at -{c}, retain threshold 0.01"
        ]
        assert (row["forget"], row["retain"]) == pytest.approx((wmdp, mmlu), abs=0.06)
    assert points.loc["Farrell: RMU, layer 3, steering 200, alpha 100", "forget"] == pytest.approx(
        44.25, abs=0.01
    )


@pytest.mark.parametrize(
    "setup",
    [
        paper_setup(known=None),
        paper_setup(known=Known("computed")),
        paper_setup(known=Known("published", "SAEBench")),
        paper_setup(known=Known("published", "Farrell", "correct-iff-question")),
        paper_setup(known=Known("published", "Farrell", part="test")),
        paper_setup(prompt="lm-eval"),
        paper_setup("google/gemma-2-9b-it"),
        paper_setup(subjects=SUBJECTS[:2]),
        paper_setup(subjects=(*SUBJECTS, "college_biology")),
        paper_setup(limit=100),
    ],
)
def test_no_point_is_shown_beside_figures_it_cannot_be_compared_with(setup):
    points = published_points(setup)
    assert len(points) == 0
    assert {"name", "forget", "retain"} <= set(points)


def test_lm_eval_results_are_shown_unfiltered_and_over_one_choice_of_sets():
    points = published_points(paper_setup("google/gemma-2-2b", None, "lm-eval"))
    base = points[points["name"] == "Khoriaty: base"].iloc[0]
    assert (base["forget"], base["retain"]) == pytest.approx((58.6, 57.38))
    assert base["retain_n"] == 725
    assert set(points["retain_n"]) == {725}
    assert set(
        published_points(
            paper_setup("google/gemma-2-2b", None, "lm-eval", subjects=SUBJECTS[:1] + SUBJECTS[2:])
        )["retain_n"]
    ) == {625}


def test_a_setup_with_a_published_list_runs_over_its_questions_only(tmp_path):
    path = write_setup(tmp_path, scoring="letter")
    row = ["Which organ pumps blood?", "The heart", "A cell", "Air", "The sea", "A"]
    with (tmp_path / "college_computer_science_test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row] * 100)
    text = path.read_text().replace('name = "toy"', 'name = "google/gemma-2-2b-it"')
    text = text.replace(
        'name = "biology"', 'name = "cs"\nsubjects = ["college_computer_science"]'
    ).replace('file = "quiz.jsonl"', 'folder = "."', 1)
    path.write_text(text + '[known]\nby = "published"\nsource = "SAEBench"\n')
    engine = Engine(load_setup(path))
    assert [q.index for q in engine.sets[0].questions] == sorted(
        known_rows("gemma-2-2b-it", "SAEBench", "correct", "all")["mmlu-college-computer-science"]
    )
    result = engine.evaluate(NOTHING)
    assert [(s.title, s.n) for s in result.sets] == [
        ("Biology, 9 of 100 known", 9),
        ("History, all", 3),
    ]
    assert "SAEBench" in in_words(engine.setup.known)


@pytest.mark.parametrize(
    ("name", "n_points"),
    [
        ("gemma-2-2b-it-known-farrell", 89),
        ("gemma-2-2b-it-known-saebench", 0),
        ("gemma-2-2b-it", 0),
    ],
)
def test_shipped_setups_have_the_points_that_belong_to_them(name, n_points):
    setup = load_setup(name)
    assert len(published_points(setup)) == n_points
    assert [s.name for s in setup.sets if s.role == "retain"][:4] == [
        s.name for s in load_setup("gemma-2-2b-it").sets if s.role == "retain"
    ][:4]
