"""One question taken apart, as a picture to send: an SVG that stands alone."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from backend.data.questions import LETTERS, Question
from backend.engine.engine import Engine
from backend.experiments.anatomy import Answer, Contribution, Point, Scrub, by_size
from backend.interventions.method import Setting
from backend.sharing.lettering import FAMILY, one_line, shortened, wrapped
from backend.sharing.svg import line, text
from backend.wording import multiple, signed

WIDTH, HEIGHT = 1200, 675
INK, GREY, PALE, GROUND = "#1f2328", "#57606a", "#d0d7de", "#ffffff"
FALL, RISE = "#b34700", "#135e91"
COLOURS = ("#b34700", "#135e91", "#5b2bb8", "#7d5634")
DASHES = ("", "9 4", "3 3", "10 4 3 4")
"""Of the four options' lines."""
MOST = 5
"""Contributions that are drawn."""
NAMED = 0.005
"""A contribution that is smaller shows as 0 and is left out."""


@dataclass(frozen=True)
class QuestionCard:
    """What the picture says."""

    where: str
    """The question's set and row."""
    question: Question
    setting: str
    """What the setting is called."""
    model: str
    before: Answer
    after: Answer
    points: tuple[tuple[float, Answer], ...] = ()
    """The curve, by strength; empty where there is no strength."""
    along: str = ""
    """What the curve goes over."""
    present: float = 1.0
    contributions: tuple[tuple[str, float], ...] = ()
    """What a feature is called, and how much of the right answer's share comes back without it."""


def card_of(
    engine: Engine,
    place: int,
    setting: Setting,
    before: Answer,
    after: Answer,
    scrub: Scrub | None = None,
    points: Sequence[Point] = (),
    found: Sequence[Contribution] = (),
) -> QuestionCard:
    """Of the question at that place among all, and what is known of it."""
    questions, question = engine.sets.at(place)
    titles = {
        "all": "all clamps together, times their strength",
        "feature": "" if scrub is None else f"feature {scrub.feature}, multiples of its maximum",
        "direction": "strength of the direction",
    }
    right, name = question.answer, engine.atlas.name
    sized = [
        (_called(c.feature, name(c.feature)), c.left_out.shares[right] - after.shares[right])
        for c in by_size([c for c in found if not c.same], after, right)
    ]
    return QuestionCard(
        f"{questions.title}, question {question.index}",
        question,
        engine.name_of(setting),
        engine.setup.model.name,
        before,
        after,
        tuple(sorted((p.strength, p.answer) for p in points if p.strength is not None)),
        "" if scrub is None else titles[scrub.kind],
        1.0 if scrub is None else scrub.present,
        _largest(sized),
    )


