"""A setup says everything that can change a number: model, SAE, positions, scoring, questions,
corpora.

Read from a TOML file: one that ships beside this module, by name, or the user's own, by path. Paths
in a file are relative to it. Validated whole: an error names the file, the field and what would be
right.
"""

import dataclasses
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from backend.errors import BadInput, BadSetup
from backend.setups.tables import build

Rule = Literal["first", "special", "sinks"]
RULES = ("first", "special", "sinks")


SHIPPED = Path(__file__).parent
Role = Literal["forget", "retain"]
Scoring = Literal["cloze", "cloze_per_char", "letter"]
Prompt = Literal["paper", "paper-chat", "lm-eval", "plain"]
_CLOZE: tuple[Prompt, ...] = ("plain", "lm-eval")
PROMPTS: dict[Scoring, tuple[Prompt, ...]] = {
    "letter": ("paper", "paper-chat", "lm-eval"),
    "cloze": _CLOZE,
    "cloze_per_char": _CLOZE,
}
"""The prompts each scoring can have; the first is taken where a setup names none."""


class Protocol(NamedTuple):
    """How questions are asked and scored; see backend.data.prompts."""

    scoring: Scoring
    prompt: Prompt


@dataclass(frozen=True)
class ModelSource:
    name: str
    """Name on the hub, or a label when the weights come from elsewhere."""
    path: Path | None = None
    """A local folder in transformers' format."""
    package: str | None = None
    """An installed Python package that carries the weights as one GGUF file."""
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"


@dataclass(frozen=True)
class SaeSource:
    path: Path | None = field(default=None, metadata={"alone": True})
    """A local folder in sae-lens's or Gemma Scope's format, or a torch file as Farrell et al. save
    theirs.
    """
    release: str | None = None
    """A release of sae-lens, or a repository on the hub."""
    sae_id: str | None = None
    """Its id there; of a repository, a folder in sae-lens's format or a torch file."""
    hook_name: str | None = None
    """The hook it reads; only for Gemma Scope's format from a folder, which does not say."""
    labels: Path | None = None
    """Tab-separated: feature, label."""


@dataclass(frozen=True, kw_only=True)
class RowSource:
    """Where rows come from: one of file, folder and dataset, or `local` alone."""

    file: Path | None = None
    """In any of the forms of backend.data.sources."""
    folder: Path | None = None
    """Files in the layout of the hub or of the original archives; `config` (or each subject) and
    `split` say which.
    """
    dataset: str | None = None
    """Name on the hub, read with the `datasets` library."""
    config: str | None = None
    split: str = "test"
    revision: str | None = None
    local: str | None = None
    """File or folder under $CLAMPBOARD_DATA that takes the place of the hub where it is there."""

    def place(self) -> str:
        """Where the rows are looked for, in words."""
        return str(self.file or self.folder or self.dataset or f"$CLAMPBOARD_DATA/{self.local}")

    def local_path(self) -> Path | None:
        """What $CLAMPBOARD_DATA has in place of the hub; None without the variable, or where that
        folder does not hold the data.

        Raises BadInput if the variable names no folder.
        """
        data = os.environ.get("CLAMPBOARD_DATA")
        if not data or self.local is None:
            return None
        if not Path(data).is_dir():
            raise BadInput(
                f"CLAMPBOARD_DATA names {data}, which is no folder. Name the folder that holds"
                " wmdp/ and mmlu/, or unset it."
            )
        path = Path(data).resolve() / self.local
        return path if path.exists() else None


@dataclass(frozen=True)
class SetSource(RowSource):
    """Questions. In a file whose rows have a "set", those of this set's name."""

    name: str
    title: str
    role: Role
    subject: str | None = None
    """What the prompt says the questions are about; the set's name if not given. A row's own
    "subject" goes before it.
    """
    subjects: tuple[str, ...] = ()
    """Configurations read one after the other as one set, each the subject of its own questions;
    ["all"] is all 57 of MMLU.
    """
    limit: int | None = None
    """At most this many questions: a sample that is the same every time."""
    shots: int = 0
    """How many worked examples go before each question."""
    examples: Path | None = None
    """File of worked examples; if not given, the split "dev" of where the questions come from."""


