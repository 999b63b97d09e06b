"""The server: where it listens, under which names, and who may come in."""
