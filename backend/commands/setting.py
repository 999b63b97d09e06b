"""The arguments that say what is clamped, and when: what commands read a setting from."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.commands.terminal import (
    feature_number,
    number,
    open_engine,
    read_file,
    say,
    whole_number,
)
from backend.errors import BadInput, ClampboardError
from backend.rim import parse_json, shown
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.engine.engine import Engine
    from backend.interventions.clamps import Clamps
    from backend.interventions.method import Method, Refusal, Setting

MOST = 3e6
"""backend.interventions.clamps.MAX_VALUE, which is not imported before it is needed."""


RIVALS = ("rmu", "difference-of-means", "projection", "leace", "random-direction", "prompt")
"""backend.interventions.rival.KINDS, which is not imported before it is needed."""


def add_setting(
    sub: argparse.ArgumentParser, rivals: bool = False
) -> argparse._MutuallyExclusiveGroup:
    """The arguments that say what is clamped, and by which method; or which of the `rivals` stands
    in the place of clamps.
    """
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--clamps",
        help='feature:value pairs in raw units, such as "12:-60,45:0"; "" is the baseline',
    )
    which.add_argument("--preset", help="a preset of the clamp page, such as forget-biology")
    add_method(sub)
    if rivals:
        which.add_argument(
            "--rival",
            choices=RIVALS,
            help="in the place of clamps: weights trained by RMU, a direction at the hook, or a "
            "prompt",
        )
        group = sub.add_argument_group("rivals", "which one, where there are several")
        group.add_argument(
            "--of",
            metavar="NAME",
            help="of rmu the name of trained weights (those that ship, or the first trained here, "
            "if not given); of prompt a wording's title, or a text of your own",
        )
        group.add_argument(
            "--strength",
            type=number(0, 100),
            help="of a direction: how many times its length it moves the residual (default 1)",
        )
    return which


def add_method(sub: argparse.ArgumentParser) -> None:
    """The arguments that say when clamps act and what they write."""
    group = sub.add_argument_group(
        "when to act", "the paper's clamp acts wherever a clamped feature fires, and sets it"
    )
    group.add_argument(
        "--gate",
        choices=("none", "rho", "window", "cusum"),
        help="act only in sequences where the clamped features fire often: on a share of all "
        "tokens (rho), of a window's, or by their likelihood ratio (cusum)",
    )
    group.add_argument("--tau", type=number(0, 1e6), help="the gate opens above this")
    group.add_argument(
        "--window", type=whole_number(1, 1024), help="positions of a window (default 32)"
    )
    group.add_argument(
        "--false-alarms",
        type=number(1e-4, 0.5),
        metavar="RATE",
        help="find tau: the share of what should stay closed that may open, such as 0.05",
    )
    group.add_argument(
        "--calibrate",
        choices=("quantile", "conformal"),
        default="quantile",
        help="how tau is found (default quantile)",
    )
    group.add_argument(
        "--on",
        choices=("questions", "corpus"),
        default="questions",
        help="what it is found on: retain questions of the selection half (the default), or rows "
        "of retain text",
    )
    group.add_argument(
        "--threshold",
        type=number(0, MOST),
        help="a feature fires above this activation (default 0)",
    )
    group.add_argument(
        "--reach",
        choices=("firing", "all"),
        help="set the features that fire (the default), or all clamped ones where any fires",
    )
    group.add_argument(
        "--refusal",
        type=_latent,
        metavar="FEATURE:VALUE",
        help="set this feature where a clamped one fires, and leave the clamped ones alone",
    )
    group.add_argument(
        "--beside", action="store_true", help="with --refusal, set the clamped ones as well"
    )
    group.add_argument(
        "--keep-norm", action="store_true", help="rescale the edited residual to its own length"
    )


def _latent(text: str) -> tuple[int, float]:
    feature, _, value = text.partition(":")
    return feature_number(feature), number(-MOST, MOST)(value)


def given_method(args: argparse.Namespace) -> bool:
    """Whether any argument says when to act."""
    from backend.interventions.method import PAPER

    asked = (args.gate, args.tau, args.window, args.false_alarms)
    return any(value is not None for value in asked) or method_of(args, PAPER) != PAPER


def method_of(args: argparse.Namespace, base: "Method") -> "Method":
    """The method that the arguments make of `base`. Raises BadInput for arguments that do not go
    together.
    """
    from backend.interventions.method import WIDTH, Gate, checked_method

    gate = base.gate
    if args.gate == "none":
        gate = None
    elif args.gate is not None:
        if args.tau is None and args.false_alarms is None:
            raise BadInput(
                f"Where does the gate {args.gate} open? Give --tau, or --false-alarms to find it."
            )
        gate = Gate(args.gate, 0.0)
    if gate is None:
        for given, name in (
            (args.tau, "--tau"),
            (args.window, "--window"),
            (args.false_alarms, "--false-alarms"),
        ):
            if given is not None:
                raise BadInput(f"{name} is of a gate: choose one by --gate.")
    else:
        if args.tau is not None and args.false_alarms is not None:
            raise BadInput("Give --tau, or --false-alarms to find it, not both.")
        if args.window is not None and gate.kind != "window":
            raise BadInput("--window is of --gate window.")
        width = gate.width if args.window is None else args.window
        tau = gate.tau if args.tau is None else args.tau
        gate = Gate(gate.kind, tau, width if gate.kind == "window" else WIDTH)
    return checked_method(
        replace(
            base,
            threshold=base.threshold if args.threshold is None else args.threshold,
            gate=gate,
            reach=args.reach or base.reach,
            refusal=_refusal(args, base.refusal),
            keep_norm=args.keep_norm or base.keep_norm,
        )
    )


def _refusal(args: argparse.Namespace, base: "Refusal | None") -> "Refusal | None":
    from backend.interventions.method import Refusal

    found = base if args.refusal is None else Refusal(*args.refusal)
    if not args.beside:
        return found
    if found is None:
        raise BadInput("--beside goes with --refusal FEATURE:VALUE.")
    return replace(found, alone=False)


def calibrated(
    engine: "Engine", clamps: "Clamps", method: "Method", args: argparse.Namespace
) -> "Setting":
    """The setting, with its tau found if that was asked for, which is said on standard error."""
    from backend.interventions.method import Setting

    setting = engine.check(Setting(clamps, method))
    if args.false_alarms is not None and setting:
        setting, found = engine.calibrate(setting, args.false_alarms, args.calibrate, args.on)
        say(found.in_words())
    return setting


def given_rival(args: argparse.Namespace) -> bool:
    """Whether a rival is asked for. Raises BadInput for what is only a rival's, without one."""
    given = vars(args)
    if given.get("rival") is not None:
        return True
    for name in ("of", "strength"):
        if given.get(name) is not None:
            raise BadInput(f"--{name} is of a rival: choose one by --rival.")
    return False


