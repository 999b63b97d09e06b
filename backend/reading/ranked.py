"""The first features of a ranking, those by attribution among them."""

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.features.finding import find
from backend.features.rankers import RANKERS
from backend.progress import OnProgress, silent
from backend.reading.attribution import attribution


def ranked(
    engine: Engine,
    ranker: str,
    n: int,
    setting: float | None = None,
    on_progress: OnProgress = silent,
) -> list[int]:
    """At most n features by the ranking, best first; those it leaves out are left out.

    A ranking by attribution runs it where it was not run before. Raises BadInput where there is no
    such ranking, or it leaves no feature in, and what attribution raises.
    """
    if ranker not in RANKERS:
        raise BadInput(f"There is no ranking '{ranker}'. Use one of: {', '.join(RANKERS)}.")
    table = engine.atlas.table
    if RANKERS[ranker].needs_attribution:
        columns = attribution(engine, on_progress).columns()
        table = table.assign(**{name: columns[name].to_numpy() for name in columns})
    found = [int(f) for f in find(table, rank=ranker, setting=setting)["feature"].head(n)]
    if not found:
        raise BadInput(f"The ranking '{ranker}' leaves no feature in on this setup.")
    return found
