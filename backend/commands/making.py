"""What is made once: a setup prepared, its labels, an SAE; and how fast it runs."""

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.commands.terminal import (
    AddCommand,
    ProgressLine,
    count,
    finite,
    open_engine,
    whole_number,
    write_file,
)
from backend.errors import BadInput, ClampboardError
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.engine.engine import Engine


def add(command: AddCommand) -> None:
    command(
        "prepare",
        prepare,
        "record the questions and describe the features; goes on where it was stopped",
    )
    sub = command(
        "labels", labels, "the features' labels: import Neuronpedia's, or your own; export your own"
    )
    sub.add_argument(
        "action",
        choices=("show", "import", "fetch", "export"),
        help=(
            "show: how many from where; import FILE: .jsonl or .jsonl.gz; "
            "fetch: from Neuronpedia over the network; export FILE: your own"
        ),
    )
    sub.add_argument("file", type=Path, nargs="?", metavar="FILE")
    sub = command(
        "train-sae", train_sae, "train an SAE on the setup's model and text files, and measure it"
    )
    sub.add_argument(
        "--text", nargs="+", type=Path, required=True, help='JSONL(.gz) files with a "text" a line'
    )
    sub.add_argument("--out", type=Path, required=True, help="folder for the weights")
    sub.add_argument(
        "--block",
        type=whole_number(0, 999),
        required=True,
        help="the SAE reads this block's output",
    )
    sub.add_argument("--tokens", type=whole_number(2048, 10**10), default=2_000_000)
    sub.add_argument("--width", type=count, default=4096)
    sub.add_argument("--k", type=count, default=48, help="active features per token")
    sub.add_argument("--epochs", type=whole_number(1, 1000), default=2)
    sub.add_argument("--architecture", choices=("topk", "batchtopk"), default="topk")
    sub = command("bench", bench, "time the engine beside the full forward path, in one run")
    sub.add_argument(
        "--every",
        type=count,
        help="take every n-th question (default 4; with --moves alone, every one)",
    )
    other = sub.add_mutually_exclusive_group()
    other.add_argument(
        "--search", action="store_true", help="time the search instead, over made-up features"
    )
    other.add_argument(
        "--moves",
        action="store_true",
        help="time only moves: sliders moved, a set built, a sweep, each beside the same without "
        "kept answers",
    )
    other.add_argument(
        "--peer",
        choices=("saebench",),
        help="time only another evaluation of the same questions beside it, where its package is "
        "installed",
    )


def prepare(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    start = time.perf_counter()
    engine = open_engine(setup)
    said = _fetch_labels(engine)
    seconds = time.perf_counter() - start
    n_tokens = engine.recording.rows.n_tokens
    sizes = engine.sizes_on_disk()
    value = {
        "setup": setup.name,
        "seconds": seconds,
        "dtype": engine.dtype,
        "device": engine.device,
        "questions": engine.n_questions,
        "tokens": n_tokens,
        "features": engine.d_sae,
        "corpora": {s.corpus.title: s.n_counted for s in engine.atlas.corpora},
        "bytes": sizes,
        "left_out": [s.skipped for s in engine.sets if s.skipped],
    }
    text = (
        f"{setup.name} is ready after {seconds:.0f} s: "
        f"{engine.n_questions} questions ({n_tokens:,} tokens), {engine.d_sae:,} features, "
        f"{sum(sizes.values()) / 1e6:,.0f} MB on disk, {engine.dtype} on {engine.device}.{said}"
    )
    return value, text


def _fetch_labels(engine: "Engine") -> str:
    """Neuronpedia's labels, the first time; what became of it, in words.

    Where the SAE names its page, and the network may be used.
    """
    from backend.features.label_lines import fetch
    from backend.features.labels import NEURONPEDIA

    page = engine.sae.neuronpedia_id
    offline = os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0")
    if page is None or offline or engine.atlas.labels.counts()[NEURONPEDIA]:
        return ""
    try:
        brought = engine.atlas.import_labels(fetch(page), f"Neuronpedia (export of {page})")
        return f" Fetched {brought.neuronpedia:,} labels from Neuronpedia."
    except ClampboardError as error:
        return f" Without Neuronpedia's labels: {error}"


def labels(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.features.label_lines import fetch, read_bytes, text_lines
    from backend.features.labels import Imported, labels_of
    from backend.model.sae import load_sae
    from backend.model.sae_on_disk import fingerprint

    if (args.file is None) == (args.action in ("import", "export")):
        raise BadInput(f"labels {args.action} {'needs' if args.file is None else 'takes no'} FILE.")
    sae = load_sae(setup.sae, "cpu")
    name = fingerprint(setup.sae, sae.sae.state_dict)
    mine = labels_of(setup.sae, name, sae.d_sae, sae.neuronpedia_id)
    brought: Imported | None = None
    done = ""
    if args.action == "import":
        name = str(args.file)
        brought = mine.import_lines(text_lines(read_bytes(args.file), name), name)
    elif args.action == "fetch":
        page = mine.neuronpedia_id
        if page is None:
            raise BadInput("This setup's SAE names no page on Neuronpedia. Import a file instead.")
        brought = mine.import_lines(fetch(page), f"Neuronpedia's export of {page}")
    elif args.action == "export":
        write_file(args.file, mine.export())
        done = f"Written to {args.file}. "
    if brought is not None:
        done = (
            f"Imported {brought.own} own and {brought.neuronpedia} of Neuronpedia's; "
            f"{brought.passed_over} lines passed over. "
        )
    counts = mine.counts()
    value = {**({} if brought is None else brought._asdict()), "labels": counts}
    text = (
        f"{done}Labels: {counts['own']} your own, {counts['setup']} of the setup, "
        f"{counts['Neuronpedia']} of Neuronpedia; {counts['stars']} stars. Where a feature has "
        "several, your own stands first, then the setup's, then Neuronpedia's."
    )
    return value, text


def train_sae(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.model import train_sae as training

    recipe = training.Recipe(
        d_sae=args.width, k=args.k, epochs=args.epochs, architecture=args.architecture
    )
    measures = training.train_command(
        setup, args.text, args.tokens, args.block, recipe, args.out, ProgressLine()
    )
    return finite(measures), "\n".join(f"{name:20} {value:.4g}" for name, value in measures.items())


def bench(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments import bench as benchmark
    from backend.experiments import moves as moving

    if args.search:
        from backend.experiments.bench import time_search

        timings = [time_search(n) for n in (16_384, 131_072)]
        lines = [
            f"{t['features']:>7,} features: "
            f"the slowest search {t['worst_s']:.3f} s ('{t['slowest']}')"
            for t in timings
        ]
        return {"rows": timings}, "\n".join(lines)
    engine, line, every = open_engine(setup), ProgressLine(), args.every or 4
    about = {"machine": benchmark.machine(engine)}
    if args.peer is not None:
        from backend.experiments import peer

        beside = peer.beside_saebench(engine, every, line)
        return {**about, "rows": [row._asdict() for row in beside]}, peer.markdown(beside)
    moved = moving.moves(engine, args.every or 1 if args.moves else every, line)
    plain = [row._asdict() for row in moved]
    if args.moves:
        return {**about, "rows": plain}, moving.markdown(moved)
    rows = benchmark.measure(engine, every, line)
    times_plain = benchmark.preparing(engine, every)
    value = {**about, "recording_times_plain": times_plain, "rows": rows, "moves": plain}
    tables = [benchmark.markdown(engine, rows, times_plain), moving.markdown(moved)]
    return value, "\n\n".join(tables)