def check_rival(args: argparse.Namespace) -> None:
    """Raises BadInput or BadRival for arguments of a rival that do not go together, where that can
    be told without an engine.
    """
    from backend.interventions.rival import PUSHED, Rival, checked_rival

    if not given_rival(args):
        return
    if given_method(args):
        raise BadInput("When to act is of clamps: a rival acts always.")
    if args.strength is not None and args.rival not in PUSHED:
        raise BadInput(f"--strength is of a direction ({', '.join(PUSHED)}), not of {args.rival}.")
    if args.of is not None and args.rival in PUSHED:
        raise BadInput("--of is of rmu and prompt: a direction is found from the setup's own text.")
    if args.of is not None:
        checked_rival(Rival(args.rival, args.of))


def _engine_and_rival(setup: Setup, args: argparse.Namespace) -> tuple["Engine", "Setting"]:
    from backend.interventions.method import Setting

    engine = open_engine(setup)
    rival = engine.rivals.named(
        args.rival, args.of, 1.0 if args.strength is None else args.strength
    )
    return engine, engine.check(Setting(rival=rival))


def said_of(engine: "Engine", setting: "Setting") -> dict[str, Any]:
    """What every command's JSON says of the setting it is about."""
    from backend.interventions.clamps import format_clamps
    from backend.interventions.method import format_method
    from backend.interventions.rival import format_rival

    rival = {} if setting.rival is None else {"rival": format_rival(setting.rival)}
    return {
        "setup": engine.setup.name,
        "clamps": format_clamps(setting.clamps),
        "method": format_method(setting.method),
        **rival,
        "dtype": engine.dtype,
    }


