"""The setups of the hub through every page, against a hub on loopback with tiny models."""

import os
import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser.app import running
from tests.browser.board import complete, settled
from tests.support.gemma import write_data_sets, write_hub
from tests.support.hub import serve
from tests.support.scopes import PUBLISHED, write_published

pytestmark = [pytest.mark.browser, pytest.mark.demo]
ASKED = "What does the heart do?"
PAGES = {
    "Search": "Find features",
    "Feature": r"\d+ · ",
    "Question": "Which features did it",
    "Words": "With clamps",
    "Runs": "Runs",
    "Tune": "Tune",
}
"""By what the sidebar calls them: a heading that stands once there is something under it."""


@contextmanager
def opened(setup, root, home):
    """`make app SETUP=...` without its virtual environment, and the hub it asks."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HF_HUB_OFFLINE", "HF_TOKEN", "CLAMPBOARD_DATA")
    }
    with serve(root) as hub:
        environment |= {
            "CLAMPBOARD_SETUP": setup,
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(home / "hf"),
            "CLAMPBOARD_CACHE": str(home / "cache"),
        }
        with running(environment) as address:
            yield address, hub


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_data_sets(root, 2)
    return root / "datasets"


def through_every_page(page, write=False):
    for link, heading in PAGES.items():
        page.get_by_role("link", name=link, exact=True).first.click()
        expect(page.get_by_role("heading", name=re.compile(f"^{heading}")).first).to_be_visible()
        settled(page)
        if write and link == "Words":
            page.get_by_text(ASKED, exact=True).click()
            expect(page.get_by_role("textbox", name="Prompt")).to_have_value(ASKED)
            settled(page)
            page.get_by_role("button", name="Write", exact=True).click()
            ended = re.compile(r"^\d+ tokens, (the length limit|ended by the model)")
            expect(page.get_by_text(ended)).to_have_count(2)
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_gated_first_then_every_page(tmp_path, page):
    write_hub(tmp_path / "hub")
    with opened("gemma-2-2b-it", tmp_path / "hub", tmp_path) as (address, hub):
        hub.gated.add("google/gemma-2-2b-it")
        page.goto(address)
        said = page.get_by_text(re.compile("The model 'google/gemma-2-2b-it' is gated"))
        expect(said).to_be_visible()
        for words in (f"{hub.address}/google/gemma-2-2b-it", "hf auth login", "HF_TOKEN"):
            expect(said).to_contain_text(words)
        hub.gated.clear()
        page.reload()
        expect(page.get_by_role("heading", name="Clamp", exact=True)).to_be_visible()
        expect(page.get_by_text("google/gemma-2-2b-it").first).to_be_visible()
        page.get_by_role("button", name="Setup").click()
        corpora = "WMDP's bio-retain corpus, in place of bio-forget.* and .*WikiText-2"
        expect(page.get_by_text(re.compile(corpora))).to_be_visible()
        page.goto(f"{address}/?clamps=3:-40,70:-60")
        complete(page)
        expect(page.get_by_text(re.compile("WikiText-2, validation split"))).to_be_visible()
        expect(page.get_by_text(re.compile("cross-entropy .* nats a token"))).to_be_visible()
        elsewhere = "The SAE was trained on gemma-2-2b and is used here on google/gemma-2-2b-it."
        expect(page.get_by_text(elsewhere)).to_be_visible()
        for title in ("WMDP-Bio", "HS US history", "College biology", "Other biology"):
            expect(page.get_by_role("cell", name=re.compile(title)).first).to_be_visible()
        through_every_page(page)
        page.goto(f"{address}/feature?feature=3")
        expect(page.get_by_role("link", name="Neuronpedia")).to_have_attribute(
            "href", "https://www.neuronpedia.org/gemma-2-2b/7-gemmascope-res-16k/3"
        )


@pytest.mark.parametrize("setup", PUBLISHED)
def test_a_model_and_the_sae_that_was_trained_on_it(tmp_path, data_sets, page, setup):
    root, published = tmp_path / "hub", PUBLISHED[setup]
    write_published(root, setup)
    (root / "datasets").symlink_to(data_sets)
    with opened(setup, root, tmp_path) as (address, _):
        page.goto(f"{address}/?clamps=3:-4,70:-6")
        complete(page)
        own = page.get_by_text("The SAE was trained on this very model.", exact=True)
        expect(own).to_be_visible()
        blocks = f"after block {published.block + 1} of {published.block + 2}"
        expect(page.get_by_text(re.compile(blocks)).first).to_be_visible()
        page.get_by_role("button", name="Presets").click()
        expect(page.get_by_role("button", name="Starting point", exact=True)).to_be_visible()
        page.keyboard.press("Escape")
        through_every_page(page, write=setup == "gemma-3-4b-it")
        page.goto(f"{address}/feature?feature=3")
        expect(page.get_by_role("heading", name=re.compile("^3 · "))).to_be_visible()
        settled(page)
        link = page.get_by_role("link", name="Neuronpedia")
        if published.page is None:
            expect(link).to_have_count(0)
        else:
            address = f"https://www.neuronpedia.org/{published.page}/3"
            expect(link).to_have_attribute("href", address)
