"""Text as tokens: lit by activations, or to pick from."""
