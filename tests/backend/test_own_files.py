"""Files of the user's own: damage is set aside, and what another may be writing is left alone."""

import json
import multiprocessing
import os
import tempfile
import threading
from pathlib import Path

import pytest

from backend.errors import Unavailable
from backend.evaluation.results import Results
from backend.features.labels import Labels
from backend.interventions.method import NOTHING
from backend.notices import noticed
from backend.own_files import changing, delete, read, read_to_change
from backend.store import DAMAGED, write_json


def test_what_is_not_there_is_none_and_leaves_no_trace(tmp_path):
    assert read(tmp_path / "folder" / "x", json.loads) is None
    assert list(tmp_path.iterdir()) == []


def test_what_its_reader_refuses_is_set_aside(tmp_path):
    write_json(tmp_path / "x", "no number")
    assert read(tmp_path / "x", lambda content: int(json.loads(content))) is None
    assert Path(f"{tmp_path / 'x'}{DAMAGED}").exists()
    assert not (tmp_path / "x").exists()


def test_a_file_that_another_makes_good_meanwhile_is_not_set_aside(tmp_path):
    (tmp_path / "x").write_text("damaged")
    heard = []
    reader = threading.Thread(target=lambda: heard.append(read(tmp_path / "x", json.loads)))
    with changing(tmp_path):
        reader.start()
        reader.join(0.3)
        assert reader.is_alive(), "it waits for the writer"
        write_json(tmp_path / "x", 7)
    reader.join()
    assert heard == [7]
    assert not Path(f"{tmp_path / 'x'}{DAMAGED}").exists()


def test_what_cannot_be_read_is_not_changed(tmp_path):
    (tmp_path / "x").mkdir()
    assert read(tmp_path / "x", json.loads) is None
    with pytest.raises(Unavailable, match="so it is not written over"):
        read_to_change(tmp_path / "x", json.loads)
    with pytest.raises(Unavailable, match="cannot be deleted"):
        delete(tmp_path / "x")


def as_another_user(work):
    """Run it in a process of nobody's."""

    def run():
        os.setegid(65534)
        os.seteuid(65534)
        work()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_files_are_passed_over_said_and_not_written_over():
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder)
        shared.chmod(0o777)
        Labels(shared, {}, 10).set(1, label="theirs")
        (shared / "own.jsonl").chmod(0o600)
        closed = shared / "closed"
        closed.mkdir(0o700)
        write_json(closed / "x.json", 1)

        def work():
            labels = Labels(shared, {2: "of the setup"}, 10)
            assert (labels.of(1).text, labels.of(2).text) == ("", "of the setup")
            assert any("own.jsonl cannot be read (Permission denied)" in t for t in noticed())
            with pytest.raises(Unavailable, match="not written over"):
                labels.set(3, label="mine")
            results = Results(closed, (3, 4))
            assert results.read(NOTHING) is None
            assert list(results.files()) == []
            with pytest.raises(Unavailable, match="not written over"):
                read_to_change(closed / "x.json", json.loads)
            assert Labels(closed, {}, 10).reread() is False

        as_another_user(work)
        (shared / "own.jsonl").chmod(0o644)
        assert Labels(shared, {}, 10).of(1).text == "theirs"
