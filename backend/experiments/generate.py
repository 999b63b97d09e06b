"""What the model writes, token by token, with and without clamps.

The rules on which positions a clamp leaves alone are the setup's own, as on the board ("first",
"special", "sinks"). A sink is told by the median norm of its row's prefix, and that is the prompt
here: a verdict never changes while the text grows, and a full forward pass over the finished text
gives the same (tests/backend/experiments/test_generate.py).

A gate is computed on the prompt. Where that leaves it closed it is computed again with each new
token, and once it has opened it stays open: what was written before stands as it is, so a text
whose gate opens late is not that of one full pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.data.prompts import templated
from backend.data.token_text import UNFINISHED, decoded, texts_of_ids
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.experiments.clamped_steps import ClampedSteps, Push
from backend.interventions.gates import Rates
from backend.interventions.method import NOTHING, Setting
from backend.interventions.rival import PUSHED
from backend.model.runner import Runner
from backend.model.split import SplitModel
from backend.rim import shown, whole
from backend.rivals.prompts import after_prompt

MAX_PROMPT = 4_000
"""Characters."""
MAX_NEW_TOKENS = 512
MAX_TEMPERATURE = 2.0


@dataclass(frozen=True)
class Sampling:
    temperature: float = 0.0
    """0 is greedy: always the most likely token."""
    seed: int = 0


@dataclass(frozen=True)
class Written:
    """A text as far as it has been written."""

    text: str = ""
    """Without the prompt; bytes that are no whole character yet are held back."""
    ids: tuple[int, ...] = ()
    edited: tuple[int, ...] = ()
    """Positions of prompt and text at which a clamp changed the residual stream."""
    n_prompt: int = 0
    ended: bool = False
    """The model itself ended the text."""
    statistic: float | None = None
    """The gate's, of all that is written so far; None without a gate."""
    opened_at: int | None = None
    """Length of prompt and text, in tokens, at which the gate opened; None while it is closed, or
    without a gate.
    """
    tokens: tuple[str, ...] = ()
    """The text of each written token; joined they are `text`. A character that several tokens share
    is the last one's, and the others' text is empty.
    """
    log_probs: tuple[float, ...] = ()
    """Of each written token under the model that wrote it, natural, at temperature 1."""

    @property
    def edited_in_prompt(self) -> int:
        return sum(position < self.n_prompt for position in self.edited)


def gate_in_words(written: Written) -> str:
    """When the gate opened, so far; empty without a gate."""
    if written.statistic is None:
        return ""
    if written.opened_at is None:
        return f"the gate stayed closed (statistic {written.statistic:.4g})"
    late = written.opened_at - written.n_prompt
    return "the gate opened at the prompt" if late <= 0 else f"the gate opened after {late} tokens"


def prompt_ids(tokenizer: PreTrainedTokenizerBase, prompt: str, chat: bool) -> list[int]:
    """The prompt's tokens; `chat` puts it into the tokenizer's chat template. Raises BadInput."""
    if not prompt.strip():
        raise BadInput("There is no prompt. Write a question or the beginning of a text.")
    if len(prompt) > MAX_PROMPT:
        raise BadInput(
            f"The prompt has {len(prompt):,} characters; at most {MAX_PROMPT:,} are read."
        )
    whole(prompt, "The prompt")
    if not chat:
        return list(tokenizer(prompt)["input_ids"])
    if not tokenizer.chat_template:
        raise BadInput(
            "This model has no chat template. Take the prompt as the beginning of a text instead."
        )
    coded = tokenizer(templated(tokenizer, prompt), add_special_tokens=False)
    return list(coded["input_ids"])


def pick(logits: Float[Tensor, " d_vocab"], temperature: float, draw: float) -> int:
    """The most likely token at temperature 0, else the one that `draw` (0 to 1) falls on, likely
    tokens first.

    Two texts with the same draws differ only where their probabilities do.
    """
    if temperature == 0:
        return int(logits.argmax())
    probabilities, token = (
        (logits.double() / temperature).softmax(-1).sort(descending=True, stable=True)
    )
    return int(token[min(int(torch.searchsorted(probabilities.cumsum(-1), draw)), len(token) - 1)])


