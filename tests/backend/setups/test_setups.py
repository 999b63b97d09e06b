"""Setups as files: read whole, one on top of another, and what is said of a wrong one."""

import os
import time
from dataclasses import replace

import pytest
from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

from backend.data.question_sets import parts_of
from backend.errors import BadSetup
from backend.setups import SHIPPED, RmuSource, load_setup
from tests.support.toy import write_setup

LOSS = '[text_loss]\nrole = "retain"\ntitle = "t"\nfile = "quiz.jsonl"\n'


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_unknown_name_lists_what_ships():
    with pytest.raises(BadSetup, match="no setup 'nope'.*demo"):
        load_setup("nope")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_what_ships_is_right(path):
    setup = load_setup(path.stem)
    assert setup.name == path.stem
    assert sorted(corpus.role for corpus in setup.corpora) == ["forget", "retain"]


def test_missing_file_is_said(tmp_path):
    with pytest.raises(BadSetup, match="cannot be read"):
        load_setup(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('scoring = "cloze"', 'scoring = "clozed"', "scoring.*cloze, cloze_per_char, letter"),
        ('scoring = "cloze"', 'scorring = "cloze"', "scorring is not a known field"),
        ('title = "Toy"', "", "title is missing"),
        ('title = "Toy"', "title = 3", "title must be text"),
        ("untouched = [", 'untouched = ["bos2", ', "untouched"),
        ('path = "sae"', "", r"\[sae\]"),
        ('role = "retain"', 'role = "keep"', r"sets\[1\].role"),
        ('file = "quiz.jsonl"', 'file = "none.jsonl"', "does not exist"),
        ('dtype = "float32"', 'dtype = "float8"', "model.dtype"),
        ('name = "history"', 'name = "biology"', "uses a name twice"),
        (
            'scoring = "cloze"',
            'scoring = "cloze"\nprompt = "paper"',
            "prompt is 'paper', but cloze scoring has only: plain, lm-eval",
        ),
        ('title = "History"', 'title = "History"\nshots = 5', "needs prompt"),
        (
            'title = "History"',
            'title = "History"\nshots = -1',
            r"sets\[1\].shots must be .* from 0",
        ),
        ('title = "History"', 'title = "History"\nlimit = 0', r"sets\[1\].limit must be .* from 1"),
        (
            'where = "other"',
            'where = "other"\nrow_tokens = 1',
            r"corpora\[1\].row_tokens must be a whole number from 2",
        ),
        (
            "[model]",
            LOSS + "row_tokens = 0\n[model]",
            "text_loss.row_tokens must be a whole number from 2",
        ),
        (
            'scoring = "cloze"',
            'scoring = "cloze"\nhalf_seed = 18446744073709551616',
            "half_seed must be a whole number",
        ),
        (
            'title = "History"',
            'title = "History"\nshots = true',
            r"sets\[1\].shots must be a whole number",
        ),
        ("[model]", '[known]\nby = "published"\n[model]', "needs source"),
        ("[model]", '[known]\nby = "computed"\n[model]', "letter scoring only"),
        (
            "[model]",
            '[text_loss]\nrole = "retain"\ntitle = "t"\n[model]',
            "needs exactly one of file, folder and dataset",
        ),
        (
            "[model]",
            '[text_loss]\nrole = "retain"\ntitle = "t"\nfile = "none.txt"\n[model]',
            "does not exist",
        ),
        ("[model]", "[rmu]\nlayer = 1\n[model]", "rmu.layer must be a whole number from 2 to 999"),
        ("[model]", "[rmu]\nlr = 0\n[model]", "rmu.lr must be a number from 1e-08 to 1, not 0"),
        ("[model]", "[rmu]\nunit = 'm'\n[model]", "rmu.unit is 'm'.*one of residual, raw"),
        ("[model]", "[rmu]\nrecipe = 1\n[model]", "rmu.recipe is not a known field; known are"),
        (
            "[model]",
            "[rmu]\nmodels = ['none.safetensors']\n[model]",
            r"\[rmu\] models\[0\] names .*none.safetensors, which does not exist",
        ),
        ("[model]", "[model", "not valid TOML"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, old, new, names):
    with pytest.raises(BadSetup, match=names):
        load_setup(changed(write_setup(tmp_path), old, new))


@pytest.mark.parametrize(
    "text",
    [
        b"x = " + b"9" * 5_000,
        b"x = 0x" + b"f" * 50_000,
        b"x = " + b"[" * 100_000,
        b".".join([b"a"] * 50_000) + b" = 1",
        b".".join([b'"a"'] * 30_000) + b" = 1",
        b"[" + b".".join([b"a"] * 50_000) + b"]",
        b"x = { " + b".".join([b"a"] * 50_000) + b" = 1 }",
        b'x = { a = """\\"""", ' + b".".join([b"a"] * 9_000) + b' = 1, b = "c" }',
        b"title = 'a\0b'",
        b"title = '\xff'",
        b"a = 1\n" * 99_999,
    ],
    ids=lambda text: f"{text[:12]}",
)
def test_a_file_that_is_no_setup_is_one_short_sentence_at_once(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_bytes(text)
    start = time.monotonic()
    with pytest.raises(BadSetup) as error:
        load_setup(path)
    assert str(error.value).startswith(f"The setup {path}")
    assert len(str(error.value)) < 400
    assert time.monotonic() - start < 10


def test_sentences_in_a_text_are_no_key(tmp_path):
    dots = " and so on. ".join("x.y" for _ in range(20))
    path = changed(write_setup(tmp_path), "[model]", f"# {dots} = \n[model]")
    assert load_setup(path).name == "toy"


@pytest.mark.parametrize(
    "name", ["x" * 300 + ".toml", "a\0b.toml", "\udc80.toml", "loop.toml", "f.toml"]
)
def test_a_file_that_cannot_be_opened_is_said(tmp_path, name):
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    os.mkfifo(tmp_path / "f.toml")
    with pytest.raises(BadSetup, match="cannot be read|no regular file|half a character"):
        load_setup(tmp_path / name)


@pytest.mark.parametrize("name", ["../setups/demo", "./demo", "demo.toml/../demo", "", "x" * 9_999])
def test_a_shipped_setup_goes_by_its_plain_name_alone(tmp_path, name):
    with pytest.raises(BadSetup, match="There is no setup"):
        load_setup(name)
    (tmp_path / "mine.toml").write_text(f'extends = "{name}"\n')
    with pytest.raises(BadSetup, match="extends is"):
        load_setup(tmp_path / "mine.toml")


def test_files_do_not_extend_each_other_without_end(tmp_path):
    for i in range(20):
        (tmp_path / f"{i}.toml").write_text(f'extends = "{i + 1}.toml"\n')
    with pytest.raises(BadSetup, match="more than 8 files extend each other"):
        load_setup(tmp_path / "0.toml")
    (tmp_path / "2.toml").write_text('extends = "0.toml"\n')
    with pytest.raises(BadSetup, match=r"2\.toml: extends is '0.toml', which extends this file"):
        load_setup(tmp_path / "0.toml")


def test_paths_that_lead_nowhere_are_said(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    toml = write_setup(tmp_path)
    for name in ("loop", "x" * 300):
        text = toml.read_text().replace('file = "quiz.jsonl"', f'file = "{name}"', 1)
        (tmp_path / "mine.toml").write_text(text)
        with pytest.raises(BadSetup, match=r"sets\[0\].file names .* which does not exist"):
            load_setup(tmp_path / "mine.toml")


def test_a_file_extends_another_and_says_only_what_differs(tmp_path):
    base = load_setup(write_setup(tmp_path))
    (tmp_path / "more").mkdir()
    mine = tmp_path / "more" / "mine.toml"
    mine.write_text("""
extends = "../toy.toml"
title = "Mine"
[model]
dtype = "bfloat16"
[[sets]]
name = "history"
title = "History again"
role = "retain"
file = "../quiz.jsonl"
[[sets]]
name = "third"
title = "Third"
role = "retain"
file = "../quiz.jsonl"
subject = "history"
""")
    setup = load_setup(mine)
    assert (setup.name, setup.title, setup.scoring) == ("mine", "Mine", base.scoring)
    assert (setup.model.dtype, setup.model.path) == ("bfloat16", base.model.path)
    assert [s.title for s in setup.sets] == ["Biology", "History again", "Third"]
    assert (setup.corpora, setup.sae) == (base.corpora, base.sae)


@pytest.mark.parametrize("base", ["none", "mine.toml", "../none.toml"])
def test_a_file_cannot_extend_nothing_or_itself(tmp_path, base):
    (tmp_path / "mine.toml").write_text(f'extends = "{base}"\n')
    with pytest.raises(BadSetup, match="extends is"):
        load_setup(tmp_path / "mine.toml")


def test_a_local_sae_takes_the_place_of_the_one_on_the_hub(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'extends = "gemma-2-2b-it"\n[sae]\npath = "sae"\nhook_name = "blocks.7.hook_resid_post"\n'
    )
    sae = load_setup(tmp_path / "mine.toml").sae
    assert sae.path == (tmp_path / "sae").resolve()
    assert (sae.release, sae.sae_id) == (None, None)


def test_the_gemma_setups_name_what_the_paper_used():
    saes = {
        name: load_setup(f"gemma-2-2b-it{name}").sae
        for name in ("", "-layer3-l0-59", "-layer3-l0-142", "-layer13-l0-84")
    }
    assert {name: (s.release, s.sae_id) for name, s in saes.items()} == {
        "": ("gemma-scope-2b-pt-res", "layer_7/width_16k/average_l0_69"),
        "-layer3-l0-59": ("gemma-scope-2b-pt-res", "layer_3/width_16k/average_l0_59"),
        "-layer3-l0-142": ("gemma-scope-2b-pt-res", "layer_3/width_16k/average_l0_142"),
        "-layer13-l0-84": ("gemma-scope-2b-pt-res", "layer_13/width_16k/average_l0_84"),
    }
    known = get_pretrained_saes_directory()
    for sae in (*saes.values(), load_setup("gemma-2b-it").sae):
        assert sae.sae_id in known[sae.release].saes_map
    assert load_setup("gemma-2-2b-it").protocol == ("letter", "paper-chat")
    assert load_setup("gemma-2b-it-paper").protocol == ("letter", "paper")


def test_the_forget_corpus_is_the_gated_one_where_the_user_has_it(tmp_path, monkeypatch):
    def title() -> str:
        return next(c.title for c in load_setup("gemma-2-2b-it").corpora if c.role == "forget")

    monkeypatch.delenv("CLAMPBOARD_DATA", raising=False)
    assert "in place of" in title()
    (tmp_path / "wmdp").mkdir()
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path))
    assert "in place of" in title()
    (tmp_path / "wmdp" / "bio-forget-corpus.jsonl").write_text('{"text": "t"}')
    assert title() == "WMDP's bio-forget corpus"


def test_the_gemma_setups_train_rmu_by_the_published_recipe(monkeypatch):
    monkeypatch.delenv("CLAMPBOARD_DATA", raising=False)
    for name in ("gemma-2-2b-it", "gemma-2-2b-it-layer13-l0-84", "gemma-2-2b-it-known-farrell"):
        assert load_setup(name).rmu == RmuSource(3, 200, "raw", 100, 150, 5e-5, 4, 512, 0)
    for name in ("gemma-2b-it", "gemma-2b-it-paper"):
        assert load_setup(name).rmu == RmuSource(7, 60, "raw", 1000, 150, 5e-5, 4, 512, 0)


def test_rmu_is_extended_field_by_field_and_its_text_by_role(tmp_path, monkeypatch):
    monkeypatch.delenv("CLAMPBOARD_DATA", raising=False)
    (tmp_path / "a.safetensors").write_bytes(b"")
    base = write_setup(tmp_path, more=RMU.format(text="biology"))
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "toy.toml"\n' + RMU.format(text="other").replace("layer = 2", ""))
    for path, texts in ((base, ["biology"]), (mine, ["other"])):
        rmu = load_setup(path).rmu
        assert (rmu.layer, rmu.strength, rmu.steps) == (2, 200, None)
        assert rmu.models == ((tmp_path / "a.safetensors").resolve(),)
        assert [source.title for source in rmu.corpora] == texts


RMU = """
[rmu]
layer = 2
strength = 200
unit = "raw"
models = ["a.safetensors"]
[[rmu.corpora]]
role = "forget"
title = "the gated one"
local = "gated.jsonl"
optional = true
[[rmu.corpora]]
role = "forget"
title = "{text}"
file = "passages.jsonl"
where = "{text}"
"""


def test_sets_of_an_extended_setup_can_be_left_out(tmp_path):
    write_setup(tmp_path)
    more = tmp_path / "more.toml"
    more.write_text('extends = "toy.toml"\nwithout = ["chemistry"]\n')
    said = "without is .*'chemistry'.*it must be a list of sets of 'toy.toml': biology, history"
    with pytest.raises(BadSetup, match=said):
        load_setup(more)
    more.write_text("""
extends = "toy.toml"
without = ["history"]
[[sets]]
name = "h"
title = "H"
role = "retain"
file = "quiz.jsonl"
""")
    assert [source.name for source in load_setup(more).sets] == ["biology", "h"]


@pytest.mark.parametrize("sets", ["robust", "cloze"])
def test_the_setups_for_a_machine_without_a_gpu_sample_the_sets_of_gemmas(sets):
    small, large = load_setup(f"smollm2-wmdp-{sets}"), load_setup(f"gemma-2-2b-it-{sets}")
    whole = {source.name: source for source in large.sets}
    assert {source.name for source in small.sets} <= set(whole)
    assert [s.name for s in small.sets if s.role == "forget"] == [f"wmdp_bio_{sets}"]
    for source in small.sets:
        assert source.limit
        assert replace(source, limit=None) == whole[source.name]
    assert small.protocol == large.protocol


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_no_question_counts_twice_in_a_figure_of_several_sets(path):
    sets = load_setup(path).sets
    parts = [(s.dataset, part) for s in sets if s.dataset for part in parts_of(s) or (s.config,)]
    assert len(parts) == len(set(parts))
