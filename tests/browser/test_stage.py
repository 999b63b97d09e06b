"""The stage before a room: it fits a projector, can be read from the back, and obeys keys."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.board import complete, settled

pytestmark = [pytest.mark.browser, pytest.mark.demo]
SIZES = """() => {
  const px = (selector) => Math.min(...[...document.querySelectorAll(selector)].map(
    (e) => parseFloat(getComputedStyle(e).fontSize)));
  const main = document.querySelector('[data-testid="stMain"]');
  const svg = document.querySelector('[data-testid="stVegaLiteChart"] svg');
  const drawn = svg.getBoundingClientRect().width / parseFloat(svg.getAttribute("width"));
  return {
    number: px(".stage-number"), sentence: px(".stage-sentence"),
    chart: drawn * px('[data-testid="stVegaLiteChart"] svg text'),
    scrolls: main.scrollHeight > main.clientHeight || main.scrollWidth > main.clientWidth
      || document.documentElement.scrollHeight > innerHeight,
  };
}"""


def ready(page):
    expect(page.locator(".stage-final")).to_be_visible()
    settled(page)
    # the browser draws the chart after the script has ended
    expect(page.locator('[data-testid="stVegaLiteChart"] svg text').first).to_be_visible()


def test_it_fits_is_large_and_is_led_by_keys(server, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{server}/stage?clamps=2187:-150")
    ready(page)
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    sizes = page.evaluate(SIZES)
    assert not sizes["scrolls"]
    assert sizes["number"] >= 96
    assert sizes["sentence"] >= 28
    assert sizes["chart"] >= 18

    expect(page.get_by_text(re.compile(r"^1 of \d+$"))).to_be_visible()
    slider = page.get_by_role("slider", name=re.compile("^Master"))
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("master=1.05"))
    expect(page.get_by_text(re.compile(r"^1 of \d+$"))).to_be_visible()
    slider.press("PageDown")
    expect(page.get_by_text(re.compile(r"^2 of \d+$"))).to_be_visible()
    expect(page).not_to_have_url(re.compile("master|2187%3A-150(?!\\d)"))
    ready(page)
    assert not page.evaluate(SIZES)["scrolls"]
    stepped = page.url.split("?")[1]

    page.keyboard.press("Escape")
    expect(page.locator("h1")).to_have_text("Clamp")
    complete(page)
    assert page.url.split("?")[1] == stepped
    page.close()
