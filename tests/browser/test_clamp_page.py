"""From a cold start to a verdict, at three widths; and on from where one left off."""

import re

import pytest
from playwright.sync_api import expect

from backend.experiments.verdict import verdict
from tests.browser.board import WAIT_MS, complete, figures, settled

pytestmark = [pytest.mark.browser, pytest.mark.demo]
SIDEWAYS = """() => {
  const main = document.querySelector('[data-testid="stMain"]')
  return document.scrollingElement.scrollWidth > innerWidth || main.scrollWidth > main.clientWidth
}"""
SAID = re.compile("^Biology quiz falls from")


def ready(page):
    complete(page)
    settled(page)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (900, 900), (390, 844)])
def test_one_click_from_a_cold_start_to_the_verdict(server, browser, demo, width, height):
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(server)
    page.get_by_role("button", name="Forget biology", exact=True).click(timeout=WAIT_MS)
    said = page.locator(".verdict").get_by_text(SAID)
    expect(said).to_be_visible()
    ready(page)
    found = verdict(demo, demo.evaluate(demo.preset("forget-biology")))
    # What random features do is known or not, by what ran before.
    assert said.inner_text().startswith(found.sentence.split(";")[0].rstrip("."))
    assert found.held_out in page.locator(".verdict small").inner_text()
    assert page.locator(".damage").get_attribute("aria-label").startswith(("More", "These", "Gen"))
    strip = page.locator(".phone-strip")
    assert strip.is_visible() == (width < 640)
    if width < 640:
        assert strip.locator("b").count() == 3
    assert not page.evaluate(SIDEWAYS)
    title = page.title()
    assert title.startswith("Clamp")
    page.close()


def test_what_was_left_off_is_offered_and_a_short_link_opens_the_same(server, browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{server}/?clamps=2187:-150")
    ready(page)
    there = figures(page)

    page.get_by_role("button", name="Share").click()
    short = page.get_by_text(re.compile(r"\?saved=[a-z2-7]{10}$")).first
    expect(short).to_be_visible()
    address = short.inner_text()

    page.goto(server)
    page.get_by_role("button", name=re.compile("Continue where you left off")).click(
        timeout=WAIT_MS
    )
    expect(page).to_have_url(re.compile("2187%3A-150"))
    ready(page)
    assert figures(page) == there

    stranger = browser.new_context(viewport=page.viewport_size).new_page()
    stranger.goto(address)
    ready(stranger)
    assert figures(stranger) == there
    assert "2187%3A-150" in stranger.url
    stranger.goto(server)
    expect(stranger.get_by_role("button", name="Forget biology", exact=True)).to_be_visible()
    stranger.context.close()
    context.close()


def test_stage_is_asked_for_by_the_address_as_well(server, page):
    page.goto(f"{server}/?stage=1&clamps=2187:-150")
    expect(page.locator(".stage-number").first).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
