"""The questions behind the figures: their table, and one as the model sees it."""
