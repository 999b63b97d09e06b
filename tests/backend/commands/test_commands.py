"""The command line: JSON alone on standard output, one line and status 2 for a wrong argument."""

import gzip
import json
import os
import subprocess
import sys
from typing import NamedTuple

import pytest
import torch

from backend.__main__ import main
from backend.store import ROOT
from tests.support.toy import build_sae, write_setup


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capsys):
    """The command's main function, in this process: importing torch anew for each case would take
    minutes.
    """

    def call(*args) -> Result:
        capsys.readouterr()
        try:
            code = main([str(a) for a in args])
        except SystemExit as error:
            code = error.code
        return Result(code, *capsys.readouterr())

    return call


def fails(result, *words):
    assert result.returncode == 2 and result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr and len(last) < 500
    for word in words:
        assert word in last, last


def test_a_process_of_its_own(toy, toy_toml):
    command = [
        sys.executable,
        "-m",
        "backend",
        "evaluate",
        str(toy_toml),
        "--clamps",
        "1:-8",
        "--json",
    ]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=240,
        check=True,
    )
    assert json.loads(result.stdout)["clamps"] == "1:-8"


def test_evaluate_says_what_the_engine_says(run, toy, toy_toml):
    result = run("evaluate", toy_toml, "--clamps", "2:-40,5:0", "--json", "--per-question")
    assert result.returncode == 0, result.stderr
    value = json.loads(result.stdout)
    mine = toy.evaluate(toy.check(((2, -40.0), (5, 0.0))))
    assert [s["accuracy"] for s in value["sets"]] == [s.accuracy for s in mine.sets]
    assert {light["name"] for light in value["lights"]} >= {
        "Something to forget",
        "Edit in proportion",
    } and "mean" in value["sets"][0]["margin_change"]
    scores = torch.tensor([q["scores"] for s in value["sets"] for q in s["questions"]])
    torch.testing.assert_close(scores, mine.scores)
    assert set(value["sets"][0]) >= {
        "name",
        "role",
        "n",
        "n_affected",
        "baseline_accuracy",
        "accuracy",
        "lost",
        "gained",
        "change_pp",
        "ci_low_pp",
        "ci_high_pp",
        "p_value",
    }


def test_reference_and_sets(run, toy_toml):
    fast, slow = (
        json.loads(
            run(
                "evaluate", toy_toml, "--clamps", "1:-9", "--sets", "history", "--json", *more
            ).stdout
        )
        for more in ((), ("--reference",))
    )
    assert [s["name"] for s in fast["sets"]] == ["history"]
    assert (
        fast["sets"][0]["accuracy"] == slow["sets"][0]["accuracy"] and slow["path"] == "reference"
    )


def test_search_and_feature(run, toy_toml):
    found = json.loads(run("search", toy_toml, "virus", "--json", "--limit", "3").stdout)[
        "features"
    ]
    assert (
        found[0]["feature"] == 5 and len(found) <= 3 and found[0]["why"] == {"label": ["viruses"]}
    )
    page = json.loads(run("feature", toy_toml, "5", "--json").stdout)
    assert page["label"] == "viruses" and page["tokens_scanned"]["forget"] > 0


def test_dose_says_what_evaluate_says(run, toy_toml):
    value = json.loads(run("dose", toy_toml, "2", "--multiples", "1", "-3", "--json").stdout)
    assert [p["multiple"] for p in value["points"]] == [-3, 1]
    for point in value["points"]:
        alone = json.loads(
            run("evaluate", toy_toml, "--clamps", f"2:{point['value']}", "--json").stdout
        )
        assert [s["accuracy"] for s in alone["sets"]] == [s["accuracy"] for s in point["sets"]]


def test_generate_writes_what_the_module_writes(run, toy, toy_toml):
    from backend.experiments.generate import Sampling, generate, prompt_ids

    value = json.loads(
        run(
            "generate",
            toy_toml,
            "The heart",
            "--clamps",
            "0:-40",
            "--max-tokens",
            "8",
            "--temperature",
            "1",
            "--seed",
            "5",
            "--json",
        ).stdout
    )
    ids = prompt_ids(toy.model.tokenizer, "The heart", chat=False)
    for which, clamps in (("baseline", ()), ("clamped", toy.check(((0, -40.0),)))):
        *_, last = generate(
            toy.runner,
            ids,
            clamps,
            max_tokens=8,
            sampling=Sampling(1.0, 5),
        )
        assert value[which]["text"] == last.text and value[which]["ids"] == list(last.ids)
    assert value["clamped"]["edited_positions"] and not value["baseline"]["edited_positions"]
    assert (
        "With 1 features clamped"
        in run("generate", toy_toml, "The heart", "--clamps", "0:-40", "--max-tokens", "2").stdout
    )


