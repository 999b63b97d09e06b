"""The hooked model under lm-evaluation-harness's own class for transformers models.

What its HFLM does with words, tokens and log-probabilities stays its own. It pads rows on the right
without saying where they end, and its generation reads several prompts at once; here each batch is
told first, and texts are written one at a time.

To be imported only where lm-eval is installed: backend.judges.harness sees to that.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM

from backend.judges.hooked_model import HookedModel
from backend.progress import OnProgress, Pace, silent

NAME = "clampboard"
"""What the harness knows the model by."""
Request = tuple[Any, list[int], list[int]]
"""The texts (None for a part of a long text), tokens of the context, tokens of what follows."""


@dataclass(frozen=True)
class Row:
    """A sequence as the harness gives it to the model."""

    ids: tuple[int, ...]
    n_prefix: int | None
    """Tokens of the context; None for a part of a text, which is its own."""

    @property
    def unpadded(self) -> tuple[int, ...]:
        """What is told from other rows once they are padded, which the harness does with 0."""
        n = len(self.ids)
        while n and self.ids[n - 1] == 0:
            n -= 1
        return self.ids[:n]


@dataclass
class _Batch:
    places: list[int] = field(default_factory=list)
    """Of the requests it answers."""
    rows: dict[tuple[int, ...], Row] = field(default_factory=dict)
    """By what is told of them under padding."""


@register_model(NAME)
class HarnessModel(HFLM):
    """See the module's text."""

    handed: ClassVar["tuple[HookedModel, int, OnProgress] | None"] = None
    """What the harness, which makes its model by name, is to make it of."""

    def __init__(self, hooked: HookedModel, batch_size: int = 1, on_progress: OnProgress = silent):
        said = logging.getLogger("lm_eval.models.huggingface")
        level = said.level
        said.setLevel(logging.ERROR)  # it warns of a model that is handed to it
        super().__init__(
            pretrained=hooked.hf,
            tokenizer=hooked.tokenizer,
            backend="causal",
            batch_size=batch_size,
            softmax_dtype="float32",
        )
        said.setLevel(level)
        self._hooked, self._on_progress = hooked, on_progress
        self._rows: dict[tuple[int, ...], Row] = {}

    @classmethod
    def create_from_arg_obj(cls, arg_dict: Any, additional_config: Any = None) -> Any:
        """The model that was handed over; the arguments are for the harness's record alone."""
        assert cls.handed is not None, "hand a model over first"
        return cls(*cls.handed)

    def _loglikelihood_tokens(
        self,
        requests: Any,
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> Any:
        # Of a long text there are too few parts to report.
        report = self._on_progress if override_bs is None else silent
        pace = Pace("Scoring by lm-eval", len(requests), report)
        answers: list[Any] = [None] * len(requests)
        for batch in self._batches(requests):
            self._rows = batch.rows
            part = [requests[place] for place in batch.places]
            found = super()._loglikelihood_tokens(part, disable_tqdm=True)
            for place, answer in zip(batch.places, found, strict=True):
                answers[place] = answer
            pace.advance(len(part))
        return answers

    def _batches(self, requests: Sequence[Request]) -> Iterator[_Batch]:
        """At most `batch_size` different rows each, long ones first; no two that padding makes the
        same.
        """
        places: dict[Row, list[int]] = {}
        for place, request in enumerate(requests):
            places.setdefault(self._row(request), []).append(place)
        batch = _Batch()
        for row in sorted(places, key=lambda row: -len(row.ids)):
            if len(batch.rows) == self.batch_size or row.unpadded in batch.rows:
                yield batch
                batch = _Batch()
            batch.rows[row.unpadded] = row
            batch.places += places[row]
        if batch.places:
            yield batch

    def _row(self, request: Request) -> Row:
        """As the harness cuts it: without the last token, and too long a text from the left."""
        words, context, following = request
        ids = (context + following)[-(self.max_length + 1) :][:-1]
        return Row(tuple(ids), None if words is None else len(ids) - len(following) + 1)

    def _model_call(self, inps: torch.Tensor, attn_mask: Any = None, labels: Any = None) -> Any:
        rows = [self._rows[Row(tuple(ids), None).unpadded] for ids in inps.tolist()]
        with self._hooked.scoring([(len(row.ids), row.n_prefix) for row in rows]):
            return super()._model_call(inps, attn_mask, labels)

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> Any:
        """One text at a time: padding would move what is first in it."""
        self.batch_size_per_gpu, several = 1, self.batch_size_per_gpu
        try:
            return super().generate_until(requests, disable_tqdm=disable_tqdm)
        finally:
            self.batch_size_per_gpu = several

    def _model_generate(self, context: Any, max_length: int, stop: Any, **given: Any) -> Any:
        with self._hooked.writing():
            # A compiled step would not run the hook's own code with each token.
            given["disable_compile"] = True
            return super()._model_generate(context, max_length, stop, **given)