@dataclass(frozen=True)
class CorpusSource(RowSource):
    """Text: rows with a "text", or the lines of a plain text file."""

    role: Role
    title: str
    where: str | None = None
    """Only the rows whose "role" is this."""
    longer_than: int = 0
    """Only texts of more characters than this."""
    documents: int | None = None
    """At most this many texts: a sample that is the same every time."""
    row_tokens: int | None = None
    """Texts joined and cut into rows of exactly this many tokens, as Farrell et al. do; if not
    given, each text is cut by itself.
    """
    rows: int | None = None
    """At most this many of those rows, likewise a sample."""
    optional: bool = False
    """Passed over, for the next corpus of the same role, where $CLAMPBOARD_DATA does not have it.
    """


@dataclass(frozen=True)
class Known:
    """Only questions the model without clamps knows: right in all 24 orders of the options (Farrell
    et al. 2024). See backend.engine.known.
    """

    by: Literal["published", "computed"]
    """From a list others published for this model, or found by asking every question in every order
    here.
    """
    source: Literal["Farrell", "SAEBench"] | None = None
    """Whose published list."""
    kind: Literal["correct", "correct-iff-question", "correct-no-tricks"] = "correct"
    """Published list: all; without those answered right with the question left out; without options
    such as "A and B".
    """
    part: Literal["all", "train", "test"] = "all"
    """Published list: whole, or one of its halves."""
    at_least: int = 24
    """Computed: right in at least this many of the 24 orders; guessing makes 6."""


@dataclass(frozen=True)
class Setup:
    title: str
    scoring: Scoring
    model: ModelSource
    sae: SaeSource
    sets: tuple[SetSource, ...] = field(metadata={"key": "name"})
    corpora: tuple[CorpusSource, ...] = field(metadata={"key": "role"})
    untouched: tuple[str, ...] = ("first",)
    """Rules of backend.model.positions; positions no clamp touches."""
    prompt: Prompt | None = None
    """See backend.data.prompts; the first of PROMPTS if not given."""
    known: Known | None = None
    """Which questions the figures are over; all if not given."""
    text_loss: CorpusSource | None = None
    """Text on which the board shows what clamps add to the model's loss; nothing if not given."""
    half_seed: int | None = None
    """Each set's questions are parted at random with this seed into a half to choose features on
    and one held out; if not given, into even and odd rows.
    """
    name: str = field(default="", metadata={"given": False})
    """The TOML file's stem."""

    @property
    def protocol(self) -> Protocol:
        return Protocol(self.scoring, self.prompt or PROMPTS[self.scoring][0])


def load_setup(wanted: str | Path) -> Setup:
    """The setup of that shipped name or TOML path. Raises BadSetup for anything that is not right
    in it.
    """
    path = Path(wanted)
    if path.suffix != ".toml":
        path = SHIPPED / f"{wanted}.toml"
        if not path.exists():
            names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.toml")))
            raise BadSetup(
                f"There is no setup '{wanted}'. Use one of: {names}; or give the path of a .toml"
                " file."
            )
    setup = dataclasses.replace(_read(path), name=path.stem)
    _check(setup, path)
    return dataclasses.replace(setup, corpora=_at_hand(setup.corpora))


