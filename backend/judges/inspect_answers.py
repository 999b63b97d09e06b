"""An answer as a judge asked for it: how long it may be, where it stops, and why it ended."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from backend.errors import BadInput
from backend.experiments.generate import Written

StopReason = Literal["stop", "max_tokens", "model_length"]


class Answer(NamedTuple):
    text: str
    """Up to the first stop sequence, without it."""
    tokens: tuple[str, ...]
    """The written tokens that the text is made of; the last may reach beyond it."""
    log_probs: tuple[float, ...]
    """Of each of these, natural, at temperature 1."""
    reason: StopReason


def room(longest: int | None, n_prompt: int, max_tokens: int) -> int:
    """How many tokens can be written: `max_tokens`, or as many as the model has positions left.

    Raises BadInput for a prompt that leaves none: an answer that is not there would count as wrong.
    """
    if max_tokens < 1:
        raise BadInput(f"{max_tokens} tokens were asked for; an answer has 1 at least.")
    if longest is None:
        return max_tokens
    if n_prompt >= longest:
        raise BadInput(
            f"A prompt has {n_prompt:,} tokens, and this model reads {longest:,}: it cannot be "
            "asked. Leave the question out, or take fewer worked examples."
        )
    return min(max_tokens, longest - n_prompt)


def checked_stops(stops: Sequence[str] | None) -> tuple[str, ...]:
    """Raises BadInput for one that is empty, which stands at every place."""
    if any(not stop for stop in stops or ()):
        raise BadInput("A stop sequence is empty; leave it out.")
    return tuple(stops or ())


def stopped_at(text: str, stops: Sequence[str]) -> int | None:
    """Where the first of these sequences begins; None where there is none."""
    return min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)


def answer_of(written: Written, stops: Sequence[str], max_tokens: int) -> Answer:
    """What was written, up to the first stop sequence; `max_tokens` is what was asked for."""
    at = stopped_at(written.text, stops)
    if at is None:
        reason: StopReason = "max_tokens" if len(written.ids) >= max_tokens else "model_length"
        reason = "stop" if written.ended else reason
        return Answer(written.text, written.tokens, written.log_probs, reason)
    n = length = 0
    while length < at:
        length += len(written.tokens[n])
        n += 1
    return Answer(written.text[:at], written.tokens[:n], written.log_probs[:n], "stop")
