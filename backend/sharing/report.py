"""One page for a collaborator without this program: settings, figures, charts, caveats; nothing in
it is fetched from anywhere.
"""

import html
import time
from collections.abc import Sequence
from typing import Any

from backend.engine.engine import Engine
from backend.evaluation.answers import gate_figures, gate_line
from backend.evaluation.evaluate import Evaluation, SetResult
from backend.evaluation.light import Light
from backend.evaluation.results import Run
from backend.experiments.controls import finished_controls
from backend.experiments.effects import compared, control_effect, own_effect
from backend.experiments.text_loss import in_words as loss_in_words
from backend.experiments.text_loss import text_loss
from backend.interventions.board import board_of, write_link
from backend.interventions.method import flags, in_words
from backend.interventions.rival import ABOUT as ABOUT_KIND
from backend.interventions.rival import PUSHED, TITLES, Rival
from backend.interventions.rival import flags as rival_flags
from backend.interventions.rival import in_words as rival_in_words
from backend.sharing.identity import identity
from backend.sharing.svg import dumbbell_svg, trials_svg
from backend.wording import always_signed, percent, with_minus

MOST_FEATURES = 60
STYLE = """
body{font:14px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:760px;
  margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .3rem} h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-top:1px solid #ddd;vertical-align:top}
th{border-top:0} small,.grey{color:#555} .num{text-align:right} ul{padding-left:1.2rem}
code{font-size:.85em;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f4;padding:.6rem}
@media print{body{margin:0;max-width:none;font-size:11px} h2{break-after:avoid}
  table,svg,li{break-inside:avoid}}
"""
CAVEATS = (
    "Multiple choice alone overstates forgetting: the model may still say in free text what it no "
    "longer picks.",
    "The 95 % intervals are of the paired change over these questions; they say nothing of other "
    "questions, prompts or languages.",
    "Features and strengths tuned on the questions reported here flatter; the held-out half, where "
    "given, was not looked at by the presets that say so.",
)

HOOK = "A clamp is a hook, not a deletion: take it away and the model knows everything again."
WEIGHTS = (
    "RMU steers the residual of a layer along one direction drawn at random: what is no longer "
    "picked may still be known, and training on other text may bring it back."
)
ASKED = "A prompt asks the model not to say what it knows: that is another answer, not forgetting."


def caveats(rival: Rival | None) -> tuple[str, ...]:
    """What to keep in mind; the first is of what acts."""
    if rival is None:
        return HOOK, *CAVEATS
    first = {"rmu": WEIGHTS, "prompt": ASKED}.get(rival.kind)
    return CAVEATS if first is None else (first, *CAVEATS)


