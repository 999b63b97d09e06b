"""Every command and option of the parser, with hostile values."""

import argparse
import os
from pathlib import Path

from hypothesis import strategies as st

from backend.__main__ import _parser
from tests.hostile.box import copied, engines_kept, living_in
from tests.hostile.counts import Counts, Share, command
from tests.hostile.fuzz import drive
from tests.hostile.values import CLAMPS, NUMBERS, texts, traps

LEFT_OUT = ("bench", "train-sae", "rmu", "rmu-grid", "build", "tune", "optimise", "study")
"""They take minutes by nature, or begin other processes; `_training` has the second,
`_misdirecting` the third, `_looking` those that look for a setting.
"""
PRESETS = ("forget-biology", "forget-biology-gated", "ablate-biology", "too-strong")
NAMES = ("biology", "history", "biology,history")
METHODS: tuple[tuple[str, ...], ...] = (
    ("--gate", "rho", "--tau", "0.1"),
    ("--gate", "rho", "--tau", "0"),
    ("--gate", "window", "--tau", "0.2", "--window", "4"),
    ("--gate", "cusum", "--tau", "0.5"),
    ("--gate", "cusum", "--tau", "1e6"),
    ("--gate", "rho", "--false-alarms", "0.5"),
    ("--gate", "window", "--false-alarms", "0.05", "--on", "corpus"),
    ("--gate", "cusum", "--false-alarms", "0.5", "--calibrate", "conformal"),
    ("--gate", "rho", "--false-alarms", "0.0001", "--calibrate", "conformal"),
    ("--gate", "none"),
    ("--threshold", "0.5"),
    ("--reach", "all"),
    ("--refusal", "7:-9"),
    ("--refusal", "7:-9", "--beside"),
    ("--keep-norm",),
)
"""Options that go together; those of two entries may not."""
VALUES = {
    "tau": ("0", "0.1", "0.5", "1"),
    "window": ("1", "4", "1024"),
    "false_alarms": ("0.0001", "0.05", "0.5"),
    "threshold": ("0", "0.5", "300000"),
    "refusal": ("7:-9", "0:0", "23:300000"),
}
LATENTS = (
    "", "7", "7:", ":1", "24:1", "-1:1", "7:nan", "7:1e400", "7:300001", "7:1:beside", "７:1",
    "7:\0", "9" * 5000 + ":1", "7:" + "9" * 5000, "0:-8,5:2", "<b>:1",
)  # fmt: skip
SWITCHES = ("gate", "calibrate", "on", "reach", "beside", "keep_norm")
RANKS = ("relevance", "paper", "dsg", "crisp", "attribution", "attribution-against", "max_act")


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    toml = copied(box, place / "command_lines")
    with living_in(toml.parent), engines_kept() as kept:
        before = Path.cwd()
        (place / "here").mkdir()
        os.chdir(place / "here")  # what is written under a hostile name is written here
        try:
            good = toml.read_bytes()

            def one(argv: list[str]) -> None:
                toml.write_bytes(good)  # --out may have been told to take its place
                if command(counts, argv).status == -1:
                    kept.clear()  # a run that was torn out may have left its engine in pieces

            command(counts, ["export", str(toml), "--clamps", "0:-8", "--out", "run.json"])
            before_all = _figures(toml)
            drive(share, command_lines(toml, place), one)
            toml.write_bytes(good)
            kept.clear()
            if _figures(toml) != before_all:
                counts.note("others", "other figures after all", before_all)
        finally:
            os.chdir(before)
    return counts


def _figures(toml: Path) -> str:
    """Of one setting, as it is printed but for the time it took."""
    ran = command(Counts(), ["evaluate", str(toml), "--clamps", "0:-8,5:2", "--json"])
    return ran.out.partition('"sets"')[2]


def command_lines(toml: Path, place: Path) -> st.SearchStrategy[list[str]]:
    paths = [*traps(place / "traps"), str(toml), str(place / "here" / "run.json"), "out.json"]
    actions = next(
        a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)
    ).choices
    each = [
        _one_command(name, sub, toml, paths)
        for name, sub in actions.items()
        if name not in LEFT_OUT
    ]
    small = _training(toml, paths), _misdirecting(toml, paths), _looking(toml)
    wild = st.lists(st.one_of(texts, st.sampled_from(paths)), max_size=4)
    return st.one_of(*each, *each, *small, wild)


def _one_command(
    name: str, sub: argparse.ArgumentParser, toml: Path, paths: list[str]
) -> st.SearchStrategy[list[str]]:
    needed = {id(a) for group in sub._mutually_exclusive_groups for a in group._group_actions[:2]}

    by_method = any(action.dest == "keep_norm" for action in sub._actions)

    @st.composite
    def line(draw: st.DrawFn) -> list[str]:
        argv = [name]
        # Its options drawn one by one seldom go together.
        methods = draw(st.sampled_from((0, 0, 1, 1, 2, -1))) if by_method else 0
        for action in sub._actions:
            if isinstance(action, argparse._HelpAction):
                continue
            if methods >= 0 and action.dest in (*VALUES, *SWITCHES):
                continue
            wanted = action.required or (id(action) in needed and draw(st.booleans()))
            if not wanted and draw(st.integers(0, 5)) < 4:
                continue
            if action.option_strings:
                argv.append(action.option_strings[-1])
            if action.nargs == 0:
                continue
            if action.dest == "setup":
                odd = draw(st.integers(0, 11)) == 0
                argv.append(draw(st.sampled_from(paths)) if odd else str(toml))
                continue
            n = draw(st.integers(1, 4)) if action.nargs == "+" else 1
            kind = _odd if draw(st.integers(0, 3)) == 0 else _good
            argv += [draw(kind(action, paths)) for _ in range(n)]
        for _ in range(methods):
            argv += draw(st.sampled_from(METHODS))
        return argv

    return line()


