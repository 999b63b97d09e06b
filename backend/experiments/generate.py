"""What the model writes, token by token, with and without clamps.

Keys and values are kept, so a new token costs one step through the head, one look of the SAE at one
position, the edit of backend.interventions.edit there, and one step through the tail.

The rules on which positions a clamp leaves alone are the setup's own, as on the board ("first",
"special", "sinks"). A sink is told by the median norm of its row's prefix, and that is the prompt
here: a verdict never changes while the text grows, and a full forward pass over the finished text
gives the same (tests/backend/test_generate.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.data.prompts import templated
from backend.data.token_text import UNFINISHED, decoded
from backend.errors import BadInput
from backend.interventions.edit import Clamps
from backend.model.attention import Growing, Sight
from backend.model.positions import untouched
from backend.model.runner import Runner
from backend.model.split import SplitModel
from backend.rim import shown, whole

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

    @property
    def edited_in_prompt(self) -> int:
        return sum(position < self.n_prompt for position in self.edited)


class ClampedSteps:
    """A row being written: feeds tokens through head, edit and tail, and keeps what later tokens
    attend to.
    """

    def __init__(self, runner: Runner, clamps: Clamps):
        model = runner.model
        self._model = model
        self._sae = runner.sae
        self._clamps = clamps
        self._rules = runner.untouched
        self._special = frozenset(model.tokenizer.all_special_ids)
        self._keys, self._n_prompt = Growing(), 0
        self._ids = torch.empty(1, 0, dtype=torch.int64, device=model.device)
        self._resid = torch.empty(1, 0, model.d_model, device=model.device)
        self.edited: list[int] = []

    @torch.inference_mode()
    def feed(self, ids: Sequence[int]) -> Float[Tensor, " d_vocab"]:
        """Logits after the last of these tokens."""
        new = torch.tensor([list(ids)], device=self._model.device)
        begin = self._ids.shape[1]
        self._n_prompt = self._n_prompt or len(ids)
        position = torch.arange(begin, begin + len(ids), device=self._model.device)[None]
        sight = Sight.causal(1, begin + len(ids), self._model.device, n_cached=begin)
        resid = self._model.run_head(new, sight, position, self._keys)
        self._ids = torch.cat([self._ids, new], 1)
        self._resid = torch.cat([self._resid, resid.float()], 1)
        resid = self._edit(resid, begin)
        final = self._model.run_tail(resid, sight, position, joining=self._keys)
        return self._model.logits(final[0, -1:])[0]

    def _edit(
        self, resid: Float[Tensor, "1 new d_model"], begin: int
    ) -> Float[Tensor, "1 new d_model"]:
        if not self._clamps:
            return resid
        real = torch.ones_like(self._ids, dtype=torch.bool)
        prompt = torch.arange(self._ids.shape[1], device=real.device)[None] < self._n_prompt
        exempt = untouched(self._ids, self._resid, real, self._rules, self._special, prompt)[
            0, begin:
        ]
        features = torch.tensor([clamp.feature for clamp in self._clamps], device=resid.device)
        values = torch.tensor([clamp.value for clamp in self._clamps], device=resid.device)
        acts = self._sae.encode(resid[0])[:, features]
        fires = (acts > 0) & ~exempt[:, None]
        at = fires.any(-1)
        self.edited += (begin + at.nonzero().squeeze(-1)).tolist()
        delta = torch.where(fires, values - acts, 0.0)[at] @ self._sae.W_dec[features]
        resid = resid.clone()
        resid[0, at] = (resid[0, at].float() + delta).to(resid.dtype)
        return resid


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
    clamps: Clamps,
    *,
    max_tokens: int,
    sampling: Sampling = Sampling(),
) -> Iterator[Written]:
    """Yield the text after each token, until the model ends it or `max_tokens` are written.

    With no clamps this is the model's own generation. Raises BadInput if prompt and text do not fit
    the model.
    """
    if not 1 <= max_tokens <= MAX_NEW_TOKENS:
        raise BadInput(
            f"{max_tokens} tokens were asked for; the length can be 1 to {MAX_NEW_TOKENS}."
        )
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
    steps = ClampedSteps(runner, clamps)
    written: list[int] = []
    logits = steps.feed(ids)
    for _ in range(max_tokens):
        draw = float(torch.rand((), generator=draws, dtype=torch.float64))
        token = pick(logits, sampling.temperature, draw)
        ended = token in ends
        if not ended:
            written.append(token)
        text = decoded(runner.model.tokenizer, written)
        text = text if ended else text.rstrip(UNFINISHED)
        yield Written(text, tuple(written), tuple(steps.edited), len(ids), ended)
        if ended:
            return
        if len(written) < max_tokens:
            logits = steps.feed([token])


def _end_ids(model: SplitModel) -> set[int]:
    ends = getattr(model.hf.generation_config, "eos_token_id", None)
    ends = ends if isinstance(ends, list) else [ends]
    return {end for end in [*ends, model.tokenizer.eos_token_id] if end is not None}
