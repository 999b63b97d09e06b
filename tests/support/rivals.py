"""What stands in the place of clamps, on toys; and each kind's slow path: whole passes of a plain
copy of the model, with what the rival does written out by hand.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from concept_erasure import LeaceEraser
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from backend.data.questions import Packed, choice_scores
from backend.engine.engine import Engine
from backend.evaluation.reference import unpacked
from backend.interventions.rival import PUSHED, Pushed, Rival, RivalKind
from backend.model import positions
from backend.rivals.recipe import Recipe
from backend.rivals.trained import Losses, Text, folder_of, save
from backend.setups import Scoring
from tests.support.gemma import as_gemmas
from tests.support.toy import build_model, build_tokenizer, write_setup

PROMPT = "You know nothing about cells or the heart."
STRENGTHS: dict[Pushed, float] = {
    "difference-of-means": 4.0,
    "projection": 2.5,
    "leace": 3.0,
    "random-direction": 5.0,
}


def untrained(engine: Engine, seed: int = 0, far: float = 0.3) -> Rival:
    """As if RMU had been trained on the engine's model: the matrices of blocks 0 to 2 moved at
    random, before and behind the hook.
    """
    hf, _ = engine.load_plain()
    names = [f"model.layers.{block}.mlp.down_proj.weight" for block in range(3)]
    own = {name: hf.get_parameter(name) for name in names}
    drawn = torch.Generator().manual_seed(seed)
    trained = save(
        folder_of(engine.weights.fingerprint),
        Recipe(layer=2, seed=seed),
        {name: old + far * torch.randn(old.shape, generator=drawn) for name, old in own.items()},
        own,
        model=engine.setup.model.name,
        text=Text(forget="biology text", retain="other text", tokens="0" * 64),
        training="by hand",
        length=1.0,
        before=Losses(forget=1.0, retain=0.0),
        after=Losses(forget=0.5, retain=0.1),
        command="none",
    )
    return Rival("rmu", trained.name)


def rival_of(engine: Engine, kind: RivalKind) -> Rival:
    """One of each kind that does something on a toy."""
    if kind == "rmu":
        return untrained(engine)
    if kind == "prompt":
        return Rival("prompt", PROMPT)
    return engine.rivals.named(kind, strength=STRENGTHS[kind])


Push = Callable[[Tensor], Tensor]
"""Residuals [pos, d_model] to those with the rival."""


class Slow:
    """A rival by whole passes of a plain copy of the engine's model, one sequence at a time."""

    def __init__(self, engine: Engine, rival: Rival | None, before: str = ""):
        """`before`: what the tokenizer or the chat format put before a text."""
        self._engine = engine
        self._hf, self._tokenizer = engine.load_plain()
        self.push: Push | None = None
        """Of a direction."""
        self._new: list[int] = []
        self._at = len(self._ids_of(before))
        if rival is None:
            return
        if rival.kind in PUSHED:
            self.push = self._pushed(rival)
        elif rival.kind == "prompt":
            self._new = self._ids_of(f"{rival.of}\n\n")
        else:
            matrices = next(t for t in engine.rivals.trained() if t.name == rival.of).matrices()
            for name, matrix in matrices.items():
                self._hf.get_parameter(name).copy_(matrix)

    def _ids_of(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    @torch.inference_mode()
    def log_probs(self, ids: Sequence[int], n_prefix: int) -> Tensor:
        """[pos, vocab], of the sequence's own positions alone. Its first `n_prefix` tokens are
        those by which a sink is told.
        """
        asked = [*ids[: self._at], *self._new, *ids[self._at :]]

        def hook(module: object, args: object, output: Tensor | tuple[Tensor, ...]) -> object:
            resid = output[0] if isinstance(output, tuple) else output
            assert self.push is not None
            alone = self._exempt(asked, resid[0], n_prefix)
            new = torch.where(alone[:, None], resid[0], self.push(resid[0]))[None]
            return (new, *output[1:]) if isinstance(output, tuple) else new

        handle: RemovableHandle | None = None
        if self.push is not None:
            handle = self._hf.model.layers[self._engine.model.block].register_forward_hook(hook)
        logits = self._hf(torch.tensor([asked])).logits[0].float()
        if handle is not None:
            handle.remove()
        own = [*range(self._at), *range(self._at + len(self._new), len(asked))]
        return logits.log_softmax(-1)[own]

    def scores(self, packed: Sequence[Packed], scoring: Scoring) -> Tensor:
        """[question, choice]"""
        read = []
        for q, question in enumerate(packed):
            for ids, n_prefix, entries in unpacked(question):
                found = self.log_probs(ids, n_prefix)
                for pos, token, choice, weight in entries:
                    read.append((q, choice, weight * float(found[pos, token])))
        question, choice, value = (torch.tensor(column) for column in zip(*read, strict=True))
        return choice_scores(value.float(), choice, question, len(packed), scoring)

    def written(self, ids: Sequence[int], n: int) -> list[int]:
        """The likeliest n tokens after these, each by a whole pass."""
        out = list(ids)
        for _ in range(n):
            out.append(int(self.log_probs(out, len(ids))[-1].argmax()))
        return out[len(ids) :]

    @torch.inference_mode()
    def touched(self, ids: Sequence[int], n_prefix: int) -> list[int]:
        """Positions that a clamp may touch."""
        states = self._hf(torch.tensor([list(ids)]), output_hidden_states=True).hidden_states
        resid = states[self._engine.model.block + 1][0]
        return (~self._exempt(ids, resid, n_prefix)).nonzero().flatten().tolist()

    @property
    def ends(self) -> set[int]:
        """Tokens that end a text."""
        found = self._hf.generation_config.eos_token_id
        return {self._tokenizer.eos_token_id, *(found if isinstance(found, list) else [found])}

    def _exempt(self, ids: Sequence[int], resid: Tensor, n_prefix: int) -> Tensor:
        """The rules of backend.model.positions in a loop."""
        rules, special = self._engine.setup.untouched, set(self._tokenizer.all_special_ids)
        norms = resid.float().norm(dim=-1)
        median = norms[:n_prefix].median()
        return torch.tensor(
            [
                ("first" in rules and t == 0)
                or ("special" in rules and token in special)
                or ("sinks" in rules and bool(norms[t] > positions.SINK_RATIO * median))
                for t, token in enumerate(ids)
            ]
        )

    @torch.inference_mode()
    def residuals(self) -> tuple[Tensor, Tensor]:
        """At the hook, of the forget and of the retain text, without what no clamp touches."""
        found: dict[str, list[Tensor]] = {"forget": [], "retain": []}
        for scanned in self._engine.atlas.corpora:
            for ids in scanned.corpus.ids:
                states = self._hf(torch.tensor([ids]), output_hidden_states=True).hidden_states
                resid = states[self._engine.model.block + 1][0]
                found[scanned.corpus.role].append(resid[~self._exempt(ids, resid, len(ids))])
        return torch.cat(found["forget"]), torch.cat(found["retain"])

    def _pushed(self, rival: Rival) -> Push:
        forget, retain = (resid.double() for resid in self.residuals())
        apart, s = forget.mean(0) - retain.mean(0), rival.strength
        which = torch.cat([torch.ones(len(forget)), torch.zeros(len(retain))]).double()
        eraser = LeaceEraser.fit(torch.cat([forget, retain]), which)
        drawn = self._engine.rivals.direction(rival).shift  # of a random one: it has no other hand
        added: Push = {
            "difference-of-means": lambda r: -s * apart,
            "projection": lambda r: -s * (r @ apart)[:, None] * apart / (apart @ apart),
            "leace": lambda r: s * (eraser(r) - r),
            "random-direction": lambda r: s * drawn,
        }[rival.kind]
        return lambda resid: (resid.double() + added(resid.double())).float()


def toy_of(folder: Path, architecture: str = "llama", *, chat: bool = False, **setup: Any) -> Path:
    """The toy's setup with a model of another kind; `chat`: with Gemma's special tokens and chat
    format.
    """
    path = write_setup(folder, **setup)
    tokenizer = as_gemmas(build_tokenizer()) if chat else build_tokenizer()
    build_model(len(tokenizer), architecture).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return path
