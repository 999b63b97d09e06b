"""What the model sees of one question: the exact tokens, where given features fire on them, and
what is read for each option.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from backend.data.questions import LETTERS, N_CHOICES, PREFIX, Question
from backend.data.token_text import decoded
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.interventions.gates import along, rounded
from backend.interventions.method import NOTHING, Gate, Setting
from backend.wording import percent


@dataclass(frozen=True)
class SeenToken:
    id: int
    text: str
    exempt: bool
    """No clamp touches this position."""
    fired: tuple[tuple[int, float], ...]
    """(feature, raw activation) of the features asked for that fire here, strongest first."""


@dataclass(frozen=True)
class SeenOption:
    tokens: tuple[SeenToken, ...]
    """What the model reads of the option after the shared tokens; empty where one prediction scores
    all options.
    """
    scored: tuple[str, ...]
    """The tokens whose probabilities make the score; the model need not read the last of them."""
    before: float
    """Score without clamps: a log-likelihood; per character where the setup says so."""
    after: float
    p_before: float
    """Share of the four options' likelihood."""
    p_after: float


@dataclass(frozen=True)
class SeenSequence:
    """One sequence the gate decides about: the question, or in cloze prefix and one option."""

    option: int | None
    """None where one sequence has all options."""
    tokens: tuple[str, ...]
    along: tuple[float, ...]
    """The statistic as far as each token, as if the sequence ended there."""
    statistic: float
    open: bool


@dataclass(frozen=True)
class SeenGate:
    gate: Gate
    sequences: tuple[SeenSequence, ...]

    @property
    def n_open(self) -> int:
        return sum(sequence.open for sequence in self.sequences)

    def in_words(self) -> str:
        """Whether it opens, by how much, and what follows."""
        top = max((s.statistic for s in self.sequences), default=0.0)
        what = f"{self.gate.kind} {top:.4g}, tau {self.gate.tau:.4g}"
        if not self.n_open:
            return f"The gate stays closed ({what}): the answer is that without clamps."
        if len(self.sequences) == 1:
            return f"The gate opens ({what}): the clamps act."
        return (
            f"The gate opens with {self.n_open} of {len(self.sequences)} options (at most {what}): "
            "the clamps act where that option is read."
        )


@dataclass(frozen=True)
class SeenQuestion:
    set: str
    """Title of its set."""
    question: Question
    tokens: tuple[SeenToken, ...]
    """Shared by all options, in order."""
    options: tuple[SeenOption, ...]
    gate: SeenGate | None = None
    """What the setting's gate makes of it."""

    def all_tokens(self) -> list[SeenToken]:
        return [*self.tokens, *(token for option in self.options for token in option.tokens)]

    def fired(self) -> list[tuple[int, str, float]]:
        """(feature, token, raw activation) wherever one of the features fires, in the order of the
        text.
        """
        return [
            (feature, token.text, act)
            for token in self.all_tokens()
            for feature, act in token.fired
        ]


def seen_gate(engine: Engine, place: int, setting: Setting) -> SeenGate | None:
    """What the setting's gate makes of the question at that place; None without a gate."""
    opened = engine.opening(setting)
    if opened is None:
        return None
    sequences, decode = opened.sequences, partial(decoded, engine.tokenizer)
    mine = (sequences.row == place).nonzero().squeeze(-1)
    token, real = sequences.tokens(mine)
    statistics = rounded(along(opened.signal[token], real, opened.gate))
    found = []
    for i, sequence in enumerate(mine.tolist()):
        n, option = int(real[i].sum()), int(sequences.branch[sequence])
        ids = engine.recording.rows.ids[token[i, :n]].tolist()
        found.append(
            SeenSequence(
                None if option == PREFIX else option,
                tuple(decode([id]) for id in ids),
                tuple(statistics[i, :n].tolist()),
                float(opened.statistic[sequence]),
                bool(opened.open[sequence]),
            )
        )
    return SeenGate(opened.gate, tuple(found))


def place_of(engine: Engine, set_name: str, index: int) -> int:
    """Where a set's question stands among all questions. Raises BadInput for a set or row there is
    none of.
    """
    span = engine.sets.span(set_name)
    questions = engine.sets.questions[span]
    found = [place for place, question in enumerate(questions) if question.index == index]
    if not found:
        raise BadInput(
            f"The set '{set_name}' has no question {index}: its rows go from {questions[0].index} "
            f"to {questions[-1].index}."
        )
    return span.start + found[0]


