"""One question taken apart: its answer at every strength, and without each clamped feature."""

import argparse
from typing import TYPE_CHECKING, Any

from backend.commands.setting import add_setting, engine_and_setting, said_of
from backend.commands.taking import picture
from backend.commands.terminal import (
    AddCommand,
    ProgressLine,
    feature_number,
    finite,
    write_file,
)
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.data.questions import Question
    from backend.experiments.anatomy import Answer, Contribution, Point, Scrub


def add(command: AddCommand) -> None:
    sub = command(
        "anatomy",
        anatomy,
        "one question's answer at every strength of the clamps, and without each of them",
    )
    add_setting(sub, rivals=True)
    sub.add_argument(
        "--question",
        required=True,
        metavar="SET:INDEX",
        help="the set's name and the question's row in it, from 0, such as biology:1",
    )
    sub.add_argument(
        "--feature",
        type=feature_number,
        help="move the strength of this clamped feature alone, not of all together",
    )
    sub.add_argument(
        "--card",
        type=picture,
        metavar="FILE",
        help="write a picture of it too; ends in .png or .svg",
    )


def anatomy(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments import anatomy as apart
    from backend.interventions.method import NOTHING
    from backend.interventions.rival import PUSHED
    from backend.reading.asked import parse_asked
    from backend.reading.seen import place_of
    from backend.sharing.card import png
    from backend.sharing.question_card import card_of, question_svg

    asked = parse_asked(args.question)
    engine, setting = engine_and_setting(setup, args)
    place, progress = place_of(engine, *asked), ProgressLine()
    _, question = engine.sets.at(place)
    right = question.answer
    before = apart.answer(engine, place, NOTHING)
    after = apart.answer(engine, place, setting, progress)
    rival = setting.rival
    scrub, points = None, []
    if setting.clamps or (rival is not None and rival.kind in PUSHED):
        scrub = apart.scrub_of(engine, setting, args.feature)
        points = list(apart.curve(engine, place, setting, scrub, progress))
    found = list(apart.contributions(engine, place, setting, progress))
    if args.card is not None:
        card = card_of(engine, place, setting, before, after, scrub, points, found)
        svg = question_svg(card)
        write_file(args.card, png(svg) if args.card.suffix.lower() == ".png" else svg)
    value = {
        **said_of(engine, setting),
        "question": {"set": asked.set, "index": asked.row, "text": question.question},
        "right": "ABCD"[right],
        "before": apart.plain_answer(before, right),
        "after": apart.plain_answer(after, right),
        "curve": [
            {"strength": p.strength, **apart.plain_answer(p.answer, right)}
            for p in _in_order(points)
        ],
        "strength_of": None if scrub is None else scrub.feature or scrub.kind,
        "present": None if scrub is None else scrub.present,
        "contributions": [
            {
                "feature": c.feature,
                "value": c.value,
                "fires": c.fires,
                "same": c.same,
                "left_out": apart.plain_answer(c.left_out, right),
                "alone": apart.plain_answer(c.alone, right),
            }
            for c in apart.by_size(found, after, right)
        ],
    }
    lines = _lines(question, before, after, scrub, points, apart.by_size(found, after, right))
    return finite(value), "\n".join(lines)


def _in_order(points: "list[Point]") -> "list[Point]":
    """By strength; the answer without comes first."""
    return sorted(points, key=lambda p: (p.strength is not None, p.strength or 0.0))


def _lines(
    question: "Question",
    before: "Answer",
    after: "Answer",
    scrub: "Scrub | None",
    points: "list[Point]",
    found: "list[Contribution]",
) -> list[str]:
    right = question.answer
    lines = [question.question]
    for i, choice in enumerate(question.choices):
        mark = "  (right)" if i == right else ""
        lines.append(
            f"{'ABCD'[i]}  {before.shares[i]:.2f} -> {after.shares[i]:.2f}  {choice}{mark}"
        )
    if points and scrub is not None:
        lines += ["", " strength  A     B     C     D     chosen"]
        for p in _in_order(points):
            at = "without" if p.strength is None else f"{p.strength:.4g}"
            shares = "  ".join(f"{share:.2f}" for share in p.answer.shares)
            here = "  (as it is)" if p.strength == scrub.present else ""
            lines.append(f"{at:>9}  {shares}  {'ABCD'[p.answer.choice]}{here}")
    if found:
        lines += ["", " feature  P left out    gives  P alone"]
        for c in found:
            if not c.same:
                left = c.left_out.shares[right]
                lines.append(
                    f"{c.feature:>8}  {left:>10.2f}  {left - after.shares[right]:>+7.2f}"
                    f"  {c.alone.shares[right]:>7.2f}"
                )
        none = sum(c.same for c in found)
        lines.append(f"{none} of {len(found)} clamped features contribute exactly 0.")
    return lines
