"""What is on disk of a study, and what becomes of it when it is damaged."""

from backend.store import cache_folder, read_json, read_table, write_json
from backend.studies import finished_studies
from backend.studies.kept import chosen, made_of
from backend.studies.table import table_of
from backend.studies.work import run


def _with(result: dict, machine: str) -> dict:
    return {**result, "made_of": {**result["made_of"], "machine": machine}}


def test_what_is_kept_is_what_was_written(begin, toy):
    _, cells, kept = begin()
    kept.begin()
    results = {cell.key: run(toy, cell) for cell in cells[:3]}
    for result in results.values():
        kept.write(result)
    assert {key: several for key, (several,) in kept.read().items()} == results
    kept.write_table(results, questions=True)
    assert read_table(kept.table_path).equals(table_of(cells, results))
    assert len(read_table(kept.questions_path)) == 3 * 7


def test_a_damaged_file_is_a_cell_that_is_not_done(begin, toy):
    _, cells, kept = begin()
    for cell in cells[:3]:
        kept.write(run(toy, cell))
    first, second, _ = sorted(kept.folder.glob("rows/*.json"))
    first.write_bytes(first.read_bytes().replace(b'"lost": 0', b'"lost": 1', 1))
    second.rename(second.with_name(second.name.replace("-", "-0")))
    assert len(kept.read()) == 1


def test_each_machine_has_a_file_of_its_own_and_the_one_with_most_cells_is_shown(begin, toy):
    _, cells, kept = begin()
    first, second = (run(toy, cell) for cell in cells[:2])
    for result in (first, _with(first, "B"), _with(second, "B")):
        kept.write(result)
    found = kept.read()
    assert [len(several) for several in found.values()].count(2) == 1
    assert {r["made_of"]["machine"] for r in chosen(found).values()} == {"B"}
    assert made_of(first) != made_of(_with(first, "B"))


def test_studies_that_are_kept_are_listed_the_latest_first(begin, toy):
    _, cells, kept = begin()
    kept.begin()
    kept.write(run(toy, cells[0]))
    kept.write_table({cells[0].key: run(toy, cells[0])}, questions=False)
    other = begin('title = "Other"\nsetups = ["toy.toml"]\nrivals = ["leace"]\n', "other")
    other.kept.begin()
    latest, small = finished_studies()
    assert (latest.name, latest.title, latest.n_cells, latest.n_done) == ("other", "Other", 1, 0)
    assert len(latest.table) == 0
    assert (small.name, small.n_cells, small.n_done) == ("small", len(cells), 1)
    assert list(small.table["cell"].unique()) == [cells[0].key]
    assert small.path == kept.table_path
    assert finished_studies(cache_folder())[1].table.equals(small.table)


def test_a_damaged_table_is_made_again_from_its_cells(begin, toy):
    _, cells, kept = begin()
    kept.begin()
    result = run(toy, cells[0])
    kept.write(result)
    kept.write_table({cells[0].key: result}, questions=False)
    kept.table_path.write_bytes(b"PAR1")
    (found,) = finished_studies()
    assert found.table.equals(table_of(cells, {cells[0].key: result}))


def test_what_is_no_study_is_passed_over(begin):
    _, _, kept = begin()
    kept.begin()
    about = read_json(kept.folder / "study.json")
    write_json(kept.folder / "study.json", {**about, "format": 0})
    (cache_folder() / "studies" / "empty").mkdir()
    assert finished_studies() == []


def test_a_study_of_other_cells_has_another_folder(begin):
    one, two = begin(), begin(name="another")
    assert one.kept.folder != two.kept.folder
    assert begin().kept.folder == one.kept.folder
    text = 'title = "T"\nsetups = ["toy.toml"]\nrivals = ["leace"]\n'
    assert begin(text).kept.folder != one.kept.folder
