"""What is handed to a worker. Light: a cluster's scheduler imports this module as well."""

from typing import Any

TOPIC = "clampboard"
"""Under which a worker says what it is preparing."""


def run_cell(cell: dict[str, Any]) -> dict[str, Any]:
    """One cell, from and to plain data: see backend.studies.work.answer."""
    from backend.studies.work import answer

    return answer(cell)
