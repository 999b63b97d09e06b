"""The server: where it listens, by which names, and who may come in."""