def report(engine: Engine, evaluation: Evaluation) -> str:
    """The page as HTML. `evaluation` is complete and over all questions."""
    clamps, method, rival = evaluation.setting
    run = engine.results.read(evaluation.setting)
    run = run or Run(clamps, [], evaluation.seconds, time.time(), method=method, rival=rival)
    trials = engine.history.trials()
    held_out = engine.restrict(evaluation, engine.half("held-out"))
    checks = engine.lights(evaluation)
    preset = engine.preset_titles.get(evaluation.setting)
    acting = f"{len(clamps)} features clamped" if rival is None else rival_in_words(rival)
    by = "clamps" if rival is None else TITLES[rival.kind]
    title = run.name or preset or acting
    title += f" ({said})" if (said := in_words(method)) and not preset else ""
    day = time.strftime("%Y-%m-%d", time.localtime(run.when))
    pairs = write_link(board_of(clamps)).get("clamps", "")
    asked = f' --clamps "{pairs}"{flags(method)}' if rival is None else rival_flags(rival)
    sections = [
        f"<h1>{_(title)}</h1><p class=grey>{_(engine.setup.title)} · {day} · Clampboard report</p>",
        _written("Expected, written before it ran", run.hypothesis) + _written("Note", run.note),
        "<h2>What the model still knows</h2>",
        sets_table(evaluation.sets),
        dumbbell_svg(evaluation.sets),
        f"<p class=grey>Hollow: without {by}. Filled: with {by}. Band: 95 % interval of the "
        "change.</p>",
        _loss(engine, evaluation),
        "<h2>The held-out half alone</h2>",
        sets_table(held_out.sets),
        "<h2>Checks</h2><ul>",
        *(check_item(light) for light in checks),
        "</ul>",
        _controls(engine, evaluation) if rival is None else "",
        "<h2>Settings</h2>",
        _setup(engine, rival),
        _features(engine, evaluation) if rival is None else _rival(engine, rival),
        _method(engine, evaluation),
        f"<h2>Every setting tried so far: {len(trials)}</h2>",
        trials_svg(trials, run.id, engine.history.baseline()[1]),
        f"<p class=grey>Each dot is one setting over all {engine.n_questions:,} questions, with "
        "95 % intervals; filled is the one of this report. Choosing the best of many dots flatters "
        "it.</p>",
        "<h2>What to keep in mind</h2><ul>",
        *(f"<li>{_(caveat)}</li>" for caveat in caveats(rival)),
        "</ul>",
        "<h2>Run it again</h2>",
        f"<pre>python -m backend evaluate {_(engine.setup.name)}{_(asked)}</pre>",
        _hashes(engine, rival),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{_(title)}</title><style>{STYLE}</style></head>'
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _(text: Any) -> str:
    return html.escape(str(text))


def _written(what: str, text: str) -> str:
    return f"<p><b>{what}.</b> {_(text)}</p>" if text else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    return (
        "<table><thead><tr>"
        + "".join(f'<th scope="col">{cell}</th>' for cell in head)
        + "</tr></thead><tbody>"
        + "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        + "</tbody></table>"
    )


def sets_table(sets: Sequence[SetResult]) -> str:
    """Every set without and with what acts, as HTML."""
    head = ("Set", "n", "Without → with", "Change, 95 % interval", "Lost", "Gained", "p")
    return _table(head, [_board_row(s) for s in sets])


def _board_row(s: SetResult) -> Sequence[str]:
    doubt = "; inconclusive: without clamps it may be guessing" if s.inconclusive else ""
    change = "no answer changed" if s.lost + s.gained == 0 else _change(s, bold=True)
    return (
        f"{_(s.title)}<br><small>{s.role}{doubt}</small>",
        f"{s.n}<br><small>{s.n_affected} touched</small>",
        f"{percent(s.baseline_accuracy)} → <b>{percent(s.accuracy)}</b>",
        change,
        str(s.lost),
        str(s.gained),
        f"{s.p_value:.2g}",
    )


def _change(s: SetResult, bold: bool = False) -> str:
    points = f"{always_signed(s.change_pp)} pp"
    interval = f"[{always_signed(s.ci_low_pp)}, {always_signed(s.ci_high_pp)}]"
    return f"<b>{points}</b> {interval}" if bold else f"{points} {interval}"


def _loss(engine: Engine, evaluation: Evaluation) -> str:
    loss = text_loss(engine, evaluation.setting)
    return "" if loss is None else f"<p>{_(loss_in_words(loss).strip())}.</p>"


def _controls(engine: Engine, evaluation: Evaluation) -> str:
    """Of those that were run; the report runs none."""
    head = "<h2>Is it these features, or damage?</h2>"
    if not evaluation.clamps:
        return f"{head}<p>No clamp.</p>"
    finished = [
        control_effect(control, result)
        for control, result in finished_controls(engine, evaluation.setting)
        if result is not None
    ]
    if not finished:
        return (
            f"{head}<p>The controls were not run: the same push on random features and along other "
            "directions.</p>"
        )
    own = own_effect(evaluation)
    rows = [(_(e.name), _change(e.forget), _change(e.retain)) for e in (own, *finished)]
    table = _table(("Clamp", "Forget sets", "Retain sets"), rows)
    return f"{head}<p>{_(compared(own, finished))}</p>{table}"


def check_item(light: Light) -> str:
    """An item of a list, as HTML; what to do where it says to look."""
    more = f" {_(light.meaning)} {_(light.advice)}" if light.ok is False else ""
    word = {True: "Fine", False: "Look", None: "Not run"}[light.ok]
    return f"<li><b>{word}: {_(light.name)}.</b> {_(light.finding)}{more}</li>"


def _setup(engine: Engine, rival: Rival | None) -> str:
    setup = engine.setup
    sae = (
        f", SAE {_(engine.sae.title)} with {engine.d_sae:,} features at"
        f" <code>{_(engine.sae.hook_name)}</code>"
    )
    untouched = _(", ".join(setup.untouched) or "none")
    acts = ""
    if rival is None:
        acts = (
            f"; no clamp touches these positions: {untouched}. At every other token where a "
            "clamped feature fires it is set to the value below; the rest of the residual stream, "
            "the SAE's error included, stays as it is. "
            f"{_(engine.sae.used_elsewhere(setup.model.name))}"
        )
    elif rival.kind in PUSHED:
        acts = f"; the direction leaves these positions alone: {untouched}."
    return (
        f"<p>{_(setup.model.name)}{sae}; {engine.dtype} on {engine.device}; "
        f"{_(setup.scoring)} scoring{acts or '.'}</p>"
    )


def _method(engine: Engine, evaluation: Evaluation) -> str:
    """When the clamps act and what they write; nothing for the paper's own way."""
    said = in_words(evaluation.setting.method)
    opened = engine.opening(evaluation.setting)
    counts = f" {_(gate_line(gate_figures(engine.sets, opened)).strip())}." if opened else ""
    return f"<p>When they act: {_(said)}.{counts}</p>" if said else ""


def _features(engine: Engine, evaluation: Evaluation) -> str:
    if not evaluation.clamps:
        return "<p>No clamp.</p>"
    rows = []
    for clamp in evaluation.clamps[:MOST_FEATURES]:
        about = engine.atlas.about(clamp.feature)
        multiple = f"{always_signed(clamp.value / about['max_act'])}x" if about["max_act"] else ""
        rows.append(
            (
                str(clamp.feature),
                _(engine.atlas.name(clamp.feature)),
                with_minus(f"{clamp.value:g}"),
                multiple,
                f"{about['fires_forget']} / {about['fires_retain']}",
            )
        )
    fires = "Fires on forget / retain questions"
    table = _table(("#", "Label (or words)", "Value", "of its maximum", fires), rows)
    more = len(evaluation.clamps) - MOST_FEATURES
    tail = f"<p class=grey>and {more} more: see the command below.</p>" if more > 0 else ""
    return table + tail


def _rival(engine: Engine, rival: Rival) -> str:
    """What stands in the place of clamps."""
    said = ABOUT_KIND[rival.kind]
    if rival.kind == "prompt":
        return f"<p>{_(said)}</p><blockquote>{_(rival.of)}</blockquote>"
    recipes = [t.recipe.in_words for t in engine.rivals.trained() if t.name == rival.of]
    return f"<p>{_(rival_in_words(rival))}: {_(said)}{_(''.join(f' {r}.' for r in recipes))}</p>"


def _hashes(engine: Engine, rival: Rival | None) -> str:
    named = [
        f"{_(what)} <code>{_(value[:12] if len(value) == 64 else value)}</code>"
        for what, value in identity(engine, rival).items()
    ]
    return f"<p class=grey>Figures depend on: {'; '.join(named)}.</p>"
