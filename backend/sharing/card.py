"""One picture for a slide, 1600 x 900: what a setting did, in a sentence, a chart and four figures.

`facts` gathers what it says, `card` composes the SVG, `png` makes pixels of it. Drawn at half its
size the smallest text is 12 pixels high.
"""

import html
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from backend.data.questions import CHANCE
from backend.engine.engine import Engine
from backend.errors import Unavailable
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.experiments.verdict import verdict
from backend.setups import Role
from backend.sharing.lettering import FAMILY, one_line, shortened, width, wrapped
from backend.sharing.svg import dot, line, text
from backend.wording import percent, points

WIDTH, HEIGHT = 1600, 900
LEFT, RIGHT = 70, WIDTH - 70
SMALL = 24
"""The smallest text."""
CHART_RIGHT, PANEL = 1000, 1075
"""Where the chart ends, and where the figures beside it begin."""
MOST_SETS = 7
ROLES: tuple[Role, Role] = ("forget", "retain")
Look = Literal["light", "dark"]


class Colours(NamedTuple):
    """Text stands out from the ground by 4.5 to 1 or more; so do both roles, in which text stands
    too.
    """

    ground: str
    ink: str
    quiet: str
    rule: str
    forget: str
    retain: str

    def of(self, role: Role) -> str:
        return self.forget if role == "forget" else self.retain


COLOURS: dict[Look, Colours] = {
    "light": Colours("#ffffff", "#14171a", "#4a4f57", "#d5d7da", "#b34700", "#135e91"),
    "dark": Colours("#15181c", "#f1efec", "#c3c7cd", "#3a4048", "#f6a15c", "#6cb8ec"),
}


@dataclass(frozen=True)
class Facts:
    """What a card says; accuracies are fractions."""

    sentence: str
    """The verdict's."""
    name: str
    """The setting's."""
    title: str
    """The setup's."""
    sets: tuple[SetResult, ...]
    forget: SetResult
    """All forget questions together; so `retain`."""
    retain: SetResult
    held_out: tuple[SetResult, SetResult] | None
    """The same over the held-out half; None where that is what is shown, or nothing acts."""
    model: str
    sae: str
    precision: str
    day: str
    link: str = ""
    """A short one."""


def facts(engine: Engine, evaluation: Evaluation, link: str = "") -> Facts:
    """Of a complete evaluation over all questions. Nothing is run."""
    setup, setting = engine.setup, evaluation.setting
    run = engine.results.read(setting)
    when = time.time() if run is None else run.when
    held_out = engine.restrict(evaluation, engine.half("held-out")).sets
    release = "" if setup.sae.path else f" {engine.sae.title}"
    return Facts(
        verdict(engine, evaluation).sentence,
        engine.name_of(setting),
        setup.title,
        evaluation.sets,
        pooled(evaluation.sets, "forget"),
        pooled(evaluation.sets, "retain"),
        (pooled(held_out, "forget"), pooled(held_out, "retain")) if setting else None,
        setup.model.name,
        f"SAE{release}, {engine.d_sae:,} features at {engine.sae.hook_name}",
        engine.dtype,
        time.strftime("%Y-%m-%d", time.localtime(when)),
        link,
    )


def card(said: Facts, look: Look = "light") -> str:
    """The card as SVG."""
    colours = COLOURS[look]
    pieces = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colours.ground}"/>',
        *_head(said, colours),
        *_chart(said.sets, colours),
        *_figures(said, colours),
        *_foot(said, colours),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" font-family="{FAMILY}">'
        f"<title>{html.escape(one_line(said.sentence))}</title>{''.join(pieces)}</svg>"
    )


def png(svg: str) -> bytes:
    """The picture in pixels, as large as it says it is. Raises Unavailable without vl-convert."""
    try:
        import vl_convert  # slow to import, and wanted for this alone
    except ImportError as error:
        raise Unavailable(
            "Pictures as PNG need vl-convert: pip install vl-convert-python, or take the SVG."
        ) from error
    return bytes(vl_convert.svg_to_png(svg))


def _head(said: Facts, colours: Colours) -> Iterator[str]:
    """The setup and the day; the sentence, as large as it fits; the setting's name."""
    across = RIGHT - LEFT
    day_width = width(said.day, SMALL) + 40
    title = shortened(said.title, SMALL, across - day_width)
    yield text(LEFT, 74, title, colour=colours.quiet, size=SMALL)
    yield text(RIGHT, 74, said.day, "end", colours.quiet, SMALL)
    size, lines = next(
        (size, lines)
        for size, most in ((46, 2), (40, 3), (34, 4))
        if (lines := wrapped(said.sentence, size, across, most, bold=True))
        and (size == 34 or " ".join(lines) == one_line(said.sentence))
    )
    y = 106.0
    for words in lines:
        y += 1.2 * size
        yield text(LEFT, y, words, colour=colours.ink, size=size, bold=True)
    y += 12
    for words in wrapped(said.name, 30, across, 2 if len(lines) < 4 else 1):
        y += 40
        yield text(LEFT, y, words, colour=colours.ink, size=30)


