"""Where the parts of a data set lie in a folder, and how it is said that there is no such part."""

import difflib
import glob
from collections.abc import Iterable
from pathlib import Path

from backend.errors import BadInput
from backend.rim import kind, shown

NAMED = 8
"""How many of the names there are a sentence lists."""
COMPARED, COMPARED_LENGTH = 1_000, 80
"""So many names, and so many characters of each, are looked through for the closest."""
FORMS = ("parquet", "json", "jsonl", "csv")
EXAMPLES = "dev"
"""The split of worked examples: a file that does not name it holds the questions themselves."""


def those_there(wanted: str, names: Iterable[str]) -> str:
    """The end of a sentence on a name there is none of: "there are a, b"; of many the closest."""
    every = list(names)
    listed = [name[:COMPARED_LENGTH] for name in every[:COMPARED]]
    if len(listed) > NAMED:
        listed = difflib.get_close_matches(wanted[:COMPARED_LENGTH], listed, NAMED, cutoff=0)
    said = ", ".join(shown(name)[1:].removesuffix(repr(name)[0]) for name in listed)
    more = f" and {len(every) - NAMED:,} more" if len(every) > NAMED else ""
    return f"there {'is' if len(every) == 1 else 'are'} {said or 'none'}{more}"


def find_file(folder: Path, config: str, split: str) -> Path:
    """One split of one configuration, in any layout that is handed round.

    That of the hub, of the original MMLU archive, or of the original WMDP; without `config`, the
    split of a data set that has no configurations. Raises BadInput naming what was looked for, and
    what is there.
    """
    if kind(folder) != "folder":
        raise BadInput(f"{folder} is neither a file nor a folder; name one.")
    patterns = _layouts(glob.escape(config), glob.escape(split))
    for pattern in patterns:
        if found := _matching(folder, pattern):
            if len(found) > 1:
                raise BadInput(
                    f"{folder} holds '{config or split}' in {len(found)} files ({pattern}); "
                    "put them into one."
                )
            return found[0]
    inside = folder / config if config and kind(folder / config) == "folder" else folder
    there = [f"{file.relative_to(folder)}" for file in _matching(inside, "*")]
    named = f"'{config}', split '{split}'" if config else f"the split '{split}'"
    unless = "" if config else "; where it holds several data sets, give config too"
    raise BadInput(
        f"{folder} does not hold {named}{unless}. "
        f"Expected there, for instance: {', '.join(patterns[:5])}; "
        f"{those_there(f'{config}/{split}', there)}."
    )


def _layouts(name: str, part: str) -> list[str]:
    """Where a configuration's split may lie in a folder, the hub's layout first."""
    if not name:
        hubs = [f"data/{part}-*.parquet", f"{part}-*.parquet"]
        return [*hubs, *(f"{part}.{form}" for form in FORMS)]
    short = name.removeprefix("wmdp-")
    hubs = [f"{name}/{part}-*.parquet", f"{part}/{name}_{part}.csv", f"{name}_{part}.csv"]
    stems, archives = [f"{name}/{part}", part], [f"{short}_questions.json"]
    if part == EXAMPLES:
        return [*hubs, *(f"{stem}.{form}" for stem in stems for form in FORMS)]
    stems[1:1] = [name, short]
    return [*hubs, *archives, *(f"{stem}.{form}" for stem in stems for form in FORMS)]


def _matching(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # no file can have so long a name
        return []
