"""Texts the model writes: how each next token is chosen, and two of them side by side."""
