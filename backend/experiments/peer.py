"""SAEBench's own evaluation of the same questions, token by token the same, where its package is
installed: `pip install --no-deps sae-bench==0.6.0`.

Its functions know Gemma and Mistral by name alone, and load their questions from the hub. So the
model is handed to them under Gemma's name, which takes letters with a space before them as well,
and the prompts are the recording's tokens. One value clamps all features, at every token but a
text's first (sae_bench.evals.unlearning).
"""

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from backend.data.questions import Packed
from backend.engine.engine import Engine
from backend.engine.evaluator import Evaluator
from backend.errors import BadInput
from backend.evaluation.change import affected_questions
from backend.experiments.bench import typical_feature
from backend.experiments.moves import with_own_answers
from backend.features.presets import forget_features
from backend.interventions.clamps import clamp_set
from backend.interventions.method import Setting, setting_of
from backend.progress import OnProgress, Pace, silent

NAME = "gemma-2-2b-it"
"""The name under which the letters are read as the paper reads them."""
BATCH = 8
VALUE = 60.0
"""Features are set to minus this."""
MANY = 20
Result = TypeVar("Result")


class Row(NamedTuple):
    what: str
    seconds: float
    peer_s: float
    ratio: float
    careful_s: float
    ratio_careful: float
    questions: int
    agreeing: int
    """Questions with the same prediction."""


class _FirstOfEachRow:
    """Is a text's first token, whatever it is: SAEBench sees that every prompt begins with BOS."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, tokens: object) -> Any:
        assert isinstance(tokens, Tensor)
        return torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens) == 0


class _Model:
    """TransformerLens's bridge, in the words of the model that SAEBench expects; a prompt is the
    number of its question.
    """

    def __init__(self, bridge: TransformerBridge, packed: Sequence[Packed], tokenizer: Any):
        self._bridge, self._packed, self._tokenizer = bridge, packed, tokenizer
        self.cfg = copy.copy(bridge.cfg)
        self.cfg.model_name = NAME
        self.tokenizer = self
        self.bos_token_id = _FirstOfEachRow()

    def to_tokens(self, texts: str | list[str], **_: object) -> Tensor:
        several = [texts] if isinstance(texts, str) else texts
        rows = [
            self._packed[int(text)].ids if text.isdecimal() else self._tokenizer(text)["input_ids"]
            for text in several
        ]
        width = max(map(len, rows))
        return torch.tensor([row + [0] * (width - len(row)) for row in rows])

    def __call__(self, tokens: Tensor, return_type: str) -> Tensor:
        logits: Tensor = self._bridge(tokens, return_type=return_type)
        return logits

    def reset_hooks(self) -> None:
        self._bridge.reset_hooks()

    def add_hook(self, name: str, hook: Callable[..., Tensor]) -> None:
        self._bridge.add_hook(name, hook)


def beside_saebench(engine: Engine, every: int, on_progress: OnProgress = silent) -> list[Row]:
    """A feature that touches a fifth of the questions and the first 20 of the paper's ranking from
    nothing, and one of the 20 switched off, each by the engine, by SAEBench and by the full forward
    pass written with care. Raises BadInput without its package, or where
    questions are not scored by letter.
    """
    try:
        from sae_bench.evals.unlearning.utils import metrics
    except ImportError as error:
        raise BadInput(
            f"SAEBench cannot be imported ({error}). Install it beside the others: .venv/bin/pip "
            "install --no-deps sae-bench==0.6.0"
        ) from error
    from backend.experiments.full_pass import full_pass

    if engine.setup.scoring != "letter":
        raise BadInput("SAEBench asks for letters: take a setup that is scored by letter.")
    only = torch.arange(engine.n_questions) % every == 0
    packed = [engine.packed[place] for place in only.nonzero().squeeze(-1).tolist()]
    hf, tokenizer = engine.load_plain()
    plain, _ = engine.load_plain()
    bridge = TransformerBridge.boot_transformers(
        hf.config._name_or_path, hf_model=hf, tokenizer=tokenizer, dtype=hf.dtype, device="cpu"
    )
    sae = copy.deepcopy(engine.sae.sae).to(dtype=hf.dtype)
    sae.cfg.hook_name = engine.sae.hook_name  # where SAEBench looks for it
    model = _Model(bridge, packed, tokenizer)
    prompts = [str(place) for place in range(len(packed))]
    n_batches = -(-len(prompts) // BATCH)

    def peer(setting: Setting) -> Float[Tensor, "question choice"]:
        metrics.modify_model(
            model,
            sae,
            intervention_method="clamp_feature_activation",
            features_to_ablate=list(setting.features),
            multiplier=-setting.clamps[0].value,
        )
        with torch.no_grad():
            probs = metrics.get_output_probs_abcd(model, prompts, BATCH, n_batches, verbose=False)
        found: Tensor = probs.float().cpu()
        return found

    def careful(setting: Setting) -> Float[Tensor, "question choice"]:
        return full_pass(plain, engine.runner, packed, setting, "letter")

    ranked = forget_features(engine.atlas.table, 50, 0.01)
    features = ranked[:MANY]
    one, twenty = _all_to([typical_feature(engine, ranked, only)]), _all_to(features)
    off = _all_to([f for f in features if f != _typical(engine, features, only)])
    with tempfile.TemporaryDirectory() as folder:
        known = with_own_answers(engine, Path(folder))
        pace = Pace("Beside SAEBench", 9, on_progress)
        # Keys and values come with the first run.
        for setting in (twenty, one):
            engine.evaluate(setting, only=only, anew=True)

        def beside(what: str, setting: Setting, evaluator: Evaluator, anew: bool) -> Row:
            fast, seconds = timed(lambda: evaluator.evaluate(setting, only=only, anew=anew))
            pace.advance(1)
            theirs, peer_s = timed(lambda: peer(setting))
            pace.advance(1)
            _, careful_s = timed(lambda: careful(setting))
            pace.advance(1)
            same = fast.predictions()[only] == theirs.argmax(-1)
            ratios = (seconds, peer_s, peer_s / seconds, careful_s, careful_s / seconds)
            return Row(what, *ratios, len(packed), int(same.sum()))

        rows = [
            beside("1 feature that touches a fifth, from nothing", one, engine.evaluator, True),
            beside("20 features from nothing", twenty, engine.evaluator, True),
        ]
        known.evaluate(twenty, only=only)
        rows.append(beside("one of 20 switched off", off, known, False))
    return rows


def timed(run: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    found = run()
    return found, time.perf_counter() - start


def _all_to(features: Sequence[int]) -> Setting:
    return setting_of(clamp_set((feature, -VALUE) for feature in features))


def _typical(engine: Engine, features: Sequence[int], only: Tensor) -> int:
    """The one that touches the median number of the questions."""
    touched = [
        (int((affected_questions(engine.recording, _all_to([f])) & only).sum()), f)
        for f in features
    ]
    return sorted(touched)[len(touched) // 2][1]


def markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| against SAEBench | engine, s | SAEBench, s | ratio | careful pass, s | ratio | "
        "same prediction |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r.what} | {r.seconds:.2f} | {r.peer_s:.1f} | {r.ratio:.1f} | {r.careful_s:.1f} | "
            f"{r.ratio_careful:.1f} | {r.agreeing} of {r.questions} |"
        )
    return "\n".join(lines)
