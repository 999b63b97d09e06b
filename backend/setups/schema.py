"""What a setup says: a dataclass for each table of its TOML file, and the words its fields take."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from backend.errors import BadInput
from backend.rim import kind

Role = Literal["forget", "retain"]
Scoring = Literal["cloze", "cloze_per_char", "letter"]
Prompt = Literal["paper", "paper-chat", "lm-eval", "plain", "deep-ignorance"]
Rule = Literal["first", "special", "sinks"]
"""Which positions no clamp touches; see backend.model.positions."""
RULES: tuple[Rule, ...] = get_args(Rule)
_CLOZE: tuple[Prompt, ...] = ("plain", "lm-eval", "deep-ignorance")
PROMPTS: dict[Scoring, tuple[Prompt, ...]] = {
    "letter": ("paper", "paper-chat", "lm-eval"),
    "cloze": _CLOZE,
    "cloze_per_char": _CLOZE,
}
"""The prompts each scoring can have; the first is taken where a setup names none."""
MOST = 10_000_000
"""Of anything that is counted: rows, texts, tokens."""


def within(least: float, most: float, default: int | None = None) -> Any:
    """A number of a table, and its range: a whole number where both ends are."""
    return field(default=default, metadata={"within": (least, most)})


class Protocol(NamedTuple):
    """How questions are asked and scored; see backend.data.prompts."""

    scoring: Scoring
    prompt: Prompt


@dataclass(frozen=True)
class ModelSource:
    """Where the language model comes from, and how it runs."""

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
    """Where the SAE comes from: a local path, or a release and an id there."""

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
    `split` say which, `split` alone where the data set has no configurations.
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
        """What $CLAMPBOARD_DATA has in place of the hub.

        None without the variable, or where that folder does not hold the data. Raises BadInput if
        the variable names no folder.
        """
        data = os.environ.get("CLAMPBOARD_DATA")
        if not data or self.local is None:
            return None
        if kind(Path(data)) != "folder":
            raise BadInput(
                f"CLAMPBOARD_DATA names {data}, which is no folder. "
                "Name the folder that holds wmdp/ and mmlu/, or unset it."
            )
        path = Path(data).resolve() / self.local
        return path if kind(path) else None


@dataclass(frozen=True)
class SetSource(RowSource):
    """Questions. In a file whose rows have a "set", those of this set's name."""

    name: str
    title: str
    role: Role
    subject: str | None = None
    """What the prompt says the questions are about; the set's name if not given. A row's own
    "subject" goes before it, but not where the set is read from several `subjects`.
    """
    subjects: tuple[str, ...] = ()
    """Configurations read one after the other as one set, each the topic of its own questions, and
    their subject in the prompt unless `subject` says another; ["all"] is all 57 of MMLU.
    """
    without: tuple[str, ...] = ()
    """Those of `subjects` that are left out; the title then says how many questions there are, in
    how many subjects.
    """
    limit: int | None = within(1, MOST)
    """At most this many questions: a sample that is the same every time."""
    shots: int = within(0, 100, 0)
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
    longer_than: int = within(0, MOST, 0)
    """Only texts of more characters than this."""
    documents: int | None = within(1, MOST)
    """At most this many texts: a sample that is the same every time."""
    row_tokens: int | None = within(2, 100_000)
    """Texts joined and cut into rows of exactly this many tokens, as Farrell et al. do; if not
    given, each text is cut by itself.
    """
    rows: int | None = within(1, MOST)
    """At most this many of those rows, likewise a sample."""
    optional: bool = False
    """Passed over, for the next corpus of the same role, where $CLAMPBOARD_DATA does not have
    it.
    """


@dataclass(frozen=True)
class Known:
    """Only questions the model without clamps knows: right in all 24 orders of the options.

    The filter of Farrell et al. 2024; see backend.engine.known.
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
    at_least: int = within(1, 24, 24)
    """Computed: right in at least this many of the 24 orders; guessing makes 6."""


@dataclass(frozen=True)
class RmuSource:
    """How RMU is trained on this model, and what was trained before; see backend.rivals.recipe.

    What is not given is as there.
    """

    layer: int | None = within(2, 999)
    """The block whose output is steered."""
    strength: float | None = within(0.0, 1e6)
    unit: Literal["residual", "raw"] | None = None
    """Of the strength: the residual's median length there, or none, as in the paper."""
    alpha: float | None = within(0.0, 1e6)
    steps: int | None = within(1, 100_000)
    lr: float | None = within(1e-8, 1.0)
    batch: int | None = within(1, 1024)
    tokens: int | None = within(2, 100_000)
    seed: int | None = within(0, 2**32 - 1)
    models: tuple[Path, ...] = ()
    """Trained ones, as files of the command rmu."""
    corpora: tuple[CorpusSource, ...] = field(default=(), metadata={"key": "role"})
    """The text it is trained on; of a role that is not given, the setup's."""


@dataclass(frozen=True)
class Setup:
    """Everything that can change a number."""

    title: str
    scoring: Scoring
    model: ModelSource
    sae: SaeSource
    sets: tuple[SetSource, ...] = field(metadata={"key": "name"})
    corpora: tuple[CorpusSource, ...] = field(metadata={"key": "role"})
    untouched: tuple[Rule, ...] = ("first",)
    """Positions no clamp touches."""
    prompt: Prompt | None = None
    """See backend.data.prompts; the first of PROMPTS if not given."""
    known: Known | None = None
    """Which questions the figures are over; all if not given."""
    text_loss: CorpusSource | None = None
    """Text on which the board shows what clamps add to the model's loss; nothing if not given."""
    rmu: RmuSource | None = None
    """How RMU is trained beside the clamps."""
    half_seed: int | None = within(-(2**63), 2**63 - 1)
    """Each set's questions are parted at random with this seed into a half to choose features on
    and one held out; if not given, into even and odd rows.
    """
    name: str = field(default="", metadata={"given": False})
    """The TOML file's stem."""

    @property
    def protocol(self) -> Protocol:
        return Protocol(self.scoring, self.prompt or PROMPTS[self.scoring][0])
