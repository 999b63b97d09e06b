"""Tables that leave for a spreadsheet."""

import csv
from typing import Any

import pandas as pd

RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet begins a formula by (OWASP, CSV injection)."""


def csv_of(table: pd.DataFrame) -> bytes:
    """The table as CSV, without its index; a text that a spreadsheet would run begins with an
    apostrophe, which makes it text there. Numbers stay numbers.
    """
    quoted = table.map(_text).rename(columns=_text)
    # pandas leaves a lone carriage return unquoted otherwise: what follows it would be a new cell.
    return quoted.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode()


def _text(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(RUN) else cell
