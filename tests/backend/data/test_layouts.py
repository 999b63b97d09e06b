"""Folders in every layout that is handed round, and what is said of what they do not hold."""

import time

import pytest

from backend.data.layouts import find_file, those_there
from backend.errors import BadInput


@pytest.mark.parametrize("config", ["*", "[a-z]*", "?irology", "**", "x" * 400])
def test_a_configuration_is_no_pattern(tmp_path, config):
    (tmp_path / "virology.json").write_text("")
    with pytest.raises(BadInput, match="does not hold"):
        find_file(tmp_path, config, "none")


def test_a_folder_of_several_data_sets_needs_a_configuration(tmp_path):
    (tmp_path / "virology_test.csv").write_text("")
    said = (
        r"the split 'test'; where it holds several.*give config too\. .*there is virology_test\.csv"
    )
    with pytest.raises(BadInput, match=said):
        find_file(tmp_path, "", "test")


@pytest.mark.parametrize(
    "place",
    [
        "data/whole-00000-of-00001.parquet",
        "whole-00000-of-00001.parquet",
        "whole.parquet",
        "whole.json",
        "whole.jsonl",
        "whole.csv",
    ],
)
def test_a_data_set_without_configurations_is_found_by_its_split(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("")
    (tmp_path / "part.json").write_text("")
    assert find_file(tmp_path, "", "whole") == tmp_path / place


@pytest.mark.parametrize(
    "place",
    [
        "virology/test-00000-of-00001.parquet",
        "test/virology_test.csv",
        "virology_test.csv",
        "virology_questions.json",
        "virology/test.jsonl",
        "virology.parquet",
        "virology.json",
        "virology.jsonl",
        "virology.csv",
        "test.jsonl",
    ],
)
def test_a_folder_is_searched_for_the_layouts_that_are_handed_round(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("")
    (tmp_path / "other.json").write_text("")
    assert find_file(tmp_path, "virology", "test") == tmp_path / place


def test_a_configuration_of_wmdp_is_found_under_its_original_name(tmp_path):
    (tmp_path / "bio_questions.json").write_text("")
    assert find_file(tmp_path, "wmdp-bio", "test") == tmp_path / "bio_questions.json"


def test_the_hubs_layout_goes_before_the_others(tmp_path):
    for place in ("virology.json", "virology/test-00000-of-00001.parquet"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("")
    assert find_file(tmp_path, "virology", "test").suffix == ".parquet"


def test_a_file_that_names_its_split_goes_before_one_that_does_not(tmp_path):
    (tmp_path / "virology").mkdir()
    for place in ("virology.jsonl", "virology/dev.jsonl", "dev.parquet"):
        (tmp_path / place).write_text("")
    assert find_file(tmp_path, "virology", "dev") == tmp_path / "virology" / "dev.jsonl"


def test_questions_are_never_taken_for_their_own_worked_examples(tmp_path):
    for place in ("virology.jsonl", "bio_questions.json"):
        (tmp_path / place).write_text("")
    for config in ("virology", "wmdp-bio"):
        with pytest.raises(BadInput, match="does not hold"):
            find_file(tmp_path, config, "dev")


def test_a_folder_without_the_data_says_what_was_looked_for(tmp_path):
    said = (
        r"does not hold 'virology', split 'dev'\. Expected .*dev/virology_dev\.csv, .*; there are "
    )
    with pytest.raises(BadInput, match=said + r"none\."):
        find_file(tmp_path, "virology", "dev")
    (tmp_path / "virology").mkdir()
    for split in ("test", "val"):
        (tmp_path / "virology" / f"{split}-0.parquet").write_text("")
    with pytest.raises(BadInput, match=said + r"virology/test-0\.parquet, virology/val-0\.parquet"):
        find_file(tmp_path, "virology", "dev")


def test_a_split_in_several_files_is_refused(tmp_path):
    (tmp_path / "virology").mkdir()
    for part in range(2):
        (tmp_path / "virology" / f"test-0000{part}-of-00002.parquet").write_text("")
    with pytest.raises(BadInput, match=r"holds 'virology' in 2 files .* put them into one"):
        find_file(tmp_path, "virology", "test")


def test_of_many_names_the_closest_are_said_however_long_they_are():
    names = [f"{'x' * 200_000}{n}" for n in range(20)] + [f"{n}" for n in range(2_000)]
    start = time.monotonic()
    said = those_there("x" * 200_000, names)
    assert said.startswith(f"there are {'x' * 59}…, xxx")
    assert said.endswith("x… and 2,012 more")
    assert len(said) < 1_000
    assert those_there("bib", ["aab", *"cdefghij", "bibs"]).startswith("there are bibs, ")
    assert time.monotonic() - start < 5
