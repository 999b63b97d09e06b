"""A cell is named by what it asks for and by what its setup is made of."""

import json
import os

from backend.setups import load_setup
from backend.studies.cells import Cell, content_of, in_words


def test_every_setup_has_every_combination_and_every_rival_once(begin):
    cells = begin().cells
    assert len(cells) == 2 * 2 * 2 * 2 + 2
    assert len({cell.key for cell in cells}) == len(cells)
    assert [in_words(cell) for cell in cells[:4]] == [
        "selectivity, 1 at -3x",
        "selectivity, 1 at 1x",
        "selectivity, 1 at -3x [rho:0,reach:all] tau at 0.3",
        "selectivity, 1 at 1x [rho:0,reach:all] tau at 0.3",
    ]
    assert [in_words(cell) for cell in cells[-2:]] == ["leace", "prompt Forget it."]


def test_what_two_grids_ask_for_is_one_cell(begin):
    one = begin()
    text = 'title = "T"\nsetups = ["toy.toml"]\nrivals = ["leace"]\nstrengths = [-3]\n'
    text += 'rankers = ["selectivity"]\n[[grid]]\nfeatures = [1, 3]\n[[grid]]\nfeatures = [3, 2]\n'
    two = begin(text, "two")
    assert [cell.features for cell in two.cells] == [1, 3, 0, 2]
    assert {cell.key for cell in two.cells} & {cell.key for cell in one.cells} == {
        cell.key for cell in two.cells if cell.features != 2
    }


def test_a_cell_travels_as_plain_data(begin):
    for cell in begin().cells:
        assert Cell.of(json.loads(json.dumps(cell.plain()))) == cell


def test_what_a_setup_is_made_of_and_no_word_of_it_changes_its_cells(begin, toy_toml):
    def keys() -> set[str]:
        return {cell.key for cell in begin().cells}

    before = keys()
    text = toy_toml.read_text()
    toy_toml.write_text(text.replace('title = "Toy"', 'title = "Another"', 1))
    (toy_toml.parent / "labels.tsv").write_text("3\tanother\n")
    assert keys() == before
    quiz = toy_toml.parent / "quiz.jsonl"
    whole = quiz.read_text()
    quiz.write_text(whole.replace("pumps", "moves"))
    assert not keys() & before
    quiz.write_text(whole)
    assert keys() == before
    weights = toy_toml.parent / "model" / "model.safetensors"
    os.utime(weights, ns=(1, 1))
    assert not keys() & before


def test_where_a_setup_lies_does_not_matter(toy_toml, tmp_path):
    for name in ("quiz.jsonl", "passages.jsonl", "labels.tsv"):
        (tmp_path / name).write_bytes((toy_toml.parent / name).read_bytes())
    (tmp_path / "model").symlink_to(toy_toml.parent / "model")
    (tmp_path / "sae").symlink_to(toy_toml.parent / "sae")
    (tmp_path / "toy.toml").write_text(toy_toml.read_text())
    assert content_of(load_setup(tmp_path / "toy.toml")) == content_of(load_setup(toy_toml))