def see(
    engine: Engine,
    place: int,
    features: Sequence[int],
    scores: Float[Tensor, "question choice"] | None = None,
    setting: Setting = NOTHING,
) -> SeenQuestion:
    """The question at that place among all, and where the features fire on it. `scores` are those
    with clamps; without them, the baseline's. `setting` is the one whose gate is shown.

    Nothing is computed: all of it was recorded.
    """
    questions, question = engine.sets.at(place)
    rows = engine.recording.rows
    decode = partial(decoded, engine.tokenizer)
    begin, end = int(rows.start[place]), int(rows.start[place + 1])
    fired: dict[int, list[tuple[int, float]]] = {}
    for feature in features:
        token, value = engine.recording.acts.of(feature)
        mine = (token >= begin) & (token < end)
        for at, act in zip(token[mine].tolist(), value[mine].tolist(), strict=True):
            fired.setdefault(at, []).append((feature, act))
    tokens = [
        SeenToken(
            token,
            decode([token]),
            exempt,
            tuple(sorted(fired.get(begin + i, []), key=lambda f: -f[1])),
        )
        for i, (token, exempt) in enumerate(
            zip(
                rows.ids[begin:end].tolist(),
                engine.recording.exempt[begin:end].tolist(),
                strict=True,
            )
        )
    ]
    branch = rows.branch[begin:end].tolist()
    entries = slice(int(rows.score_start[place]), int(rows.score_start[place + 1]))
    scored = list(
        zip(rows.score_choice[entries].tolist(), rows.score_token[entries].tolist(), strict=True)
    )
    before = engine.recording.baseline[place]
    after = before if scores is None else scores[place]
    columns = (
        before.tolist(),
        after.tolist(),
        before.softmax(-1).tolist(),
        after.softmax(-1).tolist(),
    )
    options = tuple(
        SeenOption(
            tuple(t for t, b in zip(tokens, branch, strict=True) if b == option),
            tuple(decode([token]) for choice, token in scored if choice == option),
            *(column[option] for column in columns),
        )
        for option in range(N_CHOICES)
    )
    return SeenQuestion(
        questions.title,
        question,
        tuple(t for t, b in zip(tokens, branch, strict=True) if b == PREFIX),
        options,
        seen_gate(engine, place, setting),
    )


def probability(share: float) -> str:
    """An option's share of the four options' likelihood, such as 0.61."""
    return f"{share:.2f}"


class Chosen(NamedTuple):
    """What was chosen without and with the setting."""

    sentence: str
    """Such as: chose Centrioles (P 0.61) instead of Mitochondria (0.99 → 0.00)."""
    change: str
    """lost, gained or unchanged, as in backend.evaluation.answers."""


def chosen(view: SeenQuestion) -> Chosen:
    """Of what is seen; the first of options that are as likely."""
    options, right = view.options, view.question.answer
    was, now = (
        max(range(N_CHOICES), key=scores.__getitem__)
        for scores in ([o.before for o in options], [o.after for o in options])
    )
    choices = view.question.choices

    def moved(option: int) -> str:
        o = options[option]
        return f"({probability(o.p_before)} → {probability(o.p_after)})"

    picked = f"chose {choices[now]}"
    if was == now:
        instead = " as before" if now == right else f", as before, not {choices[right]}"
        mark = f" {moved(now)}" if now == right else f" {moved(right)}"
        return Chosen(f"{picked}{instead}{mark}", "unchanged")
    sentence = f"{picked} (P {probability(options[now].p_after)}) instead of {choices[was]}"
    sentence += f" {moved(was)}"
    change = "lost" if was == right else "gained" if now == right else "unchanged"
    if change == "unchanged":
        sentence += f"; right is {choices[right]} {moved(right)}"
    return Chosen(sentence, change)


def in_words(view: SeenQuestion) -> str:
    """For a terminal: tokens between bars, tokens with a firing feature in brackets."""

    def line(tokens: Sequence[SeenToken]) -> str:
        return "|".join(f"[{t.text}]" if t.fired else t.text for t in tokens).replace("\n", "↵")

    lines = [
        f"{view.set}, question {view.question.index}: {len(view.all_tokens())} tokens",
        line(view.tokens),
        "",
    ]
    for letter, option, choice in zip(LETTERS, view.options, view.question.choices, strict=True):
        right = "  (right)" if LETTERS[view.question.answer] == letter else ""
        lines.append(
            f"{letter}  {percent(option.p_before):>7} -> {percent(option.p_after):>7}  "
            f"{line(option.tokens) or choice}  scored: {option.scored}{right}"
        )
    return "\n".join(
        [
            *lines,
            "",
            *([] if view.gate is None else [view.gate.in_words()]),
            *(
                f"feature {feature} fires at {token!r}: {act:.2f}"
                for feature, token, act in view.fired()
            ),
        ]
    )
