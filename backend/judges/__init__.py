"""Judges from outside: other people's evaluations, run on the clamped model.

What they need is in requirements-judges.txt; nothing else needs it.
"""

INSTALL = ".venv/bin/pip install --no-deps -r backend/judges/requirements-judges.txt"
