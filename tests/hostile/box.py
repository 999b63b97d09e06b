"""The toy with all that a user can keep, in a folder of its own, and every figure it gives."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.engine import engine as engines
from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation
from backend.experiments.controls import run_controls
from backend.experiments.text_loss import text_loss
from backend.interventions.board import board_of
from backend.interventions.method import (
    Gate,
    Method,
    Refusal,
    Setting,
    setting_in_words,
    setting_of,
)
from backend.model import weights
from backend.reading.attribution import attribution
from backend.reading.feature_page import feature_page, plain
from backend.setups import load_setup
from backend.store import SCRATCH
from tests.support.toy import build_model, build_tokenizer, questions, write_jsonl, write_setup

GATED = Method(gate=Gate("rho", 0.72), reach="all")
"""Opens some of the toy's questions, as MANY does."""
MANY = Method(0.5, Gate("cusum", 0.2), refusal=Refusal(7, -9.0, alone=False), keep_norm=True)
KEPT: tuple[Setting, ...] = (
    setting_of([(0, -8.0)]),
    setting_of([(1, 20.0), (3, -9.5)], GATED),
    setting_of([(5, 0.0)]),
)
FRESH: tuple[Setting, ...] = (
    setting_of([(2, -7.0)]),
    setting_of([(0, 3.0), (4, -30.0)], MANY),
)
TEXT_LOSS = '[text_loss]\nrole = "retain"\ntitle = "text"\nfile = "passages.jsonl"\n'
PACKAGE = "clampboard_hostile_toy"
LABELS = ("label", "label_source", "star")


def write_box(folder: Path, *, packed: bool = False) -> Path:
    """The toy's TOML; `packed`, its model lies converted under the cache.

    Of every question one copy is answered right, so that attribution has something to trace.
    """
    path = write_setup(folder, more=TEXT_LOSS)
    rows = [{**row, "answer": answer} for answer in range(4) for row in questions()]
    write_jsonl(folder / "quiz.jsonl", rows)
    if packed:
        (folder / "model.gguf").write_bytes(b"GGUF of the toy")
        text = path.read_text().replace('path = "model"', f'package = "{PACKAGE}"', 1)
        path.write_text(text)
    return path


@contextmanager
def living_in(folder: Path) -> Iterator[None]:
    """The cache is folder/cache, the packed model is found, one thread computes."""
    threads = torch.get_num_threads()

    def convert(_: Path, into: Path) -> None:
        tokenizer = build_tokenizer()
        build_model(len(tokenizer)).save_pretrained(into)
        tokenizer.save_pretrained(into)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_OFFLINE", "1")
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        patch.setattr(weights, "find_gguf", lambda _: folder / "model.gguf")
        patch.setattr(weights, "_convert", convert)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def engines_kept() -> Iterator[dict[Any, Engine]]:
    """Commands get the engine of a setup that was opened before."""
    kept: dict[Any, Engine] = {}

    def opened(setup: Any, on_progress: Any = lambda _: None) -> Engine:
        where = (setup, os.environ["CLAMPBOARD_CACHE"])
        if where not in kept:
            kept[where] = Engine(setup, on_progress)
        return kept[where]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "Engine", opened)
        yield kept


def fill(path: Path) -> Engine:
    """Everything that a user of the toy can keep."""
    engine = Engine(load_setup(path))
    for setting in KEPT:
        engine.evaluate(setting)
        text_loss(engine, setting)
    attribution(engine)
    for _ in run_controls(engine, KEPT[0]):
        pass
    lines = [json.dumps({"index": str(f), "description": f"words of {f}"}) for f in (1, 2, 6, 9)]
    engine.atlas.import_labels(lines, "an export")
    engine.atlas.relabel(2, label="my own name", star=True)
    engine.atlas.relabel(7, label="another of mine")
    for n, setting in enumerate(KEPT[:2]):
        engine.results.annotate(setting, note=f"note {n}")
    for n, setting in enumerate(KEPT):
        engine.saved_presets.save(f"preset {n}", board_of(*setting))
    return engine


def copied(box: Path, to: Path) -> Path:
    """The same toy elsewhere, in no time; returns its TOML."""
    shutil.copytree(box, to, symlinks=True)
    return to / "toy.toml"


def leftovers(folder: Path) -> list[str]:
    """Unfinished files of writers that are no more."""
    return [str(path.relative_to(folder)) for path in folder.rglob(f"{SCRATCH}*")]


def of_evaluation(e: Evaluation) -> str:
    return repr((e.setting, e.baseline.tolist(), e.scores.tolist(), e.affected.tolist(), e.sets))


def figures(engine: Engine) -> dict[str, str]:
    """All that the engine answers, as text that is equal where every bit is.

    What a user wrote is under names that begin with "own ".
    """
    out = {"recording": repr(engine.recording.baseline.tolist())}
    for setting in KEPT:
        out[f"evaluation {setting_in_words(setting)}"] = of_evaluation(engine.evaluate(setting))
    for setting in FRESH:
        fresh = engine.evaluate(setting, anew=True)
        out[f"fresh {setting_in_words(setting)}"] = of_evaluation(fresh)
    for setting in (*KEPT, FRESH[0]):
        out[f"text loss {setting_in_words(setting)}"] = repr(text_loss(engine, setting))
    found = attribution(engine)
    out["attribution"] = repr((found.forget.tolist(), found.retain.tolist(), found[2:]))
    table = engine.atlas.table.drop(columns=list(LABELS))
    out["table"] = json.dumps(table.to_dict("list"), default=lambda a: a.tolist())
    for feature in (0, 2, 5):
        page = plain(feature_page(engine, feature))
        out[f"page {feature}"] = repr(
            {k: v for k, v in page.items() if k not in ("nearest", "co_firing", *LABELS)}
        )
    for c in engine.atlas.corpora:
        out[f"corpus {c.corpus.title}"] = repr((c.corpus.texts, c.corpus.ids, c.n_counted))
    for control, result in run_controls(engine, KEPT[0]):
        out[f"control {control.name}"] = of_evaluation(result)
    for words in ("river", "heart", "my own", "words"):
        hits = engine.atlas.search(words).hits
        out[f"own search {words}"] = repr(hits.to_dict("list"))
    out["own labels"] = repr(engine.atlas.table[list(LABELS)].to_dict("list"))
    out["own presets"] = repr(engine.saved_presets.all(engine.sae.d_sae))
    for setting in KEPT:
        run = engine.results.read(setting)
        out[f"own note {setting_in_words(setting)}"] = repr(
            run and (run.note, run.star, run.hypothesis)
        )
    return out


def opened_figures(path: Path) -> dict[str, str]:
    """Of an engine that is opened now. Raises ClampboardError."""
    return figures(Engine(load_setup(path)))


def differing(a: dict[str, str], b: dict[str, str]) -> list[str]:
    return [name for name in a if a[name] != b.get(name)]
