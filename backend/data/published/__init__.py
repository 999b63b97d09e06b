"""Published facts: which questions a model knows, and results of others on the same questions.

known_questions.json  which rows of cais/wmdp and cais/mmlu a model answers right in all 24 orders of the options, with their sources
results.csv           Farrell, Lau and Conmy 2024 (github.com/efarrell1/unlearning_with_saes at 48256f0: 65 clamp and 29 RMU settings), and
                      Khoriaty et al. 2025, arXiv 2503.11127
                      (github.com/AMindToThink/sae_jailbreak_unlearning at 8656394, lm-eval without
                      worked examples; settings without the MMLU subjects' figures are left out).
                      `retain` is the accuracy over the questions of `retain_sets` together.
"""

import json
from functools import cache
from pathlib import Path

import pandas as pd

from backend.errors import BadSetup
from backend.setups import SetSource, Setup

FOLDER = Path(__file__).parent


def data_set_of(source: SetSource) -> str | None:
    """What the published lists call the data of a set; None for data they say nothing of."""
    if source.subjects:
        return f"mmlu-{source.subjects[0].replace('_', '-')}" if len(source.subjects) == 1 else None
    return source.config if source.config == "wmdp-bio" else None


def model_of(setup: Setup) -> str:
    """The model's name without its owner, as the lists have it."""
    return setup.model.name.rpartition("/")[2]


@cache
def _lists() -> list[dict]:
    return json.loads((FOLDER / "known_questions.json").read_text(encoding="utf-8"))["lists"]


def known_rows(model: str, source: str, kind: str, part: str) -> dict[str, frozenset[int]]:
    """Data set -> rows of the list, from 0. Raises BadSetup naming what there is if there is no
    such list.
    """
    found = {
        entry["set"]: frozenset(entry["rows"])
        for entry in _lists()
        if (entry["model"], entry["source"], entry["kind"], entry["part"])
        == (model, source, kind, part)
    }
    if not found:
        there = sorted(
            {f"{e['source']}, {e['kind']}, {e['part']}" for e in _lists() if e["model"] == model}
        )
        raise BadSetup(
            f"[known]: {source} published no list '{kind}', part '{part}', for {model}. "
            + (
                f"There are: {'; '.join(there)}."
                if there
                else f"Lists are there for: {', '.join(sorted({e['model'] for e in _lists()}))}."
            )
        )
    return found


def published_points(setup: Setup) -> pd.DataFrame:
    """Results others published for this setup's model, prompt and filter; no row if there are none.

    Columns: name, source, method, setting; forget and retain, accuracies in percent, over forget_n
    and retain_n questions together; loss_added, nats per token, where known. Only results over the
    very sets this setup has.
    """
    table = pd.read_csv(
        FOLDER / "results.csv",
        keep_default_na=False,
        na_values=dict.fromkeys(("college_biology", "loss_added"), ""),
    )
    known = setup.known
    filtered = (
        ""
        if known is None
        else known.kind
        if known.by == "published" and known.part == "all"
        else None
    )
    whole = all(source.limit is None and source.shots == 0 for source in setup.sets)
    forget = [data_set_of(source) for source in setup.sets if source.role == "forget"]
    table = table[
        (table["model"] == model_of(setup))
        & (table["prompt"] == setup.protocol.prompt)
        & (table["known"] == filtered)
    ]
    if known is not None:
        table = table[table["source"] == known.source]
    if setup.scoring != "letter" or not whole or forget != ["wmdp-bio"]:
        table = table[:0]
    mine = {
        source.subjects[0] if len(source.subjects) == 1 else source.name
        for source in setup.sets
        if source.role == "retain"
    }
    table = table[table["retain_sets"].map(lambda sets: set(sets.split()) == mine).astype(bool)]
    return pd.DataFrame(
        {
            "name": (
                table["source"]
                + ": "
                + table["method"]
                + (", " + table["setting"]).where(table["setting"] != "", "")
            ),
            "source": table["source"],
            "method": table["method"],
            "setting": table["setting"],
            "forget": 100 * table["forget"],
            "forget_n": table["forget_n"],
            "retain": 100 * table["retain"],
            "retain_n": table["retain_n"],
            "loss_added": table["loss_added"],
        }
    ).reset_index(drop=True)
