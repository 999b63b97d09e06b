"""What leaves the workbench: text the model writes, a file that reruns, a page, a picture, a
program.
"""

import argparse
from pathlib import Path
from typing import Any

from backend.commands.setting import add_setting, engine_and_setting, said_of
from backend.commands.terminal import AddCommand, ProgressLine, number, whole_number, write_file
from backend.setups import Setup


def add(command: AddCommand) -> None:
    sub = command("generate", generate, "what the model writes, without and with clamps")
    sub.add_argument("prompt", metavar="PROMPT")
    add_setting(sub, rivals=True)
    sub.add_argument("--max-tokens", type=whole_number(1, 512), default=64)
    sub.add_argument(
        "--temperature", type=number(0, 2), default=0.0, help="0 (greedy, the default) to 2"
    )
    sub.add_argument(
        "--seed",
        type=whole_number(0, 2**63 - 1),
        default=0,
        help="the same draws without and with clamps",
    )
    sub.add_argument(
        "--plain",
        action="store_true",
        help="take the prompt as the beginning of a text, not as a chat message",
    )
    sub = command(
        "export",
        export,
        "one JSON file with clamps, figures, every answer and the hashes of all they depend on",
    )
    add_setting(sub, rivals=True)
    sub.add_argument("--out", type=Path, required=True, metavar="FILE")
    sub = command(
        "report", report, "one HTML page, to print or to send, for somebody without this program"
    )
    add_setting(sub, rivals=True)
    sub.add_argument("--out", type=Path, required=True, metavar="FILE")
    sub = command(
        "card", card, "one picture for a slide, 1600 x 900: what a setting did, as PNG or SVG"
    )
    add_setting(sub, rivals=True)
    sub.add_argument("--dark", action="store_true", help="light on dark")
    sub.add_argument("--link", default="", help="an address to print on it")
    sub.add_argument(
        "--out", type=picture, required=True, metavar="FILE", help="ends in .png or .svg"
    )
    sub = command(
        "snippet",
        snippet,
        "a Python program that makes the same clamp with transformer-lens and sae-lens alone",
    )
    add_setting(sub)


def generate(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments import generate as writing
    from backend.interventions.method import NOTHING
    from backend.interventions.rival import PUSHED, in_words

    engine, setting = engine_and_setting(setup, args)
    chat = bool(engine.tokenizer.chat_template) and not args.plain
    ids = writing.prompt_ids(engine.tokenizer, args.prompt, chat)
    value: dict[str, Any] = {
        **said_of(engine, setting),
        "prompt": args.prompt,
        "chat": chat,
        "prompt_tokens": len(ids),
        "temperature": args.temperature,
        "seed": args.seed,
    }
    for which, mine in (("baseline", NOTHING), ("clamped", setting)):
        with engine.turn(ProgressLine(), "words"):
            *_, last = writing.writing(
                engine,
                args.prompt,
                chat,
                mine,
                max_tokens=args.max_tokens,
                sampling=writing.Sampling(args.temperature, args.seed),
            )
        value[which] = {
            "text": last.text,
            "ids": last.ids,
            "ended": last.ended,
            "edited_positions": last.edited,
        }
        if mine.method.gate is not None:
            value[which] |= {"statistic": last.statistic, "opened_at": last.opened_at}
    before, after = value["baseline"], value["clamped"]
    edited, n_tokens = len(after["edited_positions"]), len(ids) + len(after["ids"])
    acting, rival = f"{len(setting.clamps)} features clamped", setting.rival
    at = f", at {edited} of {n_tokens} tokens"
    if rival is not None:
        acting, at = in_words(rival), at if rival.kind in PUSHED else ""
    gate = f"; {said}" if (said := writing.gate_in_words(last)) else ""
    text = (
        f"Without clamps:\n{before['text'].strip()}\n\n"
        f"With {acting}{at}{gate}:\n{after['text'].strip()}"
    )
    return value, text


def export(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.interventions.board import board_of
    from backend.interventions.rival import in_words
    from backend.sharing import export as exporting

    engine, setting = engine_and_setting(setup, args)
    value = exporting.export(engine, engine.evaluate(setting), board_of(*setting))
    write_file(args.out, exporting.to_text(value))
    acting, rival = f"{len(setting.clamps)} clamps", {}
    if setting.rival is not None:
        acting, rival = in_words(setting.rival), {"rival": value["rival"]}
    text = f"{args.out}: {acting}, {engine.n_questions} questions."
    return {"file": str(args.out), "clamps": value["clamps"], **rival}, text


def report(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.sharing import report as reporting

    engine, setting = engine_and_setting(setup, args)
    write_file(args.out, reporting.report(engine, engine.evaluate(setting)))
    return {"file": str(args.out)}, f"{args.out}: open it in a browser, or print it."


def picture(text: str) -> Path:
    """A picture's path, for argparse."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg"):
        raise argparse.ArgumentTypeError(f"{path.name!r} must end in .png or .svg")
    return path


def card(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.sharing import card as cards

    engine, setting = engine_and_setting(setup, args)
    said = cards.facts(engine, engine.evaluate(setting), args.link)
    svg = cards.card(said, "dark" if args.dark else "light")
    write_file(args.out, cards.png(svg) if args.out.suffix.lower() == ".png" else svg)
    return {"file": str(args.out), "sentence": said.sentence}, f"{args.out}: {said.sentence}"


def snippet(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.sharing import snippet as programs

    text = programs.snippet(*engine_and_setting(setup, args))
    return {"program": text}, text
