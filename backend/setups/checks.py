"""Whether what a setup says goes together: a check for each table.

The names and types of its fields are backend.setups.tables' business.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from backend.errors import BadSetup
from backend.rim import kind, shown
from backend.setups.schema import (
    PROMPTS,
    RULES,
    CorpusSource,
    Known,
    ModelSource,
    RmuSource,
    RowSource,
    Rule,
    SaeSource,
    Scoring,
    SetSource,
    Setup,
)

PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
NAME = re.compile(r"(?![.])[^/\\\\]+")
"""Of a part of a data set: it becomes part of a file's name."""

Problems = Iterator[str]
"""What is wrong, each beginning with the field's name."""


def check(setup: Setup, path: Path) -> None:
    """Raises BadSetup naming the file, the field and the first thing that is wrong."""
    for problem in problems(setup):
        raise BadSetup(f"The setup {path}: {problem}.")


def problems(setup: Setup) -> Problems:
    """All that is wrong, the first to be mended first."""
    yield from _untouched(setup.untouched)
    yield from _prompt(setup)
    if setup.known is not None:
        yield from _known(setup.known, setup.scoring)
    yield from _shots(setup)
    yield from _model(setup.model)
    yield from _sae(setup.sae)
    yield from _roles(setup)
    if setup.rmu is not None:
        yield from _rmu(setup.rmu)
    yield from _names(setup.sets)
    yield from _places(setup)
    for i, source in enumerate(setup.sets):
        yield from _examples(f"sets[{i}]", source)


def _untouched(rules: Sequence[Rule]) -> Problems:
    if unknown := set(rules) - set(RULES):
        yield f"untouched names {sorted(unknown)}; known rules are {list(RULES)}"


def _prompt(setup: Setup) -> Problems:
    allowed = PROMPTS[setup.scoring]
    if setup.protocol.prompt not in allowed:
        yield (
            f"prompt is '{setup.prompt}', "
            f"but {setup.scoring} scoring has only: {', '.join(allowed)}"
        )


def _known(known: Known, scoring: Scoring) -> Problems:
    if known.by == "published" and known.source is None:
        yield "[known] needs source, whose list it is: Farrell or SAEBench"
    if known.by == "computed" and scoring != "letter":
        yield (
            "[known] can be computed with letter scoring only: "
            "cloze prompts do not show the options, so their order cannot matter"
        )


def _shots(setup: Setup) -> Problems:
    shots = [source.shots for source in setup.sets]
    if any(shots) and setup.protocol.prompt != "lm-eval":
        yield '[[sets]] shots needs prompt = "lm-eval": the other prompts have no worked examples'


def _model(model: ModelSource) -> Problems:
    if model.path is not None and model.package is not None:
        yield "[model] gives both path and package; give one"
    elif model.path is not None:
        yield from _there("[model] path", model.path, "folder")
    if model.package is not None and not PACKAGE.fullmatch(model.package):
        yield f"[model] package is {shown(model.package)}; it must be one plain name"
    if not DEVICE.fullmatch(model.device):
        yield f"[model] device is {shown(model.device)}; it must be auto, cpu, cuda or cuda:N"


def _sae(sae: SaeSource) -> Problems:
    on_hub = sae.release is not None and sae.sae_id is not None
    if (sae.path is not None) == on_hub:
        yield "[sae] needs either path, or release and sae_id"
    if sae.labels is not None:
        yield from _there("[sae] labels", sae.labels, "file")


def _roles(setup: Setup) -> Problems:
    if {source.role for source in setup.sets} != {"forget", "retain"}:
        yield "[[sets]] needs at least one set of role 'forget' and one of role 'retain'"
    roles = sorted(corpus.role for corpus in setup.corpora if not corpus.optional)
    if roles != ["forget", "retain"]:
        yield (
            "[[corpora]] needs exactly one corpus of role 'forget' and one of role 'retain', "
            "besides optional ones"
        )


def _rmu(rmu: RmuSource) -> Problems:
    for i, path in enumerate(rmu.models):
        yield from _there(f"[rmu] models[{i}]", path, "file")
    roles = [corpus.role for corpus in rmu.corpora if not corpus.optional]
    if len(set(roles)) < len(roles):
        yield "[[rmu.corpora]] can have one corpus of each role, besides optional ones"


def _names(sets: Sequence[SetSource]) -> Problems:
    if len({source.name for source in sets}) < len(sets):
        yield "[[sets]] uses a name twice"


def _places(setup: Setup) -> Problems:
    for i, source in enumerate(setup.sets):
        yield from _place(f"sets[{i}]", source)
        yield from _subjects(f"sets[{i}]", source)
    for where, corpora in (("corpora", setup.corpora), ("rmu.corpora", _texts(setup.rmu))):
        for i, corpus in enumerate(corpora):
            local_alone = corpus.optional and corpus.local is not None
            yield from _place(f"{where}[{i}]", corpus, local_alone)
    if setup.text_loss is not None:
        yield from _place("text_loss[0]", setup.text_loss)


def _texts(rmu: RmuSource | None) -> tuple[CorpusSource, ...]:
    return () if rmu is None else rmu.corpora


def _place(where: str, source: RowSource, local_alone: bool = False) -> Problems:
    """`local_alone`: the data may be under $CLAMPBOARD_DATA and nowhere else."""
    given = [name for name in ("file", "folder", "dataset") if getattr(source, name) is not None]
    if len(given) > 1 or not (given or local_alone):
        instead = f", not {' and '.join(given)}" if given else ""
        yield f"{where} needs exactly one of file, folder and dataset{instead}"
    subjects = source.subjects if isinstance(source, SetSource) else ()
    if source.file is not None:
        yield from _there(f"{where}.file", source.file, "file")
    if source.folder is not None:
        if wrong := list(_there(f"{where}.folder", source.folder, "folder")):
            yield from wrong
        elif not (source.config or subjects or source.split != "test"):
            yield (
                f"{where}.folder needs config too (or subjects, or another split than test), "
                "which says which of its files is meant"
            )
    named = [("config", source.config), ("split", source.split)]
    named += [(f"subjects[{i}]", subject) for i, subject in enumerate(subjects)]
    for field, name in named:
        if name is not None and not NAME.fullmatch(name):
            yield f"{where}.{field} is {shown(name)}; it must be a plain name"


def _subjects(where: str, source: SetSource) -> Problems:
    if len(set(source.subjects)) < len(source.subjects):
        yield f"{where}.subjects names one of them twice"
    if source.without and not source.subjects:
        yield f"{where}.without needs subjects too, of which it leaves some out"


def _examples(where: str, source: SetSource) -> Problems:
    if source.examples is not None:
        yield from _there(f"{where}.examples", source.examples, "file")


def _there(where: str, path: Path, wanted: Literal["file", "folder"]) -> Problems:
    found = kind(path)
    if not found:
        yield f"{where} names {path}, which does not exist"
    elif found != wanted:
        yield f"{where} names {path}, which is a {found}; name a {wanted}"
