"""The engine beside the full forward path in one run, on every n-th question of a setup."""

import os
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from backend.engine.engine import Engine
from backend.evaluation.change import affected_questions, effective_edit, plan_of_change
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.recordings import record
from backend.evaluation.reference import Reference
from backend.experiments.full_pass import full_pass
from backend.features.presets import forget_features
from backend.features.search import SHOWN, SearchIndex, build_index
from backend.interventions.clamps import Clamp, clamp_set
from backend.interventions.method import Setting
from backend.model.machine import processor
from backend.model.rows import Plan, Rows
from backend.progress import OnProgress

COUNTS = (1, 5, 20, 50)


def matmul_peak(
    dtype: torch.dtype, device: torch.device, size: int = 2048, repeats: int = 5
) -> float:
    """Floating-point operations a second of one large matrix product, the best of some."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        (a @ b).sum().item()
        best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def run_flops(engine: Engine, n_tokens: int) -> float:
    """Matrix products of the tail over that many tokens. Attention's own products, the vocabulary
    and the last block, which computes what is read and little else, are left out.
    """
    weights = sum(
        p.numel()
        for block in engine.model.tail_blocks[:-1]
        for p in block.parameters()
        if p.ndim == 2
    )
    return 2.0 * weights * n_tokens


def typical_feature(engine: Engine, ranked: Sequence[int], only: Tensor, share: float = 0.2) -> int:
    """The first in rank of those that touch nearest to a fifth of the questions."""
    touched = [
        int((affected_questions(engine.recording, Setting((Clamp(f, 0.0),))) & only).sum())
        for f in ranked
    ]
    return ranked[min(range(len(ranked)), key=lambda i: abs(touched[i] - share * int(only.sum())))]


def measure(engine: Engine, every: int, on_progress: OnProgress) -> list[dict]:
    """One row per number of features, each clamped to minus its maximum: one that touches a fifth
    of the questions, then the first 5, 20 and 50 of the paper's sparsity ranking. Every run is
    computed anew, first by the engine, then by the reference.
    """
    only = torch.arange(engine.n_questions) % every == 0
    ranked = forget_features(engine.atlas.table, max(COUNTS), 0.01)
    peak = matmul_peak(engine.model.dtype, engine.model.device)
    # The first run of a process pays for what the others find ready.
    engine.evaluate(Setting(clamp_set((f, -1.0) for f in ranked)), only=only, anew=True)
    alone = peak_memory()
    reference = Reference(*engine.load_plain(), engine.sae, engine.setup.untouched)
    plain, _ = engine.load_plain()
    packed = [engine.packed[place] for place in only.nonzero().squeeze(-1).tolist()]
    rows = []
    for n in COUNTS:
        features = [typical_feature(engine, ranked, only)] if n == 1 else ranked[:n]
        setting = Setting(
            clamp_set(Clamp(f, -float(engine.atlas.table.max_act[f])) for f in features)
        )
        recording = engine.recording
        affected = affected_questions(recording, setting) & only
        partial: list[float] = []

        def seen(evaluation: Evaluation, partial: list[float] = partial) -> None:
            partial.append(evaluation.seconds)

        # Keys and values of what it does not change come with its first run.
        cold = engine.evaluate(setting, only=only, anew=True)
        fast = engine.evaluate(setting, seen, only=only, anew=True)
        edit = effective_edit(recording.rows, recording.acts, setting, None)
        have = None if recording.keys is None else recording.keys.have
        plan = plan_of_change(recording.rows, edit.token, have)
        run = int(plan.query.lengths()[affected].sum())
        slow, reference_s = timed_reference(reference, engine, setting, only, on_progress)
        start = time.perf_counter()
        full_pass(plain, engine.runner, packed, setting, engine.setup.scoring)
        careful_s = time.perf_counter() - start
        rows.append(
            {
                "features": n,
                "engine_s": fast.seconds,
                "without_keys_s": cold.seconds,
                "first_s": partial[0],
                "reference_s": reference_s,
                "ratio": reference_s / fast.seconds,
                "careful_s": careful_s,
                "ratio_careful": careful_s / fast.seconds,
                "questions": int(only.sum()),
                "affected_questions": int(affected.sum()),
                "affected_tokens": int(recording.rows.start.diff()[affected].sum()),
                "run_tokens": run,
                "share_of_peak": run_flops(engine, run) / fast.seconds / peak,
                "flipped": int((fast.predictions()[only] != slow.argmax(-1)).sum()),
                "peak_memory_gb": alone,
            }
        )
    return rows


def timed_reference(
    reference: Reference, engine: Engine, setting: Setting, only: Tensor, on_progress: OnProgress
) -> tuple[Float[Tensor, "question choice"], float]:
    """Scores of the chosen questions by the full forward path, and the seconds they took."""
    packed = [engine.packed[place] for place in only.nonzero().squeeze(-1).tolist()]
    start = time.perf_counter()
    scores = reference.scores(packed, setting, engine.setup.scoring, on_progress)
    return scores, time.perf_counter() - start


@torch.inference_mode()
def preparing(engine: Engine, every: int) -> float:
    """What recording the questions takes, in times of one plain forward pass over the same rows:
    transformers as it comes, the same batches, logits at the last position only.
    """
    rows = Rows.of(engine.packed[::every])
    plain, _ = engine.load_plain()
    batches = Plan.whole(rows).batches(torch.arange(rows.n_rows), engine.runner.budget)
    took = []
    for _ in range(2):  # the second counts: both are warm
        start = time.perf_counter()
        for chosen in batches:
            token, real = Plan.whole(rows).query.padded(chosen)
            ids = rows.ids[token].long().to(plain.device)
            plain(
                input_ids=ids,
                attention_mask=real.long().to(plain.device),
                use_cache=False,
                logits_to_keep=1,
            ).logits.cpu()
        middle = time.perf_counter()
        record(engine.runner, rows, stage="Recording", scoring=engine.setup.scoring)
        took.append((time.perf_counter() - middle) / (middle - start))
    return took[-1]


def peak_memory() -> float:
    """The most this process has held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def machine(engine: Engine) -> str:
    name = torch.cuda.get_device_name() if engine.device == "cuda" else processor()
    return f"{os.cpu_count()} cores of {name}, {engine.dtype}, torch {torch.__version__}"


