"""What a setup's tables mean by themselves."""

from pathlib import Path
from typing import get_args

import pytest

from backend.errors import BadInput
from backend.setups import PROMPTS, CorpusSource, ModelSource, Prompt, SaeSource, Scoring, Setup


def setup(**fields) -> Setup:
    return Setup("T", model=ModelSource("m"), sae=SaeSource(), sets=(), corpora=(), **fields)


def corpus(**fields) -> CorpusSource:
    return CorpusSource(role="retain", title="T", **fields)


@pytest.mark.parametrize(
    ("scoring", "prompt"), [("letter", "paper"), ("cloze", "plain"), ("cloze_per_char", "plain")]
)
def test_a_setup_without_a_prompt_has_the_first_of_its_scoring(scoring, prompt):
    assert setup(scoring=scoring).protocol == (scoring, prompt)


def test_a_setup_with_a_prompt_has_that():
    assert setup(scoring="letter", prompt="lm-eval").protocol == ("letter", "lm-eval")


def test_every_scoring_has_prompts_and_every_prompt_a_scoring():
    assert set(PROMPTS) == set(get_args(Scoring))
    assert {prompt for prompts in PROMPTS.values() for prompt in prompts} == set(get_args(Prompt))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"file": Path("/a/file")}, "/a/file"),
        ({"folder": Path("/a/folder")}, "/a/folder"),
        ({"dataset": "cais/wmdp", "local": "wmdp"}, "cais/wmdp"),
        ({"local": "wmdp"}, "$CLAMPBOARD_DATA/wmdp"),
    ],
)
def test_the_place_of_rows_in_words(fields, place):
    assert corpus(**fields).place() == place


def test_the_data_folder_has_what_lies_in_it(tmp_path, monkeypatch):
    (tmp_path / "here").write_text("")
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path))
    assert corpus(local="here").local_path() == tmp_path.resolve() / "here"
    assert corpus(local="elsewhere").local_path() is None
    assert corpus(dataset="d").local_path() is None


def test_without_the_variable_nothing_is_at_hand(monkeypatch):
    monkeypatch.delenv("CLAMPBOARD_DATA", raising=False)
    assert corpus(local="here").local_path() is None


def test_a_variable_that_names_no_folder_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path / "none"))
    with pytest.raises(BadInput, match=r"names .*none, which is no folder"):
        corpus(local="here").local_path()
