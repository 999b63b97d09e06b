"""The board for a room: two big numbers, one slider, and keys that step through settings."""
