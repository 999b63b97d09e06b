"""lm-evaluation-harness's own command line, in this process, on a hooked model.

The harness looks for models by name and finds none that it does not bring along, so ours is
registered first and its `run` command called then, as a shell would. Its figures are read from the
files it writes.
"""

import argparse
import io
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from backend.errors import BadInput, Unavailable
from backend.judges import INSTALL
from backend.judges.harness_tasks import Local, write_local_tasks
from backend.judges.hooked_model import HookedModel
from backend.progress import OnProgress, silent

VERSION = "0.4.13"
"""The one whose parts that are not public are called here."""
OURS = ("model", "model_args", "tasks", "limit", "batch_size", "include_path", "device")
"""Arguments of the harness that are said by ours, or by the setup."""
BLIND = ("use_cache", "cache_requests", "config")
"""Those that would bring in answers or questions of another setting, or pass by what is checked."""
STOPS = (KeyError, ValueError, ImportError, OSError)
"""What the harness raises over a task that is not there, or whose data cannot be had."""


class Sample(NamedTuple):
    """One question as the harness asked it."""

    contexts: tuple[str, ...]
    continuations: tuple[str, ...]
    log_likelihoods: tuple[float, ...]
    """Of the continuations, natural; empty where a text was written."""
    metrics: dict[str, float]


class Figures(NamedTuple):
    """What the harness found."""

    version: str
    tasks: dict[str, dict[str, float]]
    """Its metrics by task, and by group."""
    samples: dict[str, list[Sample]]
    table: str
    """As the harness prints it."""
    local: list[Local]


def check_installed() -> None:
    """Raises Unavailable, saying how to install it."""
    if find_spec("lm_eval") is None:
        raise Unavailable(f"lm-evaluation-harness is not installed. Install it: {INSTALL}")
    if (found := version("lm_eval")) != VERSION:
        raise Unavailable(
            f"lm-evaluation-harness {found} is installed, and {VERSION} is needed: {INSTALL}"
        )
    try:
        import pytablewriter  # noqa: F401 (with which it prints, once all is done)

        import backend.judges.harness_model  # noqa: F401 (registers the model)
    except ImportError as error:
        raise Unavailable(
            f"lm-evaluation-harness cannot be imported ({error}). Install it anew: {INSTALL}"
        ) from error


def parse(
    tasks: Sequence[str],
    about: dict[str, Any],
    limit: int | None,
    batch_size: int,
    further: Sequence[str] = (),
) -> argparse.Namespace:
    """What the harness's own parser makes of it all. `about` says what the model is, for its
    record.

    Raises BadInput for what it does not take, or what is not to be said to it.
    """
    from lm_eval._cli import HarnessCLI

    said = ["--tasks", ",".join(tasks), "--model", "clampboard", "--batch_size", str(batch_size)]
    said += [] if limit is None else ["--limit", str(limit)]
    try:
        with _argv(said):
            own = HarnessCLI().parse_args()
        with _argv([*said, *further]):
            args = HarnessCLI().parse_args()
    except SystemExit as error:
        raise BadInput(
            "lm-eval does not take what follows --; the lines above say why. See: "
            ".venv/bin/lm_eval run --help"
        ) from error
    for name in (*OURS, *BLIND):
        if getattr(args, name, None) != getattr(own, name, None):
            why = "is ours to say" if name in OURS else "does not know what is clamped"
            raise BadInput(f"lm-eval's {name} {why}: leave it out behind --.")
    if _asks(args, "log_samples") and args.output_path is None:
        raise BadInput("lm-eval's log_samples needs output_path, which says where.")
    args.model_args = about
    return args


def _asks(args: argparse.Namespace, name: str) -> bool:
    return bool(getattr(args, name, False))


@contextmanager
def _argv(arguments: Sequence[str]) -> Iterator[None]:
    """The harness reads its arguments from there alone."""
    before, sys.argv = sys.argv, ["lm-eval", "run", *arguments]
    try:
        yield
    finally:
        sys.argv = before


