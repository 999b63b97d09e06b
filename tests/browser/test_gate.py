"""The gate's handle: counts move with it, the board follows when it is let go."""

import re

import pytest
from playwright.sync_api import expect

from backend.interventions.method import Gate, Method, setting_of
from tests.browser.board import figures

pytestmark = [pytest.mark.browser, pytest.mark.demo]
FEATURE = 2187
TAU = "Tau: the gate opens above it"


def test_counts_follow_the_handle_at_once_and_the_board_when_it_is_let_go(server, page, demo):
    page.goto(f"{server}/?clamps={FEATURE}:-290&method=rho:0.05")
    before = figures(page)
    handle = page.get_by_role("slider", name=TAU)
    counts = page.locator("p[aria-live=polite]")
    tau = float(handle.input_value())
    step = float(handle.get_attribute("step"))
    for _ in range(3):
        handle.press("ArrowRight")
        tau = round(tau + step, 6)
        setting = setting_of([(FEATURE, -290.0)], Method(gate=Gate("rho", tau)))
        opened = demo.opening(setting).rows > 0
        forget, retain = (int(opened[demo.sets.role(r)].sum()) for r in ("forget", "retain"))
        said = counts.inner_text()
        assert f"Open on {forget} of 270" in said
        assert f", {retain} of 272" in said
    expect(page).to_have_url(re.compile(f"method=rho%3A{tau:g}"))
    rows = figures(page)
    for shown, s in zip(rows, demo.evaluate(setting, listed=False).sets, strict=True):
        assert f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %" in shown
    page.keyboard.press("Control+z")
    expect(page).to_have_url(re.compile("method=rho%3A0.05$"))
    assert figures(page) == before
    expect(handle).to_have_value("0.05")