def test_search_by_text_and_by_ranking(run, toy, toy_toml):
    from backend.reading.own_text import firing, read_text

    value = json.loads(
        run("search", toy_toml, "--text", "The heart pumps.", "--densest", "0.3", "--json").stdout
    )
    expected = firing(read_text(toy, "The heart pumps."), toy.atlas.table, densest=0.3)
    assert [row["feature"] for row in value["features"]] == expected["feature"].head(20).tolist()
    assert value["features"][0]["on_text"]["act"] == pytest.approx(expected["act"][0])
    ranked = json.loads(run("search", toy_toml, "--rank", "forget density", "--json").stdout)[
        "features"
    ]
    assert ranked[0]["forget_density"] == toy.atlas.table.forget_density.max()
    assert (
        "viruses"
        in json.loads(run("search", toy_toml, "viruss", "--json").stdout)["read_as"]["viruss"]
    )


def test_labels_go_in_and_out(run, toy_toml, tmp_path, monkeypatch, own_cache):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path))
    file = tmp_path / "batch-0.jsonl.gz"
    file.write_bytes(
        gzip.compress(
            b'{"index": "7", "description": "nerves"}\n{"index": "5", "description": "not the'
            b" setup's\"}\n"
        )
    )
    value = json.loads(run("labels", toy_toml, "import", file, "--json").stdout)
    assert value["neuronpedia"] == 2 and value["labels"] == {
        "own": 0,
        "setup": 2,
        "Neuronpedia": 2,
        "stars": 0,
    }
    (tmp_path / "mine.jsonl").write_text(
        '{"index": "9", "description": "mine", "typeName": "clampboard-own", "star": true}\n'
    )
    assert "1 your own" in run("labels", toy_toml, "import", tmp_path / "mine.jsonl").stdout
    run("labels", toy_toml, "export", tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text())["description"] == "mine"


def test_a_file_runs_again_to_the_same_figures_and_says_when_it_does_not(
    run, toy, toy_toml, tmp_path
):
    file = tmp_path / "run.json"
    assert run("export", toy_toml, "--clamps", "1:-120,4:-3.7", "--out", file).returncode == 0
    again = run("evaluate", toy_toml, "--from", file, "--json")
    value = json.loads(again.stdout)
    assert (
        again.returncode == 0
        and value["same"]
        and value["questions"] == 7
        and value["differences"] == []
    )
    assert value["clamps"] == "1:-120,4:-3.7"
    raw = json.loads(file.read_text())
    raw["identity"]["the SAE"] = "0" * 64
    raw["sets"][0]["questions"][0]["scores"] = raw["sets"][0]["questions"][0]["scores"][::-1]
    file.write_text(json.dumps(raw))
    again = run("evaluate", toy_toml, "--from", file)
    assert (
        again.returncode == 1
        and "Different: The SAE: 000000000000… in the file" in again.stdout
        and "Not the figures of the file" in again.stdout
    )
    fails(run("evaluate", "--from", file), "no setup 'toy'")
    fails(run("evaluate", "--from", tmp_path / "nothing.json"), "cannot be read")
    fails(run("evaluate", toy_toml, "--from", file, "--half", "held-out"), "leave out")
    fails(run("evaluate", "--clamps", "1:2"), "Name a setup")


def test_report_and_snippet_are_written(run, toy, toy_toml, tmp_path):
    page = tmp_path / "page.html"
    assert run("report", toy_toml, "--clamps", "1:-120", "--out", page).returncode == 0
    assert "1:-120" in page.read_text(encoding="utf-8")
    program = run("snippet", toy_toml, "--clamps", "1:-120").stdout
    assert "1: -120.0" in program and "log_probs" in program
    fails(run("report", toy_toml, "--clamps", "1:-120", "--out", page / "no"), "cannot be written")


def test_prepare_reports_sizes(run, toy_toml):
    value = json.loads(run("prepare", toy_toml, "--json").stdout)
    assert value["questions"] == 7 and value["bytes"]["recording.safetensors"] > 0


def test_controls_stand_beside_the_users_own(run, toy, toy_toml):
    result = run("controls", toy_toml, "--clamps", "2:-40", "--json")
    assert result.returncode == 0, result.stderr
    value = json.loads(result.stdout)
    assert [c["name"] for c in value["controls"]][::6] == [
        "these features",
        "next decoder",
    ] and len(value["controls"]) == 9
    mine = toy.evaluate(toy.check(((2, -40.0),)))
    assert value["controls"][0]["retain"]["lost"] == sum(
        s.lost for s in mine.sets if s.role == "retain"
    )
    fails(run("controls", toy_toml, "--clamps", ""), "nothing to hold controls against")


