"""The slider list: sixty stay quick, a new position stops the old run, keys are enough."""

import re
import statistics
import time

import pytest
from playwright.sync_api import Page, expect

from backend.experiments.text_loss import text_loss
from backend.interventions.clamps import Clamp, clamp_set, format_clamps, value_of
from backend.interventions.method import setting_of
from backend.wording import multiple
from tests.browser.board import WAIT_MS, complete, figures, settled

pytestmark = [pytest.mark.browser, pytest.mark.demo]
MOST_ELEMENTS = 1200


def shows(page: Page, evaluation) -> None:
    """The board's first row shows this evaluation."""
    first = evaluation.sets[0]
    expect(page.locator(".board tbody tr").first).to_contain_text(f"{100 * first.accuracy:.1f} %")
    figures(page)


def test_sixty_sliders_redraw_quickly(server, page, demo):
    """Undo and redo between two settings that are known, so that drawing the page is timed.

    The features seldom fire: the settings are known soon.
    """
    table = demo.atlas.table
    fires = (table.max_act > 0) & (table.fires_forget + table.fires_retain > 0)
    rare = (table.forget_density + table.retain_density)[fires].nsmallest(60).index
    clamps = clamp_set((f, value_of(-5, float(table.max_act[f]))) for f in rare)
    for setting in (setting_of(clamps), setting_of(clamps[1:])):
        demo.evaluate(setting)
        text_loss(demo, setting)
    page.goto(f"{server}/?clamps={format_clamps(clamps)}")
    figures(page)
    page.get_by_role("checkbox", name=f"Clamp feature {clamps[0].feature}", exact=True).click()
    expect(page.get_by_text("59 on, 1 off")).to_be_visible()
    figures(page)
    said, times = (re.compile(r"60 clamped after block \d+ of \d+$"), "59 on, 1 off"), []
    for i in range(6):
        start = time.perf_counter()
        page.get_by_role("button", name="Redo" if i % 2 else "Undo").click()
        expect(page.get_by_text(said[i % 2])).to_be_visible()
        complete(page)
        times.append(time.perf_counter() - start)
        settled(page)
    expect(page.locator(".list")).to_have_count(1)
    elements = page.locator(".list *").count()
    print(
        f"\n60 sliders: page redraw {statistics.median(times):.2f} s (median of {len(times)}), "
        f"{elements} elements"
    )
    expect(page.get_by_role("slider")).to_have_count(61)
    assert elements < MOST_ELEMENTS


def preset(page: Page, server: str, demo) -> list[Clamp]:
    """The demo's features from a link, in its order; their rows are there."""
    clamps = list(demo.preset("forget-biology").clamps)
    page.goto(f"{server}/?clamps={format_clamps(clamps)}")
    expect(page.locator(".row")).to_have_count(len(clamps))
    return clamps


CLIPPED = """() => [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot
    ? [...e.shadowRoot.querySelectorAll('.row, .master')] : [])
  .filter(row => {
    const box = row.getBoundingClientRect(), list = row.closest('.sliders').getBoundingClientRect();
    const parts = [...row.querySelectorAll('*')].flatMap(part => [...part.getClientRects()]);
    return row.scrollWidth > row.clientWidth || box.right > list.right + .5
      || list.right > window.innerWidth
      || parts.some(part => part.right > box.right + .5 || part.left < box.left - .5);
  }).map(row => row.innerText)"""
IN_VIEW = """least => {
  const list = [...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('.list'))
    .find(Boolean);
  if (!list) return false;
  list.scrollIntoView({ block: 'center' });
  const box = list.getBoundingClientRect(), end = Math.min(box.bottom, window.innerHeight);
  return [...list.querySelectorAll('.row')].map(row => row.getBoundingClientRect())
    .filter(({ top, bottom }) => top >= box.top && bottom <= end).length >= least;
}"""