def _good(action: argparse.Action, paths: list[str]) -> st.SearchStrategy[str]:
    if action.choices:
        return st.sampled_from([str(c) for c in action.choices])
    if action.dest == "out":
        return st.sampled_from(("out.json", "/dev/null"))
    if action.dest == "file":
        return st.just("run.json")
    if action.dest == "clamps":
        return st.sampled_from(("", "3:-5", "0:-8,5:2"))
    if action.dest in ("preset", "sets", "set", "rank"):
        return st.sampled_from(PRESETS if action.dest == "preset" else NAMES + RANKS)
    if action.dest in VALUES:
        return st.sampled_from(VALUES[action.dest])
    if action.type is not None:
        return st.sampled_from(NUMBERS[:5])
    return st.sampled_from(("heart", "the river", "The heart pumps blood.", "a" * 3000))


def _odd(action: argparse.Action, paths: list[str]) -> st.SearchStrategy[str]:
    if action.type is Path or action.dest in ("file", "out"):
        return st.one_of(st.sampled_from(paths), st.sampled_from(paths), texts)
    if action.dest == "clamps":
        return st.one_of(st.sampled_from(CLAMPS), st.sampled_from(CLAMPS), texts)
    if action.dest == "refusal":
        return st.one_of(st.sampled_from(LATENTS), st.sampled_from(LATENTS), texts)
    if action.type is not None:
        return st.one_of(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), texts)
    return texts


def _training(toml: Path, paths: list[str]) -> st.SearchStrategy[list[str]]:
    """train-sae, small: what it needs is given, so that the others are reached."""
    passages = str(toml.parent / "passages.jsonl")
    number = st.sampled_from(("1", "2", "8", "256", "2048", "0", "-1", "nan", "x", "9" * 30))
    return st.tuples(
        st.one_of(st.just(passages), st.sampled_from(paths)),
        st.one_of(st.just("sae out"), st.sampled_from(paths), texts),
        st.one_of(st.just("1"), st.sampled_from(NUMBERS)),
        *[number] * 3,
    ).map(
        lambda v: [
            *("train-sae", str(toml), "--text", v[0], "--out", v[1], "--block", v[2]),
            *("--tokens", v[3], "--width", v[4], "--k", v[5], "--epochs", "1"),
        ]
    )


def _looking(toml: Path) -> st.SearchStrategy[list[str]]:
    """build, tune and optimise, of few settings."""
    count = st.sampled_from(("1", "2", "3", "0", "-1", "nan", "x", "9" * 30))
    number = st.sampled_from(("-3", "0", "2", "1e6", "nan", "1e400", "x"))
    more = st.sampled_from(("--resume", "--minutes=0.02", "--minutes=nan", "--json", "--save=a b"))
    name = st.one_of(st.sampled_from(RANKS), texts)
    return st.tuples(count, number, count, name, more).flatmap(
        lambda v: st.sampled_from(
            (
                ["build", str(toml), "--most", v[0], f"--multiple={v[1]}", "--per-question", v[2]],
                ["tune", str(toml), "--clamps", "3:-5,0:-8", "--steps", v[0], f"--rate={v[1]}"],
                ["tune", str(toml), "--ranker", v[3], "--n", v[2], "--steps", v[0]],
                ["optimise", str(toml), "--settings", v[0], f"--cost={v[1]}", "--seed", v[2]],
                ["optimise", str(toml), "--settings", "1", "--rankers", v[3]],
            )
        ).map(lambda argv: [*argv, v[4]])
    )


def _misdirecting(toml: Path, paths: list[str]) -> st.SearchStrategy[list[str]]:
    """rmu, of few steps."""
    whole = st.sampled_from(("2", "3", "8", "0", "-1", "nan", "x", "9" * 30))
    number = st.sampled_from(("3", "0", "1e6", "1e-8", "1", "-1", "nan", "1e400", "x"))
    return st.tuples(
        st.sampled_from(("2", "3", "2", "3", "7", "1")),
        st.sampled_from(("1", "2", "3", "0", "x")),
        *[number] * 3,
        *[whole] * 3,
        st.sampled_from(("residual", "raw", "cooked")),
        st.one_of(st.just("out.json"), st.sampled_from(paths), texts),
    ).map(
        lambda v: [
            *("rmu", str(toml), "--layer", v[0], "--steps", v[1], "--strength", v[2]),
            *("--alpha", v[3], "--lr", v[4], "--batch", v[5], "--tokens", v[6], "--seed", v[7]),
            *("--unit", v[8], "--out", v[9]),
        ]
    )
