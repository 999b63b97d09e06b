"""A study: a grid of settings over setups, on this machine's processes or a cluster."""

import argparse
import time
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend import showcase
from backend.commands.terminal import (
    AddCommand,
    Answer,
    ProgressLine,
    Subject,
    finite,
    number,
    refuse_folder,
    say,
    whole_number,
    write_file,
)
from backend.errors import BadInput
from backend.wording import percent

if TYPE_CHECKING:
    import pandas as pd

    from backend.studies.cells import Cell
    from backend.studies.cluster import Reached
    from backend.studies.kept import Kept
    from backend.studies.run import Failed, Ran
    from backend.studies.schema import Study

SOME_FAILED = 2
"""The exit status of a study some of whose cells could not be run."""
MOST_MINUTES = 60 * 24 * 30


def _load(args: argparse.Namespace) -> "Study":
    from backend.studies import load_study

    for name in ("tls_ca", "tls_cert", "tls_key"):
        if getattr(args, name) is not None and args.scheduler is None:
            raise BadInput(f"--{name.replace('_', '-')} goes with --scheduler tls://...")
    return load_study(args.study)


STUDY = Subject("STUDY", "a shipped study's name, or the path of a TOML file", _load)


def add(command: AddCommand) -> None:
    sub = command(
        "study",
        study,
        "a grid of settings over one or more setups, as one table, by several processes or on a "
        "cluster; goes on where it was stopped",
        subject=STUDY,
    )
    where = sub.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=whole_number(1, 512),
        help="processes on this machine (default: one a GPU; without one, one a core, as far as "
        "memory goes)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="a cluster's, such as tcp://10.0.0.1:8786"
    )
    for name, what in (("ca", "who signed"), ("cert", "ours"), ("key", "its key")):
        sub.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=f"of tls://: {what}")
    sub.add_argument(
        "--patience",
        type=number(0.01, MOST_MINUTES),
        default=10.0,
        metavar="MINUTES",
        help="how long a scheduler that does not answer, or a first worker, is waited for "
        "(default 10)",
    )
    sub.add_argument(
        "--resume", action="store_true", help="go on with one that was begun, or say there is none"
    )
    sub.add_argument("--out", type=Path, metavar="TABLE", help="a Parquet file for the table")
    sub.add_argument(
        "--per-question",
        action="store_true",
        help="a second table, with every question's answer in every cell",
    )


def study(study: "Study", args: argparse.Namespace) -> Answer:
    from backend.studies.cells import cells_of
    from backend.studies.kept import Kept
    from backend.studies.run import finished, run_study

    begun = time.monotonic()
    for path in _outputs(args):
        refuse_folder(path)
    reached = _reached(args)
    cells = cells_of(study)
    kept = Kept(study, cells)
    if args.resume and not kept.read():
        raise BadInput(
            f"Nothing of the study {study.name} is kept in {kept.folder}: there is nothing to go "
            "on with. Leave out --resume to begin it."
        )
    if (ran := finished(cells, kept)) is not None:
        if not showcase.is_on():  # it may have been killed before its last table was written
            kept.write_table(ran.results, args.per_question)
    else:
        showcase.refuse()
        with _cluster(study, args, reached) as there:
            if there.words:
                say(f"{there.words}.")
            ran = run_study(
                cells,
                kept,
                there,
                questions=args.per_question,
                patience_s=60 * args.patience,
                on_progress=ProgressLine(),
            )
    value, text = _said(study, cells, kept, ran, args, time.monotonic() - begun)
    return finite(value), text, SOME_FAILED if ran.failed else 0


def _outputs(args: argparse.Namespace) -> list[Path]:
    """The files that are asked for beside those kept in the cache."""
    if args.out is None:
        return []
    return [args.out, *([_questions_beside(args.out)] if args.per_question else [])]


def _questions_beside(out: Path) -> Path:
    return out.with_name(f"{out.stem}.questions{out.suffix}")


def _reached(args: argparse.Namespace) -> "Reached | None":
    """The cluster that is named; None for one of our own."""
    from backend.studies.cluster import reached

    if args.scheduler is None:
        return None
    return reached(args.scheduler, args.tls_ca, args.tls_cert, args.tls_key)


def _cluster(
    study: "Study", args: argparse.Namespace, reached: "Reached | None"
) -> "AbstractContextManager[Reached]":
    from backend.studies.cluster import own_cluster

    if reached is not None:
        return nullcontext(reached)
    say("Starting the workers.")
    return own_cluster({n: p.setup for n, p in study.places.items()}, args.workers)


