"""What is taken away: text, a file, a page, a program."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.experiments.generate import Sampling, generate, prompt_ids, writing
from backend.interventions.method import Setting, setting_of
from backend.interventions.rival import KINDS, PUSHED, format_rival, in_words
from backend.sharing.card import COLOURS, card, facts
from tests.support.rivals import rival_of


@pytest.mark.parametrize(
    ("which", "pairs"), [("baseline", ()), ("clamped", ((0, -40.0),))], ids=["without", "with"]
)
def test_generate_writes_what_the_module_writes(run, toy, toy_toml, which, pairs):
    given = [
        "--clamps",
        "0:-40",
        "--max-tokens",
        "8",
        "--temperature",
        "1",
        "--seed",
        "5",
        "--json",
    ]
    value = json.loads(run("generate", toy_toml, "The heart", *given).stdout)
    ids = prompt_ids(toy.model.tokenizer, "The heart", chat=False)
    *_, last = generate(
        toy.runner,
        ids,
        setting_of(pairs),
        max_tokens=8,
        sampling=Sampling(1.0, 5),
    )
    assert value["prompt_tokens"] == len(ids)
    assert value[which]["text"] == last.text
    assert value[which]["ids"] == list(last.ids)
    assert bool(value[which]["edited_positions"]) == bool(pairs)


def test_generate_in_words_counts_the_edited_tokens(run, toy_toml):
    given = ("The heart", "--clamps", "0:-40", "--max-tokens", "2")
    value = json.loads(run("generate", toy_toml, *given, "--json").stdout)
    edited, n = len(value["clamped"]["edited_positions"]), value["prompt_tokens"]
    n_tokens = n + len(value["clamped"]["ids"])
    said = run("generate", toy_toml, *given).stdout
    assert said.startswith("Without clamps:\n")
    assert f"\n\nWith 1 features clamped, at {edited} of {n_tokens} tokens:\n" in said


def test_export_says_how_much_it_wrote(run, toy_toml, tmp_path):
    file = tmp_path / "run.json"
    said = run("export", toy_toml, "--clamps", "1:-120,4:2", "--out", file).stdout
    assert said == f"{file}: 2 clamps, 7 questions.\n"
    assert json.loads(file.read_text(encoding="utf-8"))["clamps"]


WRITERS = [
    ("export", "--clamps", "1:-120"),
    ("report", "--clamps", "1:-120"),
    ("labels", "export"),
]


@pytest.fixture(params=WRITERS, ids=[command for command, *_ in WRITERS])
def write(request, run, toy, toy_toml):
    """Runs a command that writes a file at the path given."""
    toy.atlas.relabel(3, label="vessels")
    command, *given = request.param
    return lambda out: run(
        command, toy_toml, *given, *(() if command == "labels" else ("--out",)), out
    )


def test_out_makes_its_folder_and_leaves_what_the_umask_leaves(write, tmp_path):
    out = tmp_path / "new" / "out"
    assert write(out).returncode == 0
    umask = os.umask(0)
    os.umask(umask)
    assert out.stat().st_mode & 0o777 == 0o666 & ~umask
    assert list(out.parent.iterdir()) == [out]


def test_out_follows_a_link(write, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").write_text("old")
    assert write(tmp_path / "link").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() not in ("", "old")


def test_out_pours_into_a_pipe_that_somebody_reads(write, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        try:
            assert write(tmp_path / "pipe").returncode == 0
            content, _ = reader.communicate(timeout=20)
        finally:
            reader.kill()
    assert len(content) > 20
    assert not (tmp_path / "pipe").is_file()


def test_out_pours_into_an_open_descriptor(write):
    """As /dev/stdout is one, where a shell pipes it on."""
    reader, writer = os.pipe()
    with ThreadPoolExecutor() as pool, os.fdopen(reader, "rb") as stream:
        content = pool.submit(stream.read)
        result = write(f"/dev/fd/{writer}")
        os.close(writer)
        assert len(content.result(20)) > 20
    assert result.returncode == 0


def test_out_that_is_a_folder_is_said(write, tmp_path):
    write(tmp_path).fails(str(tmp_path), "folder")


def test_report_is_one_page_with_its_clamps(run, toy_toml, tmp_path):
    page = tmp_path / "page.html"
    assert run("report", toy_toml, "--clamps", "1:-120", "--out", page).returncode == 0
    assert "1:-120" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_said(run, toy_toml, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("report", toy_toml, "--clamps", "1:-120", "--out", tmp_path / "file" / "no")
    result.fails("cannot be written")


def test_card_is_a_picture_of_what_its_name_ends_in(run, toy, toy_toml, tmp_path):
    given = ("card", toy_toml, "--clamps", "1:-120", "--link", "http://host/?saved=abcdefghij")
    for name in ("card.png", "card.SVG"):
        said = json.loads(run(*given, "--json", "--out", tmp_path / name).stdout)
        assert said["file"] == str(tmp_path / name)
    assert (tmp_path / "card.png").read_bytes()[:4] == b"\x89PNG"
    svg = (tmp_path / "card.SVG").read_text(encoding="utf-8")
    assert svg == card(facts(toy, toy.evaluate(setting_of([(1, -120.0)])), given[-1]))
    assert run(*given, "--dark", "--out", tmp_path / "dark.svg").returncode == 0
    assert f'fill="{COLOURS["dark"].ground}"' in (tmp_path / "dark.svg").read_text()
    run(*given, "--out", tmp_path / "card.gif").fails("'card.gif' must end in .png or .svg")


def test_snippet_is_a_program_on_standard_output(run, toy_toml):
    program = run("snippet", toy_toml, "--clamps", "1:-120").stdout
    compile(program, "snippet.py", "exec")
    assert "1: -120.0" in program
    assert json.loads(run("snippet", toy_toml, "--clamps", "1:-120", "--json").stdout) == {
        "program": program.removesuffix("\n")
    }


def test_generate_says_when_the_gate_opened(run, toy_toml):
    given = ("The heart", "--clamps", "0:-40", "--max-tokens", "3", "--gate", "rho", "--tau")
    value = json.loads(run("generate", toy_toml, *given, "1", "--json").stdout)
    assert value["clamped"]["opened_at"] is None
    assert value["clamped"]["text"] == value["baseline"]["text"]
    assert "the gate stayed closed" in run("generate", toy_toml, *given, "1").stdout
    assert "the gate opened " in run("generate", toy_toml, *given, "0").stdout


def test_what_is_taken_away_says_the_method(run, toy_toml, tmp_path):
    given = ("--clamps", "1:-120,4:-3.7", "--gate", "rho", "--tau", "0.1", "--reach", "all")
    file, page = tmp_path / "run.json", tmp_path / "page.html"
    assert run("export", toy_toml, *given, "--out", file).returncode == 0
    assert json.loads(file.read_text())["method"] == "rho:0.1,reach:all"
    again = run("evaluate", toy_toml, "--from", file, "--json")
    assert json.loads(again.stdout)["verdict"] == "same"
    assert run("report", toy_toml, *given, "--out", page).returncode == 0
    html = page.read_text()
    assert "--clamps &quot;1:-120,4:-3.7&quot; --gate rho --tau 0.1 --reach all" in html or (
        '--clamps "1:-120,4:-3.7" --gate rho --tau 0.1 --reach all' in html
    )
    assert "gate rho &gt; 0.1, all set where one fires" in html
    assert "TAU = 0.1" in run("snippet", toy_toml, *given).stdout


@pytest.mark.parametrize("kind", KINDS)
def test_generate_writes_with_a_rival(run, toy, toy_toml, kind):
    rival = rival_of(toy, kind)
    of = () if kind in PUSHED else ("--of", rival.of)
    strength = ("--strength", str(rival.strength)) if kind in PUSHED else ()
    given = ("The heart", "--rival", kind, *of, *strength, "--max-tokens", "6")
    value = json.loads(run("generate", toy_toml, *given, "--json").stdout)
    *_, last = writing(toy, "The heart", False, Setting(rival=rival), max_tokens=6)
    assert value["rival"] == format_rival(rival)
    assert value["clamped"]["ids"] == list(last.ids) != value["baseline"]["ids"]
    assert value["clamped"]["edited_positions"] == list(last.edited)
    assert value["prompt_tokens"] == len(prompt_ids(toy.tokenizer, "The heart", chat=False))
    said = run("generate", toy_toml, *given).stdout
    n_tokens = value["prompt_tokens"] + len(last.ids)
    at = f", at {len(last.edited)} of {n_tokens} tokens" if kind in PUSHED else ""
    assert f"\n\nWith {in_words(rival)}{at}:\n" in said


def test_a_rivals_page_is_written_and_there_is_no_program(run, toy_toml, tmp_path):
    page = tmp_path / "page.html"
    given = ("--rival", "projection", "--strength", "2.5")
    assert run("report", toy_toml, *given, "--out", page).returncode == 0
    assert "--rival projection --strength 2.5</pre>" in page.read_text(encoding="utf-8")
    run("snippet", toy_toml, *given).fails("one of the arguments --clamps --preset is required")
