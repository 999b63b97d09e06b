"""Published facts: which questions a model knows, and results of others on the same questions.

known_questions.json  which rows of cais/wmdp and cais/mmlu a model answers right in all 24 orders
                      of the options, with their sources
results.csv           Farrell, Lau and Conmy 2024 (github.com/efarrell1/unlearning_with_saes at
                      48256f0: 65 clamp and 29 RMU settings), and Khoriaty et al. 2025,
                      arXiv 2503.11127 (github.com/AMindToThink/sae_jailbreak_unlearning at
                      8656394, lm-eval without worked examples; settings without the MMLU subjects'
                      figures are left out). `retain` is the accuracy over the questions of
                      `retain_sets` together.

Public: `known_rows`, `published_points`, and the names the lists go by, `data_set_of` and
`model_of`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from backend.data.question_sets import MMLU_SUBJECTS
from backend.errors import BadSetup
from backend.setups import Known, SetSource, Setup

FOLDER = Path(__file__).parent


def data_set_of(source: SetSource) -> str | None:
    """What the published lists call the data of a set; None for data they say nothing of."""
    if source.subjects:
        subject, *others = source.subjects
        known = subject in MMLU_SUBJECTS and not others
        return f"mmlu-{subject.replace('_', '-')}" if known else None
    return source.config if source.config == "wmdp-bio" else None


def model_of(setup: Setup) -> str:
    """The model's name without its owner, as the lists have it."""
    return setup.model.name.rpartition("/")[2]


@cache
def _lists() -> list[dict[str, Any]]:
    return json.loads((FOLDER / "known_questions.json").read_text(encoding="utf-8"))["lists"]


def known_rows(model: str, source: str, kind: str, part: str) -> dict[str, frozenset[int]]:
    """Data set -> rows of the list, from 0.

    Raises BadSetup, naming what there is, if there is no such list.
    """
    of_model = [entry for entry in _lists() if entry["model"] == model]
    found = {
        entry["set"]: frozenset(entry["rows"])
        for entry in of_model
        if (entry["source"], entry["kind"], entry["part"]) == (source, kind, part)
    }
    if not found:
        lists = sorted({f"{e['source']}, {e['kind']}, {e['part']}" for e in of_model})
        models = sorted({e["model"] for e in _lists()})
        there = (
            f"There are: {'; '.join(lists)}."
            if lists
            else f"Lists are there for: {', '.join(models)}."
        )
        raise BadSetup(
            f"[known]: {source} published no list '{kind}', part '{part}', for {model}. {there}"
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
    whole = all(source.limit is None and source.shots == 0 for source in setup.sets)
    forget = [data_set_of(source) for source in setup.sets if source.role == "forget"]
    if setup.scoring != "letter" or not whole or forget != ["wmdp-bio"]:
        table = table[:0]
    mine = {
        source.subjects[0] if len(source.subjects) == 1 else source.name
        for source in setup.sets
        if source.role == "retain"
    }
    same_sets = table["retain_sets"].map(lambda sets: set(sets.split()) == mine).astype(bool)
    table = table[
        (table["model"] == model_of(setup))
        & (table["prompt"] == setup.protocol.prompt)
        & (table["known"] == _filter_of(setup.known))
        & same_sets
    ]
    if setup.known is not None:
        table = table[table["source"] == setup.known.source]
    comma_setting = (", " + table["setting"]).where(table["setting"] != "", "")
    return pd.DataFrame(
        {
            "name": table["source"] + ": " + table["method"] + comma_setting,
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


def _filter_of(known: Known | None) -> str | None:
    """What the results call a setup's filter: a list's kind; None for one they know nothing of."""
    if known is None:
        return ""
    return known.kind if known.by == "published" and known.part == "all" else None
