"""A run file is read whole or refused in a sentence that names the field."""

import json

import pytest

from backend.errors import BadInput
from backend.interventions.board import board_of
from backend.interventions.method import setting_of
from backend.sharing.compare import compare
from backend.sharing.export import export, to_text
from backend.sharing.run_file import (
    MAX_BYTES,
    claims_of,
    read_claims,
    read_run_file,
    shipped_setup,
)
from tests.backend.sharing.conftest import BOARD
from tests.support.methods import METHODS


def read(raw, d_sae=24):
    return read_run_file((raw if isinstance(raw, str) else json.dumps(raw)).encode(), d_sae)


def test_a_file_reads_back_to_the_board_the_half_and_the_figures(ran):
    file = read(ran.text)
    assert (file.board, file.half, file.setting) == (BOARD, "held-out", BOARD.setting())
    assert file.claims.setup.name == "toy"
    for s, mine in zip(file.claims.sets, ran.evaluation.sets, strict=True):
        assert {name: getattr(s, name) for name in mine.figures()} == mine.figures()
        assert s.computed == mine


def test_clamps_of_a_file_keep_every_digit(toy):
    board = board_of(*setting_of([(1, -0.1 - 0.2), (2, 1e-7)]))
    file = read(to_text(export(toy, toy.evaluate(board.setting()), board)))
    assert file.setting == board.setting()


def put(*path_and_value):
    """A change of a file's value: what stands at the path becomes the value."""
    *path, last, value = path_and_value

    def change(raw):
        place = raw
        for step in path:
            place = place[step]
        place[last] = value
        return raw

    return change


QUESTION = ("sets", 0, "questions", 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: "[", "not JSON"),
        (lambda raw: "[" * 9999, "nested"),
        (lambda raw: [], "no export of this program"),
        (put("kind", 1), "no export of this program"),
        (put("format", 99), "format '99'"),
        (put("format", "\n"), "format '\N{REPLACEMENT CHARACTER}'"),
        (put("format", True), "'format' should be a valid integer, not True"),
        (put("board", "clamps", "\n\x1b[2J"), "'board' cannot be used"),
        (put("sets", "x"), r"'sets' should be a valid list, not 'x'"),
        (put("sets", 0, {}), r"'sets\[0\].name' is missing"),
        (put("sets", 0, "questions", []), r"'sets\[0\].questions' should have at least 1 item"),
        (put("sets", 0, "role", "forgets"), "should be 'forget' or 'retain', not 'forgets'"),
        (put("sets", 0, "n", True), r"'sets\[0\].n' should be a valid integer, not True"),
        (put("sets", 0, "n", 1.5), r"'sets\[0\].n' should be a valid integer"),
        (put("sets", 0, "n", 10**400), r"'sets\[0\].n' should be less than"),
        (put("sets", 0, "lost", -1), r"'sets\[0\].lost' should be greater than"),
        (put("sets", 0, "accuracy", "0.5"), r"'sets\[0\].accuracy' should be a valid number"),
        (put("sets", 0, "accuracy", None), r"'sets\[0\].accuracy' should be a valid number"),
        (put("sets", 0, "accuracy", float("nan")), "NaN is no number of JSON"),
        (put("sets", 0, "accuracy", float("inf")), "Infinity is no number of JSON"),
        (put("sets", 0, "inconclusive", 1), r"'sets\[0\].inconclusive' should be a valid boolean"),
        (put(*QUESTION, "scores", [1, 2]), r"questions\[0\].scores' should have at least 4 items"),
        (put(*QUESTION, "scores", 1, "x"), r"questions\[0\].scores\[1\]' should be a valid number"),
        (put(*QUESTION, "scores", 1, 1e300), r"questions\[0\].scores\[1\]' should be less than"),
        (put(*QUESTION, "answer", 4), r"questions\[0\].answer' should be less than 4"),
        (put("identity", "x", 1), r"'identity.x' should be a valid string"),
        (put("identity", []), "'identity' should be an object of fields"),
        (put("board", {"clamps": "99:1"}), "features 0 to 23"),
        (put("board", "zoom", "1"), "'board.zoom' is none that this program knows"),
        (put("board", "master", "2"), "'board' and 'clamps' say different things"),
        (put("clamps", "1:-7"), "'board' and 'clamps' say different things"),
        (put("features", 0, "value", -7.0), "'board' and 'features' say different things"),
        (put("features", []), "'board' and 'features' say different things"),
        (put("half", "left"), "'half' should be 'all', 'selection' or 'held-out', not 'left'"),
        (put("setup", None), "'setup' should be an object of fields, not None"),
        (put("setup", "name", "../../etc/x.toml"), "'setup.name' should be a setup's name, never"),
        (put("name", None), "'name' should be a valid string"),
        (put("name", "\ud800"), "half a character"),
        (put("identity", {str(i): 1 for i in range(2000)}), "'identity' should have at most 1,000"),
        (lambda raw: raw | {str(i): 1 for i in range(2000)}, "The file should have at most 1,000"),
        (put("sets", [{}] * 9), r"'sets\[0\].name' is missing"),
        (put("more", 1), "'more' is none that this program knows"),
        (lambda raw: json.dumps(raw)[:-1] + ', "half": "all"}', "'half' twice"),
    ],
)
def test_any_other_file_is_refused_in_words(ran, change, words):
    with pytest.raises(BadInput, match=words) as error:
        read(change(ran.raw()))
    assert len(str(error.value)) < 300
    assert str(error.value).isprintable()


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"", b"{", b'"\\ud800"', b"1e999"])
def test_bytes_that_are_no_run_file_are_refused_in_words(content):
    with pytest.raises(BadInput):
        read_claims(content)