def test_a_sweep_gives_a_point_for_each_setting(run, toy, toy_toml):
    result = run(
        "sweep",
        toy_toml,
        "--features",
        "2",
        "9",
        "--n",
        "1",
        "2",
        "--multiples",
        "-3",
        "-6",
        "--json",
    )
    assert result.returncode == 0, result.stderr
    points = json.loads(result.stdout)["points"]
    assert [(p["n"], p["multiple"]) for p in points] == [(1, -3.0), (1, -6.0), (2, -3.0), (2, -6.0)]
    mine = toy.evaluate(toy.check(((2, round(-3.0 * float(toy.atlas.table.max_act[2]), 2)),)))
    assert points[0]["forget"]["accuracy"] == next(
        s.accuracy for s in mine.sets if s.role == "forget"
    )
    fails(run("sweep", toy_toml, "--features", "99"), "no feature 99")


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("evaluate", "nope", "--clamps", "1:2"), "no setup 'nope'"),
        (("evaluate", "TOY", "--clamps", "abc"), "'abc' is not a clamp"),
        (("evaluate", "TOY", "--clamps", "99:1"), "no feature 99"),
        (("evaluate", "TOY", "--clamps", "1:2", "--sets", "x"), "no question set 'x'"),
        (("evaluate", "TOY", "--preset", "x"), "no preset 'x'"),
        (("evaluate", "TOY"), "--clamps"),
        (("feature", "TOY", "24"), "no feature 24"),
        (("feature", "TOY", "abc"), "invalid int"),
        (("dose", "TOY", "24"), "no feature 24"),
        (("dose", "TOY", "2", "--multiples", "a"), "invalid float"),
        (("generate", "TOY", " ", "--clamps", "1:2"), "There is no prompt"),
        (
            ("generate", "TOY", "A cell", "--clamps", "1:2", "--max-tokens", "9999"),
            "length can be 1",
        ),
        (("generate", "TOY", "A cell", "--clamps", "1:2", "--temperature", "-1"), "temperature"),
        (("search", "TOY", ""), "needs a word"),
        (("search", "TOY", "x" * 10_000), "10,000 characters"),
        (("search", "TOY", "x", "--limit", "0"), "not a positive number"),
        (("search", "TOY"), "Give keywords, --text, or --rank"),
        (("search", "TOY", "x", "--rank", "fame"), "no order 'fame'"),
        (("search", "TOY", "--text", " "), "text is empty"),
        (("search", "TOY", "--text", "x" * 4001), "at most 4,000"),
        (("labels", "TOY", "import"), "needs FILE"),
        (("labels", "TOY", "import", "/nowhere.jsonl"), "cannot be read"),
        (("labels", "TOY", "fetch"), "names no page on Neuronpedia"),
        (("labels", "TOY", "show", "x"), "takes no FILE"),
    ],
)
def test_a_wrong_argument_is_one_line(run, toy, toy_toml, args, word):
    fails(run(*[str(toy_toml) if a == "TOY" else a for a in args]), word)


def test_missing_wheel_says_how_to_install_it(run, tmp_path):
    path = write_setup(tmp_path)
    path.write_text(path.read_text().replace('path = "model"', 'package = "llm_nothing"'))
    fails(run("prepare", path), "not installed", "llm-nothing")


def test_sae_that_does_not_fit_the_model(run, tmp_path):
    fails(run("prepare", write_setup(tmp_path, sae={"d_in": 48})), "48", "d_model = 32")


def test_no_sae_in_the_folder(run, tmp_path):
    path = write_setup(tmp_path)
    (tmp_path / "sae" / "cfg.json").unlink()
    fails(run("prepare", path), "There is no SAE in")


def test_sae_that_normalises_is_refused(run, tmp_path):
    path = write_setup(tmp_path)
    build_sae(tmp_path / "sae", "standard", normalize_activations="layer_norm")
    fails(run("prepare", path), "normalises", "layer_norm")


def test_cache_that_cannot_be_written(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "file" / "cache"))
    fails(run("prepare", write_setup(tmp_path)), "file", "cannot be written")


def test_no_room_on_the_disk(tmp_path, monkeypatch):
    import shutil

    from backend.errors import Unavailable
    from backend.model import weights

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(Unavailable, match="Not enough disk space"):
        weights.check_room(tmp_path, 1000)


def test_question_lists_the_tokens_the_model_sees(run, toy, toy_toml):
    clamps = toy.check(((2, -40.0), (5, 3.0)))
    result = run("question", toy_toml, "biology", "1", "--clamps", "2:-40,5:3", "--json")
    assert result.returncode == 0, result.stderr
    value, mine = json.loads(result.stdout), toy.evaluate(clamps)
    assert [t["id"] for t in value["tokens"]] == toy.packed[1].ids[: len(value["tokens"])]
    assert [o["after"] for o in value["options"]] == pytest.approx(mine.scores[1].tolist())
    assert value["protocol"] == {"scoring": "cloze", "prompt": "plain"}
    assert "Biology, question 1" in run("question", toy_toml, "biology", "1").stdout
    fails(run("question", toy_toml, "biology", "99"), "no question 99")


def test_question_can_be_asked_in_all_orders(run, tmp_path):
    path = write_setup(tmp_path, scoring="letter")
    value = json.loads(
        run("question", path, "biology", "0", "--clamps", "2:-40", "--orders", "--json").stdout
    )
    orders = value["orders"]
    assert len(orders["after"]) == 24 and orders["right_after"] == orders["after"].count(
        value["question"]["answer"]
    )
    assert sum(orders["letters_after"].values()) == 24
    (tmp_path / "cloze").mkdir()
    fails(
        run("question", write_setup(tmp_path / "cloze"), "biology", "0", "--orders"),
        "letter scoring only",
    )
