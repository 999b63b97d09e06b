"""Reading the clamp page's board in a browser."""

import re

from playwright.sync_api import Locator, Page, expect

WAIT_MS = 180_000


def complete(page: Page) -> None:
    """The board says that its figures are final."""
    final = re.compile(
        "the others keep their answer bit for bit|questions are touched by"
        "|No clamp is on: this is the model"
    )
    expect(page.get_by_text(final)).to_be_visible()


def figures(page: Page) -> list[str]:
    """The board's rows, once the script has ended.

    Until then the former setting's may stand there, with a caption as final.
    """
    complete(page)
    settled(page)
    rows = page.locator(".board tbody tr")
    expect(rows.first).to_be_visible()
    return rows.all_inner_texts()


def settled(page: Page) -> None:
    """The script has run to its end.

    With the small toolbar there is no status to see; the app's own element has it.
    """
    expect(
        page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')
    ).to_have_count(1)


def feature_list(page: Page) -> Locator:
    """The search page's list, once it is the only one.

    While the page is drawn, former lists stand beside it.
    """
    settled(page)
    listed = page.locator(".fl")
    expect(listed).to_have_count(1)
    return listed


def feature_heading(page: Page, feature: int) -> Locator:
    """The title of a feature's page, its number before what it is called."""
    return page.get_by_role("heading", level=1, name=re.compile(rf"^{feature} · "))
