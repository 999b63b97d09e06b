"""Finding features: a slip forgiven, a number, filters, a text of one's own; a click opens one,
ticks bring several to the clamp page, one press of Back leads back.
"""

import re

import pytest
from playwright.sync_api import Page, expect

from backend.features.finding import Filters, find
from backend.reading.own_text import firing, read_text
from tests.browser.board import WAIT_MS, feature_heading, feature_list, settled

pytestmark = [pytest.mark.browser, pytest.mark.demo]
TEXT = "The heart pumps blood through the arteries."
LONG = 919
"""A feature with a long name, which fires seldom: its curve is soon drawn."""


def listed(page: Page, words: str) -> None:
    expect(page.get_by_text(re.compile(words)).first).to_be_visible()


def tick(page: Page, *features: int) -> None:
    for n, feature in enumerate(features, 1):
        feature_list(page).get_by_role("checkbox", name=f"Choose feature {feature}").check()
        listed(page, rf"Clamp selected \({n}\)")


def opens(page: Page, feature: int) -> None:
    """A click beside the link, on the text, opens the row's feature."""
    feature_list(page).locator(f'.row:has([data-feature="{feature}"]) .snippet').click()
    expect(feature_heading(page, feature)).to_be_visible()


def test_search_filter_read_and_clamp_several(server, page, demo):
    page.goto(f"{server}/search")
    box = page.get_by_role("textbox", name="Keywords")
    box.fill("virsu", timeout=WAIT_MS)
    box.press("Enter")
    listed(page, "Read as: virus")
    filters = page.get_by_role("button", name="Filters")
    # the former run's is there until this one has ended
    expect(filters).to_have_count(1)
    filters.click()
    page.get_by_text("Has a label").click()
    page.keyboard.press("Escape")
    hits = demo.atlas.search("virsu").hits
    found = find(demo.atlas.table, hits=hits, filters=Filters(labelled=True))
    mine = found["feature"].tolist()
    listed(page, rf"{len(mine)} features, ranked by relevance.*; labelled")
    opens(page, mine[0])
    expect(page).to_have_url(re.compile(rf"/feature\?.*feature={mine[0]}$"))
    page.go_back()
    listed(page, rf"{len(mine)} features, ranked by relevance.*; labelled")
    tick(page, *mine[:2])
    page.get_by_role("button", name="Clamp selected (2)").click()
    listed(page, "2 clamped after block")
    expect(page).to_have_url(re.compile(rf"clamps=.*{mine[0]}.*{mine[1]}"))


def test_a_text_of_ones_own_is_read_and_ranked_at_picked_tokens(server, page, demo):
    page.goto(f"{server}/search")
    page.get_by_text("Or by a text they fire on").click(timeout=WAIT_MS)
    box = page.get_by_role("textbox", name="Your text")
    box.fill(TEXT)
    box.press("Control+Enter")
    read = read_text(demo, TEXT)
    listed(page, f"{len(read.tokens)} tokens")
    heart, pumps = (read.tokens.index(word) for word in (" heart", " pumps"))
    page.get_by_role("button", name=re.compile("^heart:")).click()
    listed(page, "Ranked at: ' heart'")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    listed(page, "Ranked at: ' heart', ' pumps'")
    features = firing(read, demo.atlas.table, [heart, pumps])["feature"].tolist()
    listed(page, rf"{len(features):,} features, ranked by relevance")
    ordered = find(demo.atlas.table, on_text=firing(read, demo.atlas.table, [heart, pumps]))
    opens(page, int(ordered["feature"][0]))


def test_the_keyboard_moves_selects_and_opens(server, page, demo):
    page.goto(f"{server}/search")
    listed(page, "features, ranked by selectivity")
    first, second = find(demo.atlas.table)["feature"].head(2).tolist()
    feature_list(page).get_by_role("link").first.focus()
    page.keyboard.press("Space")
    listed(page, r"Clamp selected \(1\)")
    expect(page.get_by_role("checkbox", name=f"Choose feature {first}")).to_be_checked()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(feature_heading(page, second)).to_be_visible()


def test_back_and_forward_follow_the_features_that_were_read(server, page):
    page.goto(f"{server}/search")
    box = page.get_by_role("textbox", name="Keywords")
    box.fill("#2187", timeout=WAIT_MS)
    box.press("Enter")
    opens(page, 2187)
    expect(page).to_have_url(re.compile("feature=2187$"))
    page.get_by_role("button", name="Next").click()
    expect(feature_heading(page, 2188)).to_be_visible()
    expect(page).to_have_url(re.compile("feature=2188$"))
    settled(page)
    page.go_back()
    expect(feature_heading(page, 2187)).to_be_visible()
    page.go_forward()
    expect(feature_heading(page, 2188)).to_be_visible()
    page.go_back()
    expect(feature_heading(page, 2187)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Find features")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 900, 390])
def test_both_pages_are_whole_at_every_width(server, page, width):
    """Nothing has to be scrolled sideways to, and no label is cut."""
    page.set_viewport_size({"width": width, "height": 900})
    for path, ready in (("search", ".fl a"), (f"feature?feature={LONG}", ".tv-row")):
        page.goto(f"{server}/{path}")
        expect(page.locator(ready).first).to_be_visible()
        settled(page)
        wide = "e => e.scrollWidth - e.clientWidth"
        assert page.evaluate(f"({wide})(document.scrollingElement)") <= 0
        assert page.get_by_test_id("stMain").evaluate(wide) <= 0
        for row in page.locator(ready).all()[:20]:
            assert row.evaluate(wide) <= 0


def test_the_head_of_a_feature_is_compact(server, page):
    page.goto(f"{server}/feature?feature={LONG}")
    expect(page.locator(".tv-row").first).to_be_visible()
    settled(page)
    assert page.locator(".st-key-feature_head").bounding_box()["height"] <= 150