def markdown(engine: Engine, rows: list[dict], times_plain: float) -> str:
    kept = engine.recording.keys
    keys = "kept" if kept is not None and kept.fit else "not kept: they do not fit"
    on_gpu = (
        f" On the GPU: {torch.cuda.max_memory_allocated() / 1e9:.1f} GB."
        if engine.device == "cuda"
        else ""
    )
    lines = [
        (
            f"{engine.setup.title}: {rows[0]['questions']} questions. {machine(engine)}. Keys and "
            f"values of the tail are {keys}. Recording takes {times_plain:.2f} times a plain "
            f"forward pass. Peak memory of the process: {rows[0]['peak_memory_gb']:.1f} GB, with "
            f"the reference's copy of the model {peak_memory():.1f} GB.{on_gpu}"
        ),
        "",
        (
            "| features | engine, s | first figure, s | reference, s | ratio | careful pass, s | "
            "ratio | affected questions | their tokens | tokens run | share of matmul peak | "
            "flipped |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r['features']} | {r['engine_s']:.2f} | {r['first_s']:.2f} | {r['reference_s']:.1f}"
            f" | {r['ratio']:.1f} | {r['careful_s']:.1f} | {r['ratio_careful']:.1f} | "
            f"{r['affected_questions']} | {r['affected_tokens']:,} | "
            f"{r['run_tokens']:,} | {r['share_of_peak']:.0%} | {r['flipped']} |"
        )
    return "\n".join(lines)


class Timing(TypedDict):
    """One row of `bench --search`, in seconds."""

    features: int
    worst_s: float
    slowest: str
    """The query that took longest."""
    build_s: float
    open_s: float


def time_search(
    n_features: int,
    queries: Sequence[str] = ("virus", "cell", "photosynthsis", "immune bacteria toxin", "zzqx"),
) -> Timing:
    """The slowest answer over an index of that many made-up features, and what opening it took.

    Words are drawn as often as words are in text (Zipf), eight to a feature, six to a label, ten
    promoted tokens.
    """
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlu"))
    lengths = rng.integers(4, 11, size=40_000)
    made_up = ["".join(rng.choice(letters, size=length)) for length in lengths]
    words = np.array(["virus", "cell", "photosynthesis", "immune", "bacteria", "toxin", *made_up])
    share = 1 / np.arange(30, 30 + len(words))
    share /= share.sum()

    def draw(each: int) -> list[list[str]]:
        drawn = rng.choice(len(words), size=(n_features, each), p=share)
        return [row.tolist() for row in words[drawn]]

    features = pd.DataFrame(
        {"feature": range(n_features), "top_words": draw(8), "promoted": draw(10)}
    )
    labels = [" ".join(text) for text in draw(6)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        start = time.perf_counter()
        build_index(path, features)
        built = time.perf_counter()
        index = SearchIndex(path, features, labels)
        opened = time.perf_counter()
        worst = 0.0
        slowest = ""
        for query in queries:
            begin = time.perf_counter()
            found = index.search(query)
            index.why(found.match, found.hits["feature"].head(SHOWN).tolist())
            took = time.perf_counter() - begin
            if took > worst:
                worst, slowest = took, query
    return {
        "features": n_features,
        "worst_s": worst,
        "slowest": slowest,
        "build_s": built - start,
        "open_s": opened - built,
    }