def test_a_whole_number_does_where_a_fraction_is_asked(ran):
    raw = ran.raw()
    raw["sets"][0]["accuracy"] = 1
    assert read(raw).claims.sets[0].accuracy == 1.0


def test_size_and_kind_are_looked_at_before_anything_is_read(tmp_path):
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(BadInput, match="larger than 32 MB"):
        claims_of(large)
    with pytest.raises(BadInput, match="larger than 32 MB"):
        read_claims(bytes(MAX_BYTES + 1))
    with pytest.raises(BadInput, match="Is a directory|no regular file"):
        claims_of(tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        claims_of(tmp_path / "nothing.json")


@pytest.mark.parametrize("name", ["toy", "/toy", "../toy", "toy.toml"])
def test_a_file_does_not_choose_a_setup_but_a_shipped_one(ran, tmp_path, name):
    raw = ran.raw()
    path = tmp_path / "run.json"
    raw["setup"]["name"] = "demo"
    path.write_text(json.dumps(raw))
    assert shipped_setup(path) == "demo"
    raw["setup"]["name"] = name
    path.write_text(json.dumps(raw))
    with pytest.raises(BadInput, match="does not ship|never a path"):
        shipped_setup(path)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_reads_back_and_is_held_against_the_board(toy, method):
    setting = setting_of([(f, -12.0) for f in range(5)], method)
    evaluation = toy.evaluate(setting)
    raw = export(toy, evaluation, board_of(*setting))
    file = read(to_text(raw))
    assert file.setting == setting
    assert compare(file, evaluation, toy).verdict == "same"
    with pytest.raises(BadInput, match="'board' and 'method' say different things"):
        read(raw | {"method": ""})
    if method.gate is not None:
        said = raw["sets"][0]["questions"][0]["gate"]
        for field, other in (("open", not said["open"]), ("statistic", said["statistic"] + 0.01)):
            said[field], true = other, said[field]
            found = compare(read(raw), evaluation, toy)
            assert found.verdict == "other figures"
            assert "the gate's verdict on 1 questions is another" in " ".join(found.lines())
            said[field] = true


def test_a_file_of_the_papers_method_is_as_it_was_before_there_were_others(ran):
    assert "method" not in ran.raw()
    assert "method" not in ran.raw()["board"]
    assert "gate" not in ran.raw()["sets"][0]["questions"][0]
