"""What was found in the demo comes back: by a dot, a reload, a link, and an exported file."""

import contextlib
import json
import re
import urllib.parse

import pytest
from playwright.sync_api import TimeoutError, expect

from backend.__main__ import main
from backend.interventions.method import setting_of
from tests.browser.board import WAIT_MS, figures, settled

pytestmark = [pytest.mark.browser, pytest.mark.demo]
FIRST, SECOND = "2187:-150", "2187:-300,!10:-5"


def shows(page, evaluation):
    for row, s in zip(figures(page), evaluation.sets, strict=True):
        assert f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %" in row


def opened(page, option):
    """The option, once the list it is in stands open: drawing the page anew closes the list."""
    for _ in range(20):
        # By keyboard: a click that has to scroll first closes the list again.
        page.get_by_role("combobox", name=re.compile("Go back to")).focus()
        page.keyboard.press("ArrowDown")
        with contextlib.suppress(TimeoutError):
            option.wait_for(timeout=3_000)
            break
    return option


def test_back_to_a_setting_and_forth_by_keyboard(server, page, demo):
    first, second = (demo.evaluate(setting_of([(2187, value)])) for value in (-150.0, -300.0))
    page.goto(f"{server}/?clamps={FIRST}")
    shows(page, first)
    page.goto(f"{server}/?clamps={SECOND}")
    shows(page, second)
    settled(page)
    called = demo.name_of(first.setting)
    of_first = page.get_by_role("option", name=re.compile(f"^{re.escape(called)}")).first
    expect(opened(page, of_first)).to_be_visible()
    of_first.click()
    expect(page).to_have_url(re.compile(re.escape(urllib.parse.quote("2187:-150"))))
    shows(page, first)
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("Control+z")
    expect(page).to_have_url(re.compile(re.escape(urllib.parse.quote("2187:-300"))))
    shows(page, second)
    expect(page.get_by_text("1 on, 1 off")).to_be_visible()
    page.keyboard.press("Control+Shift+z")
    expect(page).to_have_url(re.compile(re.escape(urllib.parse.quote("2187:-150"))))
    page.reload()
    shows(page, first)


def test_a_dot_brings_its_setting_back(server, page, demo):
    wanted = demo.preset("forget-biology")
    demo.evaluate(wanted)
    page.goto(f"{server}/?clamps={FIRST}")
    figures(page)
    settled(page)
    dot = page.locator(f'path[aria-label*="setting: {demo.name_of(wanted)};"]').first
    dot.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    dot.click(force=True)  # another mark may lie over it
    expect(page.get_by_text(re.compile("30 clamped after block"))).to_be_visible()
    shows(page, demo.evaluate(wanted))


def test_a_link_in_a_second_session_shows_the_same(server, browser, page, demo):
    page.goto(f"{server}/?clamps={SECOND}&half=held-out")
    mine = figures(page)
    with browser.new_context(viewport=page.viewport_size) as other:
        second = other.new_page()
        second.goto(page.url)
        assert figures(second) == mine
    held_out = demo.restrict(demo.evaluate(setting_of([(2187, -300.0)])), demo.half("held-out"))
    shows(page, held_out)


def test_an_exported_file_runs_again_and_opens_in_another_session(
    server, browser, page, tmp_path, capsys
):
    page.goto(f"{server}/?clamps={SECOND}")
    mine = figures(page)
    page.get_by_role("button", name="Share", exact=True).click()
    with page.expect_download(timeout=WAIT_MS) as download:
        page.get_by_role("button", name="Everything in one file").click()
    file = tmp_path / "run.json"
    download.value.save_as(file)
    assert main(["evaluate", "--from", str(file), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["same"]
    assert value["differences"] == []
    assert value["clamps"] == "2187:-300"
    for row, s in zip(mine, value["sets"], strict=True):
        assert f"{100 * s['accuracy']:.1f} %" in row
    with browser.new_context(viewport=page.viewport_size) as other:
        second = other.new_page()
        second.goto(server)
        figures(second)
        second.get_by_test_id("stPopoverButton").filter(has_text="Open").click()
        second.locator("input[type=file]").set_input_files(file)
        expect(second.get_by_text(re.compile("The same figures as in the file"))).to_be_visible()
        expect(second.get_by_text("1 on, 1 off")).to_be_visible()
        assert figures(second) == mine
