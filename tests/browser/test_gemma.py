"""The setup gemma-2-2b-it through every page, against a hub on loopback with a tiny model."""

import os
import re

import pytest
from playwright.sync_api import expect

from tests.browser.app import running
from tests.support.gemma import write_hub
from tests.support.hub import serve

pytestmark = [pytest.mark.browser, pytest.mark.demo]
WAIT_MS = 420_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    write_hub(root)
    with serve(root) as hub:
        yield hub


@pytest.fixture(scope="module")
def gemma_server(hub, tmp_path_factory):
    """`make app SETUP=gemma-2-2b-it` without its virtual environment."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HF_HUB_OFFLINE", "HF_TOKEN", "CLAMPBOARD_DATA")
    }
    environment |= {
        "CLAMPBOARD_SETUP": "gemma-2-2b-it",
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home / "hf"),
        "CLAMPBOARD_CACHE": str(home / "cache"),
    }
    with running(environment) as address:
        yield address


def test_gated_first_then_every_page(gemma_server, page, hub):
    hub.gated.add("google/gemma-2-2b-it")
    page.goto(gemma_server)
    said = page.get_by_text(re.compile("The model 'google/gemma-2-2b-it' is gated"))
    expect(said).to_be_visible(timeout=WAIT_MS)
    for words in (f"{hub.address}/google/gemma-2-2b-it", "hf auth login", "HF_TOKEN"):
        expect(said).to_contain_text(words)
    hub.gated.clear()
    page.reload()
    expect(page.get_by_role("heading", name="Clamp", exact=True)).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("google/gemma-2-2b-it").first).to_be_visible()
    page.get_by_role("button", name="Setup").click()
    expect(
        page.get_by_text(
            re.compile("WMDP's bio-retain corpus, in place of bio-forget.* and .*WikiText-2")
        )
    ).to_be_visible()
    page.goto(f"{gemma_server}/?clamps=3:-40,70:-60")
    expect(page.get_by_text(re.compile("the others keep their answer bit for bit"))).to_be_visible(
        timeout=WAIT_MS
    )
    expect(page.get_by_text(re.compile("WikiText-2, validation split"))).to_be_visible(
        timeout=WAIT_MS
    )
    expect(page.get_by_text(re.compile("cross-entropy .* nats a token"))).to_be_visible()
    expect(
        page.get_by_text(
            "The SAE was trained on gemma-2-2b and is used here on google/gemma-2-2b-it."
        )
    ).to_be_visible()
    for title in ("WMDP-Bio", "HS US history", "College biology", "Other biology"):
        expect(page.get_by_role("cell", name=re.compile(title)).first).to_be_visible()
    for link, heading in (("Search", "Find features"), ("Feature", r"\d+ · "), ("Runs", "Runs")):
        page.get_by_role("link", name=link, exact=True).first.click()
        expect(page.get_by_role("heading", name=re.compile(f"^{heading}")).first).to_be_visible(
            timeout=WAIT_MS
        )
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.goto(f"{gemma_server}/feature?feature=3")
    link = page.get_by_role("link", name="Neuronpedia")
    expect(link).to_have_attribute(
        "href", "https://www.neuronpedia.org/gemma-2-2b/7-gemmascope-res-16k/3", timeout=WAIT_MS
    )