def generate(
    runner: Runner,
    ids: Sequence[int],
    setting: Setting,
    *,
    max_tokens: int,
    sampling: Sampling = Sampling(),
    rates: Rates | None = None,
    push: Push | None = None,
    most: int = MAX_NEW_TOKENS,
) -> Iterator[Written]:
    """Yield the text after each token, until the model ends it or `max_tokens` are written.

    With no clamps this is the model's own generation. `rates` are needed by a cusum gate; a `push`
    takes the place of clamps. Raises BadInput for more tokens than `most`, or if prompt and text do
    not fit the model.
    """
    if not 1 <= max_tokens <= most:
        raise BadInput(f"{max_tokens} tokens were asked for; the length can be 1 to {most}.")
    if not 0 <= sampling.temperature <= MAX_TEMPERATURE:
        raise BadInput(
            f"The temperature can be 0 (greedy) to {MAX_TEMPERATURE:g}, not "
            f"{sampling.temperature:g}."
        )
    if not 0 <= sampling.seed < 2**63:
        raise BadInput(f"The seed can be 0 to {2**63 - 1}, not {shown(sampling.seed)}.")
    longest = runner.model.longest
    if longest is not None and len(ids) + max_tokens > longest:
        raise BadInput(
            f"The prompt's {len(ids)} tokens and {max_tokens} more are too long for this model: it "
            f"reads {longest}."
        )
    ends = _end_ids(runner.model)
    draws = torch.Generator().manual_seed(sampling.seed)
    steps = ClampedSteps(runner, setting, rates, push)
    written: list[int] = []
    tokens: tuple[str, ...] = ()
    log_probs: list[float] = []
    logits = steps.feed(ids)
    for _ in range(max_tokens):
        draw = float(torch.rand((), generator=draws, dtype=torch.float64))
        token = pick(logits, sampling.temperature, draw)
        ended = token in ends
        if not ended:
            written.append(token)
            log_probs.append(float(logits.double().log_softmax(-1)[token]))
        text = decoded(runner.model.tokenizer, written)
        text = text if ended else text.rstrip(UNFINISHED)
        tokens = _cut(runner.model.tokenizer, text, tokens, written)
        yield Written(
            text,
            tuple(written),
            tuple(steps.edited),
            len(ids),
            ended,
            steps.statistic,
            steps.opened_at,
            tokens,
            tuple(log_probs),
        )
        if ended:
            return
        if len(written) < max_tokens:
            logits = steps.feed([token])


def _cut(
    tokenizer: PreTrainedTokenizerBase, text: str, before: tuple[str, ...], ids: Sequence[int]
) -> tuple[str, ...]:
    """The text token by token, where those of `before` are known; at most one is new."""
    known = "".join(before)
    if not text.startswith(known):  # a decoder that changes what it wrote when more comes
        return tuple(texts_of_ids(tokenizer, ids))
    if len(before) < len(ids):
        return (*before, text[len(known) :])
    return (*before[:-1], before[-1] + text[len(known) :]) if before else ()


def writing(
    engine: Engine,
    prompt: str,
    chat: bool,
    setting: Setting,
    *,
    max_tokens: int,
    sampling: Sampling = Sampling(),
) -> Iterator[Written]:
    """What `generate` gives for a setting of any kind: clamps, or what stands in their place. A
    turn at the model is needed for each step.

    Raises BadInput for a prompt that cannot be used, before the first step; BadRival at the first
    step for a rival that is not there.
    """
    setting, ids = engine.check(setting), prompt_ids(engine.tokenizer, prompt, chat)
    if setting.rival is not None and setting.rival.kind == "prompt":
        ids = after_prompt(engine.tokenizer, ids, setting.rival.of, chat)
    return writing_after(engine, ids, setting, max_tokens=max_tokens, sampling=sampling)


def writing_after(
    engine: Engine,
    ids: Sequence[int],
    setting: Setting,
    *,
    max_tokens: int,
    sampling: Sampling = Sampling(),
    most: int = MAX_NEW_TOKENS,
) -> Iterator[Written]:
    """What `writing` gives, after any tokens; those of a rival's prompt are among them already."""
    setting = engine.check(setting)

    def steps() -> Iterator[Written]:
        asked = partial(generate, max_tokens=max_tokens, sampling=sampling, most=most)
        rival = setting.rival
        if rival is None:
            rates = engine.evaluator.rates(setting)
            yield from asked(engine.runner, ids, setting, rates=rates)
        elif rival.kind in PUSHED:
            push = partial(engine.rivals.direction(rival).push, strength=rival.strength)
            yield from asked(engine.runner, ids, NOTHING, push=push)
        elif rival.kind == "prompt":
            yield from asked(engine.runner, ids, NOTHING)
        else:
            yield from asked(engine.rivals.runner(rival), ids, NOTHING)

    return steps()


def _end_ids(model: SplitModel) -> set[int]:
    ends = getattr(model.hf.generation_config, "eos_token_id", None)
    ends = ends if isinstance(ends, list) else [ends]
    return {end for end in [*ends, model.tokenizer.eos_token_id] if end is not None}
