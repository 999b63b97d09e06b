"""Question sets of several configurations, and of none: from a hub on loopback, from a folder."""

import re

import datasets
import pytest
from huggingface_hub import constants, hf_api

from backend.data.question_sets import read_set
from backend.errors import BadInput
from backend.setups import SetSource, load_setup
from tests.support.hub import serve
from tests.support.question_sets import (
    CATEGORIES,
    CLOZE,
    MMLU,
    N_CLOZE,
    N_ROBUST,
    ROBUST,
    write_cloze,
    write_mmlu,
    write_robust,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    write_robust(folder / "datasets" / ROBUST)
    write_cloze(folder / "datasets" / CLOZE)
    write_mmlu(folder / "datasets" / MMLU)
    return folder


@pytest.fixture(scope="module")
def server(root):
    with serve(root) as served:
        yield served


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """The hub, and an empty hub cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.delenv("CLAMPBOARD_DATA", raising=False)
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(hf_api.api, "endpoint", server.address)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", server.address)
    for library in (constants, datasets.config):
        monkeypatch.setattr(library, "HF_HUB_OFFLINE", False)
    server.asked.clear()
    return server


def shipped(setup: str, name: str) -> SetSource:
    return next(source for source in load_setup(setup).sets if source.name == name)


def fetched(hub) -> list[str]:
    return [a for a in hub.asked if a.startswith("GET") and a.endswith(".parquet")]


def numbers(questions) -> list[int]:
    return [int(q.question.partition(".")[0]) for q in questions]


def test_the_robust_questions_come_category_by_category_from_hub_and_folder(
    hub, root, tmp_path, monkeypatch
):
    source = shipped("gemma-2-2b-it-robust", "wmdp_bio_robust")
    found = read_set(source)
    asked = [(c, 10 * k + i) for k, c in enumerate(CATEGORIES) for i in range(N_ROBUST[k])]
    topics = [q.topic.replace(" ", "_") for q in found.questions]
    assert list(zip(topics, numbers(found.questions), strict=True)) == asked
    assert [q.answer for q in found.questions] == [number % 4 for _, number in asked]
    assert {q.subject for q in found.questions} == {"biology"}
    assert (found.title, found.skipped) == ("WMDP-Bio robust", "")
    assert len(fetched(hub)) == 2 * len(CATEGORIES), "a split more comes with each"
    hub.asked.clear()
    (tmp_path / "wmdp_robust").symlink_to(root / "datasets" / ROBUST)
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path))
    assert read_set(source) == found
    assert not hub.asked


def test_the_cloze_questions_have_no_configuration_on_the_hub_and_in_a_folder(
    hub, root, tmp_path, monkeypatch
):
    source = shipped("gemma-2-2b-it-cloze", "wmdp_bio_cloze")
    found = read_set(source)
    n = N_CLOZE["cloze_compatible"]
    assert numbers(found.questions) == list(range(n))
    assert [q.answer for q in found.questions] == [i % 4 for i in range(n)]
    assert {(q.subject, q.topic) for q in found.questions} == {("biology", "biology")}
    (tmp_path / "wmdp_cloze").symlink_to(root / "datasets" / CLOZE)
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path))
    hub.asked.clear()
    assert read_set(source) == found
    assert not hub.asked


def test_mmlu_without_biology_is_the_other_subjects_and_counts_them(hub):
    source = shipped("gemma-2-2b-it-robust", "mmlu_without_biology")
    found = read_set(source)
    assert found.title == "MMLU without biology, 106 in 53 subjects"
    assert len(fetched(hub)) == 1
    assert len(found.questions) == 2 * 53
    left_out = {"college biology", "high school biology", "medical genetics", "virology"}
    subjects = {q.subject for q in found.questions}
    assert len(subjects) == 53
    assert not subjects & left_out


@pytest.mark.parametrize(
    ("dataset", "asked", "said"),
    [
        (
            ROBUST,
            {"subjects": ("dual_use_virology", "virology"), "split": "robust"},
            f"The data set '{ROBUST}' has no configuration 'virology'; "
            f"there are {', '.join(CATEGORIES)}.",
        ),
        (
            ROBUST,
            {"config": "viral_vector_research"},
            f"The data set '{ROBUST}' has no split 'test'; there are robust, shortcut.",
        ),
        (
            ROBUST,
            {"split": "robust"},
            f"The data set '{ROBUST}' has several configurations, so config must say which: "
            f"there are {', '.join(CATEGORIES)}.",
        ),
        (
            CLOZE,
            {"split": "cloze"},
            f"The data set '{CLOZE}' has no split 'cloze'; there are cloze_compatible, mcqa_only.",
        ),
        (
            MMLU,
            {"subjects": ("virology", "virus")},
            "The data set 'cais/mmlu' has no subject 'virus'; there are virology, .* and 49 more.",
        ),
    ],
)
def test_a_name_the_data_set_does_not_have_is_said_with_those_there_are(hub, dataset, asked, said):
    with pytest.raises(BadInput) as error:
        read_set(SetSource("s", "S", "forget", dataset=dataset, **asked))
    assert re.fullmatch(said, str(error.value))