def _read(path: Path, extended_by: tuple[Path, ...] = ()) -> Setup:
    """A TOML file, on top of the one it extends."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetup(
            f"The setup {path} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise BadSetup(f"The setup {path} is not valid TOML: {error}.") from error
    base = table.pop("extends", None)
    if base is None:
        return build(Setup, table, "", path)
    known = SHIPPED / f"{base}.toml"
    below = known if known.exists() else path.parent / str(base)
    if not below.exists() or below.resolve() in (path.resolve(), *extended_by):
        raise BadSetup(
            f"The setup {path}: extends is {base!r}; it must be a shipped setup's name or the path"
            " of another .toml file."
        )
    setup = _read(below, (*extended_by, path.resolve()))
    without = table.pop("without", [])
    names = [source.name for source in setup.sets]
    if not isinstance(without, list) or not all(name in names for name in without):
        raise BadSetup(
            f"The setup {path}: without is {without!r}; it must be a list of sets of '{base}':"
            f" {', '.join(names)}."
        )
    setup = dataclasses.replace(
        setup, sets=tuple(source for source in setup.sets if source.name not in without)
    )
    return build(Setup, table, "", path, setup)


def _at_hand(corpora: tuple[CorpusSource, ...]) -> tuple[CorpusSource, ...]:
    """One corpus a role: the first that is not optional, or is there."""
    first: dict[str, CorpusSource] = {}
    for source in corpora:
        if not source.optional or source.local_path() is not None:
            first.setdefault(source.role, source)
    return tuple(first.values())


def _check(setup: Setup, path: Path) -> None:
    def wrong(field_name: str, problem: str) -> BadSetup:
        return BadSetup(f"The setup {path}: {field_name} {problem}.")

    if unknown := set(setup.untouched) - set(RULES):
        raise wrong("untouched", f"names {sorted(unknown)}; known rules are {list(RULES)}")
    if setup.protocol.prompt not in PROMPTS[setup.scoring]:
        raise wrong(
            "prompt",
            f"is '{setup.prompt}', but {setup.scoring} scoring has only:"
            f" {', '.join(PROMPTS[setup.scoring])}",
        )
    if setup.known is not None:
        if setup.known.by == "published" and setup.known.source is None:
            raise wrong("[known]", "needs source, whose list it is: Farrell or SAEBench")
        if setup.known.by == "computed" and setup.scoring != "letter":
            raise wrong(
                "[known]",
                "can be computed with letter scoring only: cloze prompts do not show the options,"
                " so their order cannot matter",
            )
        if not 1 <= setup.known.at_least <= 24:
            raise wrong("[known] at_least", "must be from 1 to 24, the number of orders")
    if any(source.shots < 0 for source in setup.sets):
        raise wrong(
            "[[sets]] shots", "is below 0; it is the number of worked examples before each question"
        )
    if any(source.shots for source in setup.sets) and setup.protocol.prompt != "lm-eval":
        raise wrong(
            "[[sets]] shots", 'needs prompt = "lm-eval": the other prompts have no worked examples'
        )
    if setup.model.path is not None and setup.model.package is not None:
        raise wrong("[model]", "gives both path and package; give one")
    if (setup.sae.path is None) == (setup.sae.release is None or setup.sae.sae_id is None):
        raise wrong("[sae]", "needs either path, or release and sae_id")
    if {source.role for source in setup.sets} != {"forget", "retain"}:
        raise wrong("[[sets]]", "needs at least one set of role 'forget' and one of role 'retain'")
    if sorted(source.role for source in setup.corpora if not source.optional) != [
        "forget",
        "retain",
    ]:
        raise wrong(
            "[[corpora]]",
            "needs exactly one corpus of role 'forget' and one of role 'retain', besides optional"
            " ones",
        )
    names = [source.name for source in setup.sets]
    if len(set(names)) < len(names):
        raise wrong("[[sets]]", "uses a name twice")
    loss = () if setup.text_loss is None else (setup.text_loss,)
    for kind, sources in (("sets", setup.sets), ("corpora", setup.corpora), ("text_loss", loss)):
        for i, source in enumerate(sources):
            given = [
                name for name in ("file", "folder", "dataset") if getattr(source, name) is not None
            ]
            if len(given) != 1 and not (
                kind == "corpora" and source.optional and source.local is not None and not given
            ):
                raise wrong(
                    f"{kind}[{i}]",
                    "needs exactly one of file, folder and dataset"
                    + (f", not {' and '.join(given)}" if given else ""),
                )
            for path_ in (source.file, source.folder):
                if path_ is not None and not path_.exists():
                    raise wrong(f"{kind}[{i}].{given[0]}", f"names {path_}, which does not exist")
    for i, source in enumerate(setup.corpora):
        for count in ("documents", "row_tokens", "rows"):
            if getattr(source, count) is not None and getattr(source, count) < 1:
                raise wrong(f"corpora[{i}].{count}", "must be at least 1")
    for i, source in enumerate(setup.sets):
        if source.limit is not None and source.limit < 1:
            raise wrong(f"sets[{i}].limit", "must be at least 1")
        if source.examples is not None and not source.examples.exists():
            raise wrong(f"sets[{i}].examples", f"names {source.examples}, which does not exist")