def _said(
    study: "Study",
    cells: "list[Cell]",
    kept: "Kept",
    ran: "Ran",
    args: argparse.Namespace,
    seconds: float,
) -> tuple[dict[str, Any], str]:
    """What is printed, as JSON and as text; the files that are asked for are written."""
    from backend.studies.published import beside
    from backend.studies.scores import best, by_cell, saebench_scores
    from backend.studies.table import questions_of, table_of

    table = table_of(cells, ran.results)
    tables = [table]
    if args.per_question:
        tables.append(questions_of(cells, ran.results))
    for path, one in zip(_outputs(args), tables, strict=False):
        write_file(path, _parquet(one))
    summary = by_cell(table)
    published = beside(study, summary)
    found = best(table)
    scores = saebench_scores(table) if study.score == "saebench" else None
    value: dict[str, Any] = {
        "study": study.name,
        "title": study.title,
        "cells": len(cells),
        "done": len(ran.results),
        "kept": ran.n_kept,
        "failed": [_plain_failure(failed) for failed in ran.failed],
        "seconds": seconds,
        "table": str(kept.table_path),
        "machines": sorted(set(table["machine"])),
        "best": found,
        "published": published,
    }
    if args.per_question:
        value["questions"] = str(kept.questions_path)
    if scores is not None:
        value["score"] = scores
    lines = _lines(cells, summary, published)
    lines += [_line_of_best(found, cells)] if found else []
    lines += [f"SAEBench's score of {setup}: {s:.4f}" for setup, s in (scores or {}).items()]
    for failed in ran.failed:
        n = len(failed.cells)
        setups = ", ".join(dict.fromkeys(cell.setup for cell in failed.cells))
        lines.append(f"{n} cell{'' if n == 1 else 's'} of {setups} could not be run: {failed.why}")
    lines.append(
        f"{len(ran.results)} of {len(cells)} cells, {ran.n_kept} of them from before, in "
        f"{seconds:,.1f} s: {kept.table_path}"
    )
    return value, "\n".join(lines)


def _parquet(table: "pd.DataFrame") -> bytes:
    content = BytesIO()
    table.to_parquet(content)
    return content.getvalue()


def _plain_failure(failed: "Failed") -> dict[str, Any]:
    from backend.studies.cells import in_words

    return {
        "why": failed.why,
        "cells": [
            {"cell": cell.key, "setup": cell.setup, "what": in_words(cell)} for cell in failed.cells
        ],
    }


def _lines(
    cells: "list[Cell]", summary: "pd.DataFrame", published: dict[str, dict[str, Any]]
) -> list[str]:
    """A line a cell that is done, under its setup's name."""
    from backend.studies.cells import in_words

    words = {cell.key: in_words(cell) for cell in cells}
    wide = max(map(len, words.values()), default=0)
    lines, setup = [], None
    for row in summary.itertuples():
        if row.setup != setup:
            setup = row.setup
            lines.append(f"{setup}: {row.model}, {row.sae}, {row.dtype}")
        figures = "   ".join(
            f"{role} {percent(getattr(row, f'{role}_accuracy')):>7} "
            f"({getattr(row, f'{role}_change_pp'):+.1f})"
            for role in ("forget", "retain")
        )
        loss = "" if row.text_added != row.text_added else f"   text {row.text_added:+.4f}"
        lines.append(f"  {words[row.cell]:<{wide}}   {figures}{loss}{_beside(published, row.cell)}")
    return lines


def _beside(published: dict[str, dict[str, Any]], cell: str) -> str:
    if cell not in published:
        return ""
    other = published[cell]
    return f"   {other['source']}: {other['forget']:.1f} %, {other['retain']:.1f} %"


def _line_of_best(found: dict[str, Any], cells: "list[Cell]") -> str:
    from backend.studies.cells import in_words

    words = {cell.key: in_words(cell) for cell in cells}
    halves = "; ".join(
        f"{half} half: forget {found['halves'][half]['forget_change_pp']:+.1f} pp, retain "
        f"{found['halves'][half]['retain_change_pp']:+.1f} pp"
        for half in ("selection", "held-out")
    )
    return (
        "Most forgotten where 99 % of the retain questions are kept, chosen on the selection half: "
        f"{found['setup']}, {words[found['cell']]}. {halves}"
    )
