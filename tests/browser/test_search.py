"""Finding features: a slip forgiven, filters, a text of one's own, several to the clamp page."""

import re

import pytest
from playwright.sync_api import Page, expect

from backend.features.finding import Filters, find
from backend.reading.own_text import firing, read_text
from tests.browser.board import WAIT_MS, feature_list

pytestmark = [pytest.mark.browser, pytest.mark.demo]
TEXT = "The heart pumps blood through the arteries."


def listed(page: Page, words: str) -> None:
    expect(page.get_by_text(re.compile(words)).first).to_be_visible(timeout=WAIT_MS)


def select_rows(page: Page, n: int) -> None:
    for row in range(n):
        feature_list(page).click(position={"x": 16, "y": 52 + 35 * row})
        listed(page, rf"Clamp selected \({row + 1}\)")


def test_search_filter_read_and_clamp_several(server, page, demo):
    page.goto(f"{server}/search")
    box = page.get_by_role("textbox", name="Keywords")
    box.fill("virsu", timeout=WAIT_MS)
    box.press("Enter")
    listed(page, "Read as: virus")
    filters = page.get_by_role("button", name="Filters")
    # the former run's is there until this one has ended
    expect(filters).to_have_count(1, timeout=WAIT_MS)
    filters.click()
    page.get_by_text("Has a label").click()
    page.keyboard.press("Escape")
    hits = demo.atlas.search("virsu").hits
    found = find(demo.atlas.table, hits=hits, filters=Filters(labelled=True))
    mine = found["feature"].tolist()
    listed(page, rf"{len(mine)} features, ranked by relevance; labelled")
    select_rows(page, 1)
    page.get_by_role("button", name="Open feature").click()
    expect(page.get_by_role("heading", name=f"Feature {mine[0]}")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("link", name="Search").first.click()
    listed(page, rf"{len(mine)} features, ranked by relevance; labelled")
    select_rows(page, 2)
    page.get_by_role("button", name="Clamp selected (2)").click()
    listed(page, "2 clamped after block")
    expect(page).to_have_url(re.compile(rf"clamps=.*{mine[0]}.*{mine[1]}"), timeout=WAIT_MS)


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
    select_rows(page, 1)
    page.get_by_role("button", name="Open feature").click()
    expect(page.get_by_role("heading", name=f"Feature {features[0]}")).to_be_visible(
        timeout=WAIT_MS
    )


def test_rows_can_be_selected_with_the_keyboard(server, page, demo):
    page.goto(f"{server}/search")
    listed(page, "features, ranked by selectivity")
    feature_list(page).click(position={"x": 300, "y": 52})
    page.keyboard.press("Shift+Space")
    listed(page, r"Clamp selected \(1\)")
