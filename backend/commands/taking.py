"""What leaves the workbench: text the model writes, a file that reruns, a page, a program."""

import argparse
from pathlib import Path
from typing import Any

from backend.commands.terminal import (
    AddCommand,
    ProgressLine,
    add_setting,
    count,
    engine_and_clamps,
    write_file,
)
from backend.setups import Setup


def add(command: AddCommand) -> None:
    sub = command("generate", generate, "what the model writes, without and with clamps")
    sub.add_argument("prompt", metavar="PROMPT")
    add_setting(sub)
    sub.add_argument("--max-tokens", type=count, default=64)
    sub.add_argument("--temperature", type=float, default=0.0, help="0 (greedy, the default) to 2")
    sub.add_argument("--seed", type=int, default=0, help="the same draws without and with clamps")
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
    add_setting(sub)
    sub.add_argument("--out", type=Path, required=True, metavar="FILE")
    sub = command(
        "report", report, "one HTML page, to print or to send, for somebody without this program"
    )
    add_setting(sub)
    sub.add_argument("--out", type=Path, required=True, metavar="FILE")
    sub = command(
        "snippet",
        snippet,
        "a Python program that makes the same clamp with transformer-lens and sae-lens alone",
    )
    add_setting(sub)


def generate(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments import generate as writing
    from backend.interventions.edit import format_clamps

    engine, clamps = engine_and_clamps(setup, args)
    chat = bool(engine.model.tokenizer.chat_template) and not args.plain
    ids = writing.prompt_ids(engine.model.tokenizer, args.prompt, chat)
    value: dict[str, Any] = {
        "setup": setup.name,
        "clamps": format_clamps(clamps),
        "dtype": engine.dtype,
        "prompt": args.prompt,
        "chat": chat,
        "prompt_tokens": len(ids),
        "temperature": args.temperature,
        "seed": args.seed,
    }
    for which, mine in (("baseline", ()), ("clamped", clamps)):
        with engine.turn(ProgressLine(), "words"):
            *_, last = writing.generate(
                engine.runner,
                ids,
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
    before, after = value["baseline"], value["clamped"]
    edited, n_tokens = len(after["edited_positions"]), len(ids) + len(after["ids"])
    text = (
        f"Without clamps:\n{before['text'].strip()}\n\n"
        f"With {len(clamps)} features clamped, at {edited} of {n_tokens} tokens:\n"
        f"{after['text'].strip()}"
    )
    return value, text


def export(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.interventions.board import board_of
    from backend.sharing import export as exporting

    engine, clamps = engine_and_clamps(setup, args)
    value = exporting.export(engine, engine.evaluate(clamps), board_of(clamps))
    write_file(args.out, exporting.to_text(value))
    text = f"{args.out}: {len(clamps)} clamps, {engine.n_questions} questions."
    return {"file": str(args.out), "clamps": value["clamps"]}, text


def report(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.sharing import report as reporting

    engine, clamps = engine_and_clamps(setup, args)
    write_file(args.out, reporting.report(engine, engine.evaluate(clamps)))
    return {"file": str(args.out)}, f"{args.out}: open it in a browser, or print it."


def snippet(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.sharing import snippet as programs

    text = programs.snippet(*engine_and_clamps(setup, args))
    return {"program": text}, text
