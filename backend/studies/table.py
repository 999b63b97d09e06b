"""A study's cells as one table. Pure.

Long: one row for each cell, half of the questions and set, all sets of a role together under the
role's own name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from backend.evaluation.evaluate import FIGURES
from backend.studies.cells import Cell

TEXT, WHOLE, NUMBER = "str", "int64", "float64"
OF_CELL: dict[str, str] = {
    "setup": TEXT,
    "model": TEXT,
    "sae": TEXT,
    "block": WHOLE,
    "ranker": TEXT,
    "ranker_setting": NUMBER,
    "features": WHOLE,
    "strength": NUMBER,
    "unit": TEXT,
    "method": TEXT,
    "false_alarms": NUMBER,
    "rival": TEXT,
    "clamps": TEXT,
    "text_added": NUMBER,
    "dtype": TEXT,
    "machine": TEXT,
}
"""What is the same in all rows of a cell."""
COLUMNS: dict[str, str] = {
    "cell": TEXT,
    **{name: kind for name, kind in OF_CELL.items() if name not in ("dtype", "machine")},
    "half": TEXT,
    "set": TEXT,
    "title": TEXT,
    "role": TEXT,
    **dict.fromkeys(FIGURES, NUMBER),
    "n": WHOLE,
    "lost": WHOLE,
    "gained": WHOLE,
    "dtype": TEXT,
    "machine": TEXT,
}
"""No times: the same study gives the same table."""
QUESTIONS: dict[str, str] = {
    "cell": TEXT,
    "set": TEXT,
    "index": WHOLE,
    "right": WHOLE,
    "before": WHOLE,
    "after": WHOLE,
}
"""Of the table with a row a question: its place in its set, the right option, and those that were
chosen without and with what the cell does.
"""


def table_of(cells: Sequence[Cell], results: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """The cells that have a result of backend.studies.work.run, in the order given."""
    done = [(cell, results[cell.key]) for cell in cells if cell.key in results]
    rows = [
        {**_of_cell(cell, result), **figures}
        for cell, result in done
        for figures in result["figures"]
    ]
    return _typed(rows, COLUMNS)


def _of_cell(cell: Cell, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell": cell.key,
        "setup": cell.setup,
        "ranker": cell.ranker,
        "ranker_setting": cell.ranker_setting,
        "features": cell.features,
        "strength": cell.strength,
        "unit": "" if cell.rival else cell.unit,
        "false_alarms": cell.false_alarms,
        "machine": result["made_of"]["machine"],
        **{
            name: result[name]
            for name in (
                "model",
                "sae",
                "block",
                "method",
                "rival",
                "clamps",
                "text_added",
                "dtype",
            )
        },
    }


def questions_of(cells: Sequence[Cell], results: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """Every question's answer in every cell that has a result."""
    rows = [
        {
            "cell": cell.key,
            "set": name,
            "index": index,
            **{column: int(digits[column][index]) for column in ("right", "before", "after")},
        }
        for cell in cells
        if cell.key in results
        for name, digits in results[cell.key]["answers"].items()
        for index in range(len(digits["right"]))
    ]
    return _typed(rows, QUESTIONS)


def _typed(rows: list[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    """Empty tables have the columns and types of full ones."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)