def _largest(sized: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Those of the largest size, in the order given."""
    size = sorted((abs(gives) for _, gives in sized), reverse=True)[:MOST]
    least = max(NAMED, size[-1]) if size else NAMED
    return tuple(one for one in sized if abs(one[1]) >= least)[:MOST]


def _called(feature: int, name: str) -> str:
    return f"{feature} · {name}" if name else f"feature {feature}"


def question_svg(card: QuestionCard) -> str:
    """The picture, 1200 by 675, on white; all text escaped."""
    pieces = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{GROUND}"/>',
        _text(48, 52, card.where, 17, GREY),
        *(
            _text(48, 92 + 36 * i, said, 30, INK, bold=True)
            for i, said in enumerate(wrapped(card.question.question, 30, WIDTH - 96, 2, bold=True))
        ),
        *_options(card),
        *(_curve(card) if len(card.points) > 1 else []),
        *_contributions(card),
        line(48, 624, WIDTH - 48, 624, PALE),
        _text(48, 652, shortened(f"{card.setting}, on {card.model}", 17, 950), 17, GREY),
        _text(WIDTH - 48, 652, "Clampboard", 17, GREY, "end", bold=True),
    ]
    said = f"{card.question.question} {_chosen(card)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="{FAMILY}" role="img">'
        f"<title>{html.escape(one_line(said))}</title>{''.join(pieces)}</svg>"
    )


def _chosen(card: QuestionCard) -> str:
    was, now = (card.question.choices[answer.choice] for answer in (card.before, card.after))
    return f"Chosen: {was}" + (f", with the clamps {now}" if now != was else "")


def _options(card: QuestionCard) -> list[str]:
    """Each option with its share before and after."""
    pieces = [
        _text(48, 170, "Option", 15, GREY),
        _text(430, 170, "P before", 15, GREY, "end"),
        _text(540, 170, "P after", 15, GREY, "end"),
    ]
    for i, choice in enumerate(card.question.choices):
        y, right = 206 + 44 * i, i == card.question.answer
        bold = right or i == card.after.choice
        mark = " (right)" if right else " (chosen)" if i == card.after.choice else ""
        called = shortened(f"{LETTERS[i]}  {choice}", 18, 250, bold) + mark
        pieces += [
            _text(48, y, called, 18, COLOURS[i], bold=bold),
            _text(430, y, f"{card.before.shares[i]:.2f}", 18, INK, "end"),
            _text(540, y, f"→ {card.after.shares[i]:.2f}", 18, INK, "end", bold=True),
            _bar(48, y + 7, 492 * card.before.shares[i], PALE),
            _bar(48, y + 12, 492 * card.after.shares[i], COLOURS[i]),
        ]
    return pieces


def _bar(x: float, y: float, width: float, colour: str, height: int = 4) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height}" '
        f'fill="{colour}"/>'
    )


def _curve(card: QuestionCard) -> list[str]:
    """The options' shares along the strength."""
    left, right, top, bottom = 640.0, 1060.0, 170.0, 540.0
    low, high = card.points[0][0], card.points[-1][0]

    def x(strength: float) -> float:
        return left + (right - left) * (strength - low) / (high - low)

    def y(share: float) -> float:
        return bottom - (bottom - top) * share

    pieces = []
    for share in (0.0, 0.5, 1.0):
        pieces += [
            line(left, y(share), right, y(share), PALE),
            _text(left - 10, y(share) + 5, f"{share:g}", 15, GREY, "end"),
        ]
    at = x(card.present)
    pieces += [
        line(at, top, at, bottom, GREY),
        _text(at, top - 8, "present", 14, GREY, "middle"),
        *(
            _text(x(strength), bottom + 22, multiple(float(f"{strength:.3g}")), 15, GREY, "middle")
            for strength in dict.fromkeys((low, card.present, high))
        ),
        _text((left + right) / 2, bottom + 48, card.along, 15, GREY, "middle"),
    ]
    ends = []
    for i in range(len(card.question.choices)):
        places = " ".join(f"{x(s):.1f},{y(a.shares[i]):.1f}" for s, a in card.points)
        dash = f' stroke-dasharray="{DASHES[i]}"' if DASHES[i] else ""
        wide = 4 if i == card.question.answer else 2
        pieces.append(
            f'<polyline points="{places}" fill="none" stroke="{COLOURS[i]}" '
            f'stroke-width="{wide}"{dash}/>'
        )
        ends.append((y(card.points[-1][1].shares[i]), i))
    ends.sort()
    below = top - 100.0
    for place, (level, i) in enumerate(ends):
        lowest = bottom - 19 * (len(ends) - 1 - place)  # above the axis's own labels
        below = max(min(level, lowest) + 5, below + 19)
        named = f"{LETTERS[i]}{' (right)' if i == card.question.answer else ''}"
        pieces.append(_text(right + 10, below, named, 17, COLOURS[i], bold=True))
    return pieces


def _contributions(card: QuestionCard) -> list[str]:
    """What leaving a feature out gives back, the most first."""
    if not card.contributions:
        return []
    pieces = [_text(48, 418, "P(right) given back when a feature is left out", 15, GREY)]
    largest = max(abs(gives) for _, gives in card.contributions)
    for i, (called, gives) in enumerate(card.contributions):
        y = 448 + 34 * i
        colour = RISE if gives < 0 else FALL
        pieces += [
            _text(48, y, shortened(called, 16, 350), 16, INK),
            _bar(410, y - 12, 70 * abs(gives) / largest, colour, 14),
            _text(540, y, signed(gives, 2), 16, colour, "end", bold=True),
        ]
    return pieces


def _text(
    x: float,
    y: float,
    words: str,
    size: int,
    colour: str,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    return text(x, y, one_line(words), anchor, colour, size, bold)