MOST_LINES = 10_000
FIELDS = {"clamps", "preset", "method", "rival"}
Read = Callable[["Engine"], "Setting"]


def read_settings(path: Path, setup: Setup, args: argparse.Namespace) -> list[tuple[str, Read]]:
    """The lines of a file of settings: each as it is to be shown, and what makes its setting once
    an engine is there.

    Raises BadInput for a file or a line that cannot be used, naming it, before any engine is. What
    the arguments say of when to act holds where a line has no method.
    """
    text = read_file(path)
    numbered = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not numbered:
        raise BadInput(f"{path} has no line. Write one setting a line, such as {EXAMPLE}.")
    if len(numbered) > MOST_LINES:
        raise BadInput(
            f"{path} has {len(numbered):,} settings; at most {MOST_LINES:,} in one call."
        )
    out = []
    for place, line in numbered:
        named = f"{path}, line {place}"
        row = parse_json(line, named)
        try:
            out.append(_read_setting(row, setup, args))
        except ClampboardError as error:
            raise BadInput(f"{named}: {error}") from error
    return out


EXAMPLE = '{"clamps": "12:-60,45:0"}'


def _read_setting(row: object, setup: Setup, args: argparse.Namespace) -> tuple[str, Read]:
    from backend.features.presets import preset_of, sae_name
    from backend.interventions.clamps import check_feature, parse_clamps
    from backend.interventions.method import PAPER, Setting, parse_method
    from backend.interventions.rival import parse_rival
    from backend.model.sae_on_disk import width_of

    if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
        raise BadInput(f"An object of texts was expected, such as {EXAMPLE}.")
    if unknown := sorted(set(row) - FIELDS):
        raise BadInput(f"There is no field {shown(unknown[0])}: {', '.join(sorted(FIELDS))}.")
    if len(row.keys() & {"clamps", "preset", "rival"}) != 1:
        raise BadInput('One of "clamps", "preset" and "rival" was expected.')
    if "rival" in row:
        if "method" in row:
            raise BadInput('"method" is of clamps: a rival acts always.')
        setting = Setting(rival=parse_rival(row["rival"]))
        return row["rival"] or "no clamp", lambda engine: engine.check(setting)
    d_sae = width_of(setup.sae)
    own = parse_method(row["method"], d_sae) if "method" in row else None
    if "preset" in row:
        name = row["preset"]
        preset_of(sae_name(setup.sae), name)

        def of_preset(engine: "Engine") -> "Setting":
            clamps, method, _ = engine.preset(name)
            return calibrated(engine, clamps, own or method_of(args, method), args)

        return name, of_preset
    clamps = parse_clamps(row["clamps"])
    for clamp in clamps:
        check_feature(clamp.feature, d_sae)
    method = own or method_of(args, PAPER)
    return row["clamps"] or "no clamp", lambda engine: calibrated(engine, clamps, method, args)


def engine_and_setting(setup: Setup, args: argparse.Namespace) -> tuple["Engine", "Setting"]:
    """The setting is read first: a mistake in it is said before a model is loaded.

    What a preset takes here is said on standard error; raises BadInput where that is nothing.
    """
    from backend.interventions.clamps import parse_clamps
    from backend.interventions.method import PAPER

    if given_rival(args):
        return _engine_and_rival(setup, args)
    if args.preset is None:
        clamps, method = parse_clamps(args.clamps), method_of(args, PAPER)
        engine = open_engine(setup)
    else:
        engine = open_engine(setup)
        clamps, method, _ = engine.preset(args.preset)
        said = f"{args.preset}: {engine.preset_in_words(args.preset)}"
        if not clamps:
            raise BadInput(f"There is nothing to clamp. {said}")
        say(said)
        method = method_of(args, method)
    return engine, calibrated(engine, clamps, method, args)
