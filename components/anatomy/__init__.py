"""One question taken apart: its answer along a strength, and which features made it."""
