import pytest
import torch

from backend.errors import Unavailable
from backend.store import key, read_json, read_tensors, replacing, write_json, write_tensors


def test_key_does_not_depend_on_order_but_on_every_value():
    assert key({"a": 1, "b": [2, 3]}) == key({"b": [2, 3], "a": 1})
    assert key({"a": 1}) != key({"a": 2})


def test_a_failed_write_leaves_the_old_file_and_no_scratch(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), replacing(path) as scratch:
        scratch.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"a": 1} and [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_damaged_files_are_misses_said_in_the_log(tmp_path, caplog):
    write_tensors(tmp_path / "t.safetensors", {"a": torch.arange(5)})
    assert read_tensors(tmp_path / "t.safetensors")["a"].tolist() == [0, 1, 2, 3, 4]
    (tmp_path / "t.safetensors").write_bytes(b"\0" * 20)
    (tmp_path / "j.json").write_text("{")
    assert (
        read_tensors(tmp_path / "t.safetensors") is None and read_json(tmp_path / "j.json") is None
    )
    assert len(caplog.records) == 2 and all("is damaged" in r.getMessage() for r in caplog.records)
    assert read_tensors(tmp_path / "none") is None and read_json(tmp_path / "none") is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        write_json(tmp_path / "file" / "x.json", 1)