def run(
    args: argparse.Namespace,
    hooked: HookedModel,
    write_tasks: Callable[[Path], None] = lambda folder: None,
    on_progress: OnProgress = silent,
) -> Figures:
    """What the harness finds. `write_tasks` puts tasks into a folder that it is told of, before its
    own of the same names.

    Raises BadInput for a task there is none of, Unavailable for data that cannot be had.
    """
    import lm_eval.tasks
    from lm_eval._cli import HarnessCLI

    theirs, log_samples = args.output_path, _asks(args, "log_samples")
    log_samples = log_samples or _asks(args, "predict_only")
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch, "tasks"), Path(scratch, "out")
        folder.mkdir()
        write_tasks(folder)
        local = write_local_tasks(folder, args.tasks, Path(lm_eval.tasks.__file__).parent)
        args.include_path, args.output_path, args.log_samples = str(folder), str(out), True
        printed = io.StringIO()
        with _handed(hooked, int(args.batch_size), on_progress), redirect_stdout(printed), _quiet():
            try:
                HarnessCLI().execute(args)
            except STOPS as error:
                raise _stopped(error) from error
        results = _results_file(out)
        found = _figures(results, printed.getvalue(), local)
        if theirs is not None:
            _hand_out(results, Path(theirs), log_samples)
    return found


@contextmanager
def _handed(hooked: HookedModel, batch_size: int, on_progress: OnProgress) -> Iterator[None]:
    from backend.judges.harness_model import HarnessModel

    HarnessModel.handed = hooked, batch_size, on_progress
    try:
        yield
    finally:
        HarnessModel.handed = None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the harness says of tasks that stand before its own, of a limit, and of a model
    that is handed to it, all of which were asked for; and without bars for reading a file.
    """
    import datasets

    loggers = [logging.getLogger(f"lm_eval.{name}") for name in ("tasks", "config", "evaluator")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    bars = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not bars:
            datasets.enable_progress_bars()
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _stopped(error: Exception) -> BadInput | Unavailable:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    said = (text.strip() or type(error).__name__).splitlines()[0]
    if said.startswith("Tasks not found: "):
        return BadInput(
            f"{said}. Name sets of this setup, or tasks of lm-eval: .venv/bin/lm_eval ls tasks"
        )
    if isinstance(error, ImportError):
        return Unavailable(f"lm-eval needs what is not installed: {said[:300]}.")
    return Unavailable(
        f"lm-eval stopped: {said[:300]} ({type(error).__name__}). The data of its tasks come from "
        "the hub; those of WMDP and MMLU from CLAMPBOARD_DATA, where it has them."
    )


# -- its files -------------------------------------------------------------------------------------


def _results_file(out: Path) -> Path:
    found = list(out.glob("*/results_*.json"))
    if len(found) != 1:
        raise Unavailable(
            f"lm-eval could not write its figures under {out.parent}. Free some disk space there, "
            "or name another place by TMPDIR."
        )
    return found[0]


def _date(results: Path) -> str:
    return results.stem.removeprefix("results_")


def _figures(file: Path, table: str, local: list[Local]) -> Figures:
    results = json.loads(file.read_text(encoding="utf-8"))
    tasks = {
        task: {
            metric.removesuffix(",none"): value
            for metric, value in metrics.items()
            if isinstance(value, float | int)
        }
        for task, metrics in {**results["results"], **results.get("groups", {})}.items()
    }
    samples = {}
    for task in results["n-samples"]:
        rows = file.with_name(f"samples_{task}_{_date(file)}.jsonl")
        # Not by splitlines, as a text may hold other ends of lines.
        with rows.open(encoding="utf-8", newline="\n") as lines:
            samples[task] = [_sample(json.loads(line)) for line in lines]
    asked = [one for one in local if one.task in samples]
    return Figures(results["lm_eval_version"], tasks, samples, table, asked)


def _sample(row: dict[str, Any]) -> Sample:
    pairs = [(one["arg_0"], one.get("arg_1", "")) for one in row["arguments"].values()]
    scored = all(isinstance(following, str) for _, following in pairs)
    answers = [one for one in row["filtered_resps"] if isinstance(one, list)] if scored else []
    metrics = {name: row[name] for name in row["metrics"] if isinstance(row.get(name), float | int)}
    contexts, continuations = zip(*pairs, strict=True)
    return Sample(
        contexts,
        tuple(str(following) for following in continuations),
        tuple(float(score) for score, *_ in answers),
        metrics,
    )


def _hand_out(results: Path, where: Path, samples: bool) -> None:
    """The files, where and as the harness would have put them."""
    try:
        if where.suffix == ".json":
            folder, named = where.parent, f"{where.stem}_{_date(results)}.json"
        else:
            folder, named = where / results.parent.name, results.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results, folder / named)
        for file in results.parent.glob("samples_*.jsonl") if samples else ():
            shutil.copyfile(file, folder / file.name)
    except OSError as error:
        raise Unavailable(
            f"lm-eval's files cannot be written to {where} ({error.strerror}). Name another place."
        ) from error
