"""A real server on the demo, and Chromium to look at it with."""

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.app import running
from tests.browser.board import WAIT_MS

# What has not come by then will not come; how quick a page is, is no test's question.
expect.set_options(timeout=WAIT_MS)

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="session")
def server(demo):
    """The app with the demo prepared."""
    with running({**os.environ, "CLAMPBOARD_SETUP": "demo"}) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the browser journey was not taken")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    yield page
    page.close()