def test_twelve_rows_are_in_view_and_none_is_cut_at_any_width(server, page, demo):
    page.set_viewport_size({"width": 1440, "height": 900})
    preset(page, server, demo)
    page.wait_for_function(IN_VIEW, arg=12, timeout=WAIT_MS)
    for width in (1440, 1280, 900, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(500)  # the columns follow the window
        assert page.evaluate(CLIPPED) == [], width


FOCUSED = """(name) => {
  let e = document.activeElement;
  while (e.shadowRoot) e = e.shadowRoot.activeElement;
  return e.getAttribute('aria-label') === name;
}"""


def focused(page: Page, name: str) -> None:
    """The keyboard is at what is called so."""
    page.wait_for_function(FOCUSED, arg=name)


def test_a_row_has_two_tab_stops_and_its_keys_do_the_rest(server, page, demo):
    first, second, *others = preset(page, server, demo)
    n = 2 + len(others)
    names = [demo.atlas.about(clamp.feature)["name"] for clamp in (first, second)]
    ranges = [
        page.get_by_role("slider", name=f"feature {clamp.feature}: {name}", exact=True)
        for clamp, name in zip((first, second), names, strict=True)
    ]
    ranges[0].focus()
    for stop in (f"More for feature {first.feature}", f"feature {second.feature}: {names[1]}"):
        page.keyboard.press("Tab")
        focused(page, stop)
    ranges[0].press("Enter")
    focused(page, f"Exact value of feature {first.feature}")
    page.keyboard.press("Enter")
    focused(page, f"feature {first.feature}: {names[0]}")
    page.keyboard.press("Space")
    expect(page.get_by_text(f"{n - 1} on, 1 off")).to_be_visible()
    page.keyboard.press("Delete")
    focused(page, f"feature {second.feature}: {names[1]}")
    expect(page.get_by_text(re.compile(f"{n - 1} clamped after"))).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.get_by_text(re.compile(rf"\b{n} clamped after"))).to_be_visible()


def test_a_moved_slider_is_reset_to_what_the_link_gave_it(server, page, demo):
    clamp = preset(page, server, demo)[0]
    page.get_by_role("slider", name=f"feature {clamp.feature}:").press("ArrowLeft")
    link = re.compile(re.escape(f"clamps={clamp.feature}%3A{clamp.value:g}%2C"))
    expect(page).not_to_have_url(link)
    page.get_by_role("button", name=f"More for feature {clamp.feature}", exact=True).press("Enter")
    times = round(clamp.value / demo.atlas.about(clamp.feature)["max_act"], 2)
    page.get_by_role("menuitem", name=f"Reset to {multiple(times)}").click()
    expect(page).to_have_url(link)
    box = page.get_by_role("spinbutton", name=f"Exact value of feature {clamp.feature}", exact=True)
    expect(box).to_have_value(f"{times:.2f}")


def test_a_new_position_stops_the_old_run_and_only_its_figures_stay(server, page, demo):
    features = [clamp.feature for clamp in demo.preset("forget-biology").clamps[:20]]
    page.goto(f"{server}/?clamps={','.join(f'{f}:-20.5' for f in features)}")
    expect(page.get_by_text(re.compile("running|being computed")).first).to_be_visible()
    # a list that was replaced stays, hidden, until the run ends
    name = f"Exact value of feature {features[0]}"
    box = page.get_by_role("spinbutton", name=name, exact=True)
    max_act = demo.atlas.about(features[0])["max_act"]
    for times in (-3.5, -7.5):
        box.fill(str(times))
        box.press("Enter")
        link = f"{features[0]}%3A{round(times * max_act, 2):g}"
        expect(page).to_have_url(re.compile(re.escape(link)))
    others = ((f, -20.5) for f in features[1:])
    wanted = demo.evaluate(setting_of([(features[0], round(-7.5 * max_act, 2)), *others]))
    shows(page, wanted)
    for row, s in zip(figures(page), wanted.sets, strict=True):
        assert f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %" in row
    page.keyboard.press("Control+z")
    expect(box.first).to_have_value("-3.50")
