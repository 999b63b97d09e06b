"""Files under cache/: whole or not there, addressed by what they depend on, never a fault."""

import hashlib
import os
import shutil
import stat
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from backend.errors import Unavailable
from backend.notices import noticed
from backend.store import (
    DAMAGED,
    LOCK,
    ROOT,
    SCRATCH,
    cache_folder,
    check_room,
    if_it_can_be_kept,
    is_sealed,
    key,
    locked,
    read_json,
    read_table,
    read_tensors,
    replacing,
    seal_file,
    sha256_of,
    sweep_leftovers,
    write_json,
    write_table,
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


def whole(folder):
    """A file of each kind, and how it is read."""
    write_json(folder / "value", {"scores": [0.5, 0.25]})
    write_tensors(folder / "tensors", {"a": torch.arange(6.0)})
    write_table(folder / "table", pd.DataFrame({"feature": [1, 2]}))
    return {"value": read_json, "tensors": read_tensors, "table": read_table}


@pytest.mark.parametrize("name", ["value", "tensors", "table"])
def test_a_byte_changed_cut_or_added_anywhere_is_a_miss_said_once(tmp_path, caplog, name):
    read = whole(tmp_path)[name]
    path = tmp_path / name
    content = path.read_bytes()
    damages = [
        content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :] for i in range(len(content))
    ]
    damages += [content[:n] for n in range(len(content))]
    damages += [content + b"0", content + content, content[:-100] + bytes(100)]
    assert read(path) is not None
    for damage in damages[:: max(1, len(damages) // 300)]:
        path.write_bytes(damage)
        assert read(path) is None
        assert read(path) is None
    path.write_bytes(b"{}")
    caplog.clear()
    assert read(path) is None
    assert read(path) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} is damaged; it is computed again."
    ]
    assert f"{path} is damaged; it is computed again." in noticed()


def test_a_file_in_the_place_of_another_is_a_miss(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path))
    for folder, n in (("a", 1), ("b", 2)):
        write_json(tmp_path / folder / "x", n)
        write_tensors(tmp_path / folder / "t", {"n": torch.tensor(n)})
    for name, read in (("x", read_json), ("t", read_tensors)):
        shutil.copy(tmp_path / "a" / name, tmp_path / "b" / name)
        assert read(tmp_path / "a" / name) is not None
        assert read(tmp_path / "b" / name) is None


def test_the_whole_cache_may_be_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "here"))
    write_json(tmp_path / "here" / "x", 1)
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "there"))
    assert read_json(tmp_path / "there" / "x") == 1


def test_a_users_file_that_is_damaged_is_set_aside_each_time(tmp_path):
    for n in range(3):
        (tmp_path / "mine").write_text(f"damaged {n}")
        assert read_json(tmp_path / "mine", users=True) is None
    assert not (tmp_path / "mine").exists()
    kept = {p.read_text() for p in tmp_path.iterdir()}
    assert kept == {"damaged 0", "damaged 1", "damaged 2"}
    assert any(f"set aside as {tmp_path / 'mine'}{DAMAGED}." in text for text in noticed())


def test_a_database_is_known_by_its_seal(tmp_path):
    path = tmp_path / "index"
    assert not is_sealed(path)
    path.write_bytes(b"abc")
    assert not is_sealed(path)
    seal_file(path)
    assert is_sealed(path)
    path.write_bytes(b"abd")
    assert not is_sealed(path)


def test_one_at_a_time_holds_a_lock_and_the_others_are_told(tmp_path):
    waits, order = [], []

    def hold():
        with locked(tmp_path / "lock", lambda: waits.append(1)):
            order.append("second")

    second = threading.Thread(target=hold)
    with locked(tmp_path / "lock"):
        second.start()
        while not waits:
            time.sleep(0.01)
        order.append("first")
    second.join()
    assert order == ["first", "second"]


def test_a_lock_that_cannot_be_made_holds_nobody_up(tmp_path):
    (tmp_path / "file").write_text("")
    with locked(tmp_path / "file" / "lock"):
        pass


def test_what_is_written_has_the_mode_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "x", 1)
        write_tensors(tmp_path / "t", {"a": torch.ones(1)})
    finally:
        os.umask(before)
    assert [oct((tmp_path / n).stat().st_mode & 0o777) for n in "xt"] == ["0o640", "0o640"]


def test_links_are_followed_and_devices_and_pipes_written_into(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    heard = []
    listener = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    listener.start()
    for name in ("link", "pipe"):
        deadline = time.monotonic() + 5
        while True:
            try:
                with replacing(tmp_path / name) as scratch:
                    scratch.write_text("new")
                break
            except Unavailable:  # nobody reads the pipe yet
                assert time.monotonic() < deadline
    with replacing(Path("/dev/null")) as scratch:
        scratch.write_text("new")
    listener.join()
    assert heard == ["new"]
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert Path("/dev/null").is_char_device()


def test_a_pipe_nobody_reads_is_said_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unavailable, match="cannot be written"), replacing(tmp_path / "pipe") as out:
        out.write_text("new")


def test_what_cannot_be_kept_is_said_and_not_failed_for(tmp_path):
    (tmp_path / "file").write_text("")
    with if_it_can_be_kept("The table"):
        write_json(tmp_path / "file" / "x", 1)
    assert any("The table cannot be kept and will be computed again" in text for text in noticed())


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
    deep = tmp_path / "a" / "b"
    with replacing(deep / "living") as living:
        living.write_text("whole")
        killed = deep / f"{SCRATCH}killed"
        Path(f"{killed}{LOCK}").write_text("")
        killed.write_text("half")
        folder = tmp_path / f"{SCRATCH}folder"
        folder.mkdir()
        (folder / "file").write_text("half")
        sweep_leftovers(tmp_path)
        assert {p.name for p in tmp_path.rglob("*")} == {
            "a",
            "b",
            living.name,
            f"{living.name}{LOCK}",
        }
    assert [p.name for p in deep.iterdir()] == ["living"]


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
