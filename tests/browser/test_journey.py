"""One journey through the demo: search, read, clamp, see the board change, reload."""

import json
import re
import urllib.parse

import pytest
from playwright.sync_api import expect

from backend.__main__ import main
from backend.interventions.clamps import parse_clamps
from backend.interventions.method import setting_of
from tests.browser.board import feature_heading, feature_list, figures

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def test_search_read_clamp_reload(server, page, demo, capsys):
    page.goto(server)
    before = figures(page)
    page.get_by_role("link", name="Search").first.click()
    page.get_by_role("textbox", name="Keywords").fill("virus")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"\d+ features, ranked by relevance"))).to_be_visible()
    first = int(demo.atlas.search("virus").hits["feature"].iloc[0])
    feature_list(page).get_by_role("row").nth(1).click()
    expect(feature_heading(page, first)).to_be_visible()
    expect(page.get_by_role("heading", name="Top examples")).to_be_visible()
    page.get_by_role("button", name="Clamp this").click()
    expect(page.get_by_text(re.compile("1 clamped after block"))).to_be_visible()
    slider = page.get_by_role("slider", name=f"feature {first}:")
    for key in ("PageDown", "Home"):
        expect(page).to_have_url(re.compile("clamps="))
        there = page.url
        slider.press(key)
        expect(page).not_to_have_url(there)
    after = figures(page)
    assert after != before
    address = page.url
    page.reload()
    assert figures(page) == after
    assert page.url == address
    clamps = re.search(r"clamps=([^&]*)", urllib.parse.unquote(address))[1]
    assert main(["evaluate", "demo", "--clamps", clamps, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    for shown, said in zip(after, value["sets"], strict=True):
        assert f"{100 * said['baseline_accuracy']:.1f} % → {100 * said['accuracy']:.1f} %" in shown


def test_two_sessions_do_not_see_each_others_numbers(server, browser, demo):
    features = [int(clamp.feature) for clamp in demo.preset("forget-biology").clamps[:2]]
    wanted = [f"{features[0]}:-150", f"{features[1]}:-250"]
    pages = [browser.new_context().new_page() for _ in wanted]
    for page, clamps in zip(pages, wanted, strict=True):
        page.goto(f"{server}/?clamps={clamps}")
    for page, clamps in zip(pages, wanted, strict=True):
        shown = figures(page)
        for row, s in zip(shown, demo.evaluate(setting_of(parse_clamps(clamps))).sets, strict=True):
            assert f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %" in row
        page.context.close()


def test_a_bad_link_is_said_and_loses_nothing(server, page):
    page.goto(f"{server}/?clamps=abc")
    expect(page.get_by_text(re.compile("link's clamps cannot be read"))).to_be_visible()
    figures(page)