TOP, BOTTOM = 385, 725
"""Of the chart's rows."""


def _chart(sets: tuple[SetResult, ...], colours: Colours) -> Iterator[str]:
    """Each set, forget first: hollow without, filled with; the change's interval is a band."""
    ordered = sorted(sets, key=lambda s: s.role)
    shown = ordered[: MOST_SETS if len(sets) <= MOST_SETS else MOST_SETS - 1]
    names = 330
    begin, end = LEFT + names + 25, CHART_RIGHT

    def x(share: float) -> float:
        return begin + (end - begin) * min(1.0, max(0.0, share))

    for tenth in (0, 0.25, 0.5, 0.75, 1):
        if tenth != CHANCE:
            yield line(x(tenth), TOP, x(tenth), BOTTOM, colours.rule, 1.5)
        label = "chance" if tenth == CHANCE else percent(tenth, 0)
        yield text(x(tenth), BOTTOM + 30, label, "middle", colours.quiet, SMALL)
    yield line(x(CHANCE), TOP, x(CHANCE), BOTTOM, colours.quiet, 2.5, "8 7")
    row = (BOTTOM - TOP) / (len(shown) + (len(shown) < len(sets)))
    for i, s in enumerate(shown):
        yield from _row(s, TOP + row * (i + 0.5), x, names, colours)
    if left := len(sets) - len(shown):
        words = f"and {left} more sets"
        y = TOP + row * (len(shown) + 0.5) + 8
        yield text(LEFT + names, y, words, "end", colours.quiet, SMALL)


def _row(
    s: SetResult, y: float, x: Callable[[float], float], names: float, colours: Colours
) -> Iterator[str]:
    colour = colours.of(s.role)
    role = width(f"  {s.role}", SMALL)
    title = shortened(s.title, SMALL, names - role)
    yield text(LEFT + names - role, y + 8, title, "end", colours.ink, SMALL)
    yield text(LEFT + names, y + 8, s.role, "end", colour, SMALL)
    before, after = x(s.baseline_accuracy), x(s.accuracy)
    low = x(s.baseline_accuracy + s.ci_low_pp / 100)
    high = x(s.baseline_accuracy + s.ci_high_pp / 100)
    yield (
        f'<rect x="{low:.1f}" y="{y - 12:.1f}" width="{max(0.0, high - low):.1f}" height="24" '
        f'rx="4" fill="{colour}" fill-opacity="0.28"/>'
    )
    yield line(before, y, after, y, colour, 4)
    yield dot(before, y, 10, colour, False, colours.ground, 4)
    yield dot(after, y, 10, colour, True, colours.ground, 4)


def _figures(said: Facts, colours: Colours) -> Iterator[str]:
    """The pooled figures, and those of the held-out half."""
    across = RIGHT - PANEL
    y = TOP + 12.0
    for s in (said.forget, said.retain):
        label = f"{s.role.capitalize()}, {s.n:,} questions"
        yield text(PANEL, y, label, colour=colours.of(s.role), size=26, bold=True)
        fall = f"{percent(s.baseline_accuracy)} → {percent(s.accuracy)}"
        yield text(PANEL, y + 50, fall, colour=colours.ink, size=44, bold=True)
        yield text(PANEL, y + 84, _change(s), colour=colours.ink, size=SMALL)
        y += 130
    if said.held_out is not None:
        n = " + ".join(f"{s.n:,}" for s in said.held_out)
        words = shortened(f"Held-out half, {n} questions", SMALL, across, bold=True)
        yield text(PANEL, y, words, colour=colours.ink, size=SMALL, bold=True)
        for s in said.held_out:
            y += 34
            yield text(PANEL, y, s.role, colour=colours.of(s.role), size=SMALL)
            yield text(PANEL + 85, y, _change(s), colour=colours.ink, size=SMALL)


def _change(s: SetResult) -> str:
    return points(s.change_pp, s.ci_low_pp, s.ci_high_pp)


LEGEND = "Hollow: without. Filled: with. Band and brackets: 95 % interval of the change, in points."


def _foot(said: Facts, colours: Colours) -> Iterator[str]:
    across = RIGHT - LEFT
    yield text(LEFT, BOTTOM + 64, LEGEND, colour=colours.quiet, size=SMALL)
    yield line(LEFT, 806, RIGHT, 806, colours.rule, 1.5)
    made = shortened(f"{said.model} · {said.sae} · {said.precision}", SMALL, across)
    yield text(LEFT, 840, made, colour=colours.quiet, size=SMALL)
    yield text(RIGHT, 874, "Clampboard", "end", colours.quiet, SMALL)
    if said.link:
        link = shortened(said.link, SMALL, across - width("Clampboard", SMALL) - 40)
        yield text(LEFT, 874, link, colour=colours.quiet, size=SMALL)
