from types import SimpleNamespace

import pytest
import torch

from backend.progress import Progress
from components.progress_bar import left, share_done, show_progress


class Bar:
    """Takes what Streamlit's bar is given."""

    def progress(self, share, text):
        self.shown = share, text


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress("Recording", 1, 4, 1234.4), (0.25, "Recording… · about 1,234 s left")),
        (Progress("Recording", 0, 4, None), (0.0, "Recording…")),
        (Progress("Waiting", 0, 0, None), (0.0, "Waiting…")),
    ],
)
def test_a_bar_says_the_stage_and_the_time_left_where_it_is_known(progress, shown):
    bar = Bar()
    show_progress(bar, progress)
    assert bar.shown == shown


def test_time_that_is_not_known_is_not_spoken_of():
    assert left(None) == ""


def growing(affected, done):
    return SimpleNamespace(affected=torch.tensor(affected), done=torch.tensor(done))


def test_what_is_done_counts_among_the_affected_questions():
    assert share_done(growing([True, True, False], [True, False, False])) == 0.5


def test_where_no_question_is_affected_nothing_is_done():
    assert share_done(growing([False], [False])) == 0.0
