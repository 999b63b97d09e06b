"""The verdict's words and its scale."""

from backend.evaluation.light import Light
from backend.experiments.damage import Damage, Sign
from backend.experiments.verdict import Verdict
from components.figures.verdict import damage_html, verdict_html

DAMAGE = Damage((Sign("text", 0.2, "text <b> costs little"), Sign("length", 0.6, "long")), ())
VERDICT = Verdict("It <falls>.", "Held-out half: as well.", DAMAGE, (Light("a", True, "", "", ""),))


def test_the_sentence_comes_with_the_held_out_half_and_the_rivals_and_is_escaped():
    markup = verdict_html(VERDICT, "RMU forgets more.")
    assert "It &lt;falls&gt;.<small>Held-out half: as well. RMU forgets more.</small>" in markup
    assert "damage" in markup


def test_the_dot_stands_at_the_mean_and_a_mark_at_each_sign():
    markup = damage_html(DAMAGE)
    assert '<b style="left:40%">' in markup
    assert '<i style="left:20%" title="text &lt;b&gt; costs little">' in markup
    assert '<i style="left:60%"' in markup
    assert 'aria-label="More these features than damage.' in markup


def test_where_nothing_acts_there_is_no_scale():
    assert '<div class="damage"' not in verdict_html(VERDICT._replace(damage=None))
