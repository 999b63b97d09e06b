"""Files under cache/: whole or not there, addressed by what they depend on, never a fault."""

import hashlib
import os
import shutil

import pytest
import torch

from backend.errors import Unavailable
from backend.store import (
    ROOT,
    SCRATCH,
    cache_folder,
    check_room,
    key,
    read_json,
    read_tensors,
    replacing,
    sha256_of,
    sweep_leftovers,
    write_json,
    write_tensors,
)


def test_the_cache_lies_beside_the_program_unless_the_user_says_where(tmp_path, monkeypatch):
    monkeypatch.delenv("CLAMPBOARD_CACHE")
    assert cache_folder() == ROOT / "cache"
    assert (ROOT / "app.py").exists()
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_key_does_not_depend_on_order():
    assert key({"a": 1, "b": [2, 3]}) == key({"b": [2, 3], "a": 1})


def test_key_depends_on_every_value_and_name():
    keys = {key(spec) for spec in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": [1]}, {})}
    assert len(keys) == 6


def test_a_failed_write_leaves_the_old_file_and_no_scratch(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), replacing(path) as scratch:
        scratch.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_tensors_and_values_read_back_as_they_were(tmp_path):
    tensors = {"a": torch.arange(6).view(2, 3).T, "b": torch.ones(2, dtype=torch.bfloat16)}
    write_tensors(tmp_path / "t", tensors)
    read = read_tensors(tmp_path / "t")
    assert set(read) == {"a", "b"}
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert read["b"].dtype == torch.bfloat16
    write_json(tmp_path / "j", {"ü": [1, None, "\u2028"]})
    assert read_json(tmp_path / "j") == {"ü": [1, None, "\u2028"]}


@pytest.mark.parametrize(("read", "content"), [(read_tensors, b"\0" * 20), (read_json, b"{")])
def test_a_damaged_file_is_a_miss_said_in_the_log(tmp_path, caplog, read, content):
    (tmp_path / "file").write_bytes(content)
    assert read(tmp_path / "file") is None
    assert [record.getMessage().count("file is damaged") for record in caplog.records] == [1]


@pytest.mark.parametrize("read", [read_tensors, read_json])
def test_a_file_that_is_not_there_is_a_miss_without_a_word(tmp_path, caplog, read):
    assert read(tmp_path / "none") is None
    assert not caplog.records


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        write_json(tmp_path / "file" / "x.json", 1)
    with pytest.raises(Unavailable, match="Point CLAMPBOARD_CACHE at a folder that can"):
        check_room(tmp_path / "file" / "folder", 1)


def test_scratch_files_of_the_killed_are_swept_and_those_of_the_living_stay(tmp_path):
    old, young, whole = (tmp_path / f"{SCRATCH}old", tmp_path / f"{SCRATCH}young", tmp_path / "x")
    for file in (old, young, whole):
        file.write_text("")
    for file in (old, whole):
        os.utime(file, (0, 0))
    sweep_leftovers(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {young.name, whole.name}


def test_a_files_hash_is_that_of_its_bytes_however_many(tmp_path):
    content = os.urandom((1 << 22) + 17)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_no_room_on_the_disk_is_said_with_both_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9e6, 7e6, 2e6))
    check_room(tmp_path / "made", 2_000_000)
    assert (tmp_path / "made").is_dir()
    with pytest.raises(Unavailable, match=r"3 MB are needed, 2 MB are free"):
        check_room(tmp_path / "made", 3_000_000)
