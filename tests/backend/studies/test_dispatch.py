"""Cells go where their setup's engine is; nobody waits for ever."""

from itertools import count

from backend.studies.cells import Cell
from backend.studies.dispatch import Dispatch


def _cells(**counts: int) -> list[Cell]:
    return [Cell(setup, setup, key=f"{setup}{i}") for setup, n in counts.items() for i in range(n)]


def _keys(cells: list[Cell | None]) -> list[str | None]:
    return [cell and cell.key for cell in cells]


def test_a_worker_stays_with_its_setup_while_any_of_it_waits():
    dispatch, workers = Dispatch(_cells(a=2, b=3)), ["1"]
    given = [dispatch.next_for("1", workers) for _ in range(6)]
    # b has more cells; a's come when it has none.
    assert _keys(given) == ["b0", "b1", "b2", "a0", "a1", None]


def test_workers_part_the_setups_among_them():
    dispatch, workers = Dispatch(_cells(a=6, b=3, c=2)), ["1", "2", "3"]
    assert _keys([dispatch.next_for(w, workers) for w in workers]) == ["a0", "b0", "a1"]
    assert dispatch.next_for("2", workers).key == "b1"


def test_the_last_cells_of_a_setup_are_left_to_those_that_have_it():
    dispatch, workers = Dispatch(_cells(a=3)), list("123")
    assert _keys([dispatch.next_for(w, workers) for w in workers]) == ["a0", "a1", None]
    assert dispatch.next_for("1", workers).key == "a2"


def test_a_setup_whose_worker_ended_goes_to_another():
    dispatch = Dispatch(_cells(a=2))
    dispatch.give_back(dispatch.next_for("1", ["1", "2"]))
    assert _keys([dispatch.next_for("2", ["2"]) for _ in range(2)]) == ["a0", "a1"]


def test_every_cell_is_handed_out_once_whatever_ends():
    dispatch, names = Dispatch(_cells(a=30, b=20, c=1)), count()
    workers = [str(next(names)) for _ in range(4)]
    out: dict[str, Cell] = {}
    done = []
    for step in range(500):
        if step % 7 == 3:
            ended = workers.pop(step % len(workers))
            if ended in out:
                dispatch.give_back(out.pop(ended))
            workers.append(str(next(names)))
        for worker in workers:
            if worker in out:
                done.append(out.pop(worker).key)
            if (cell := dispatch.next_for(worker, workers)) is not None:
                out[worker] = cell
        if not dispatch.n_waiting and not out:
            break
    assert sorted(done) == sorted(cell.key for cell in _cells(a=30, b=20, c=1))


def test_what_one_worker_cannot_open_is_tried_on_another():
    dispatch, workers = Dispatch(_cells(a=2, b=1)), ["1", "2"]
    refused = dispatch.next_for("1", workers)
    assert dispatch.refuse(refused, "1", workers) == []
    assert dispatch.next_for("1", workers).key == "b0"
    assert _keys([dispatch.next_for("2", workers) for _ in range(2)]) == ["a0", "a1"]


def test_what_nobody_can_open_is_taken_out_whole():
    dispatch, workers = Dispatch(_cells(a=3, b=1)), ["1", "2"]
    assert dispatch.refuse(dispatch.next_for("1", workers), "1", workers) == []
    left = dispatch.refuse(dispatch.next_for("2", workers), "2", workers)
    assert _keys(left) == ["a0", "a1", "a2"]
    assert dispatch.n_waiting == 1


def test_three_that_cannot_open_it_are_enough():
    workers = list("12345")
    dispatch = Dispatch(_cells(a=10))
    given = {w: dispatch.next_for(w, workers) for w in "123"}
    assert [len(dispatch.refuse(given[w], w, workers)) for w in "123"] == [0, 0, 10]


def test_what_waits_for_workers_that_ended_can_be_taken_out():
    dispatch = Dispatch(_cells(a=2))
    assert dispatch.refuse(dispatch.next_for("1", ["1", "2"]), "1", ["1", "2"]) == []
    assert dispatch.next_for("1", ["1"]) is None
    assert _keys(dispatch.take_all()) == ["a0", "a1"]
    assert dispatch.n_waiting == 0
