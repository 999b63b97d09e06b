"""RMU trained for a setup: on its model and its text, once, and kept under cache/rmu."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from transformers import PreTrainedModel

from backend import showcase
from backend.data.corpora import read_corpus
from backend.errors import BadInput
from backend.model.loading import Weights, load_tokenizer, weights_of
from backend.model.machine import bits_depend_on
from backend.model.memory import free_bytes
from backend.progress import OnProgress, Progress, silent
from backend.rivals.pieces import ROLES, Pieces, cut
from backend.rivals.recipe import Recipe
from backend.rivals.rmu import activations, matrices_of, train
from backend.rivals.trained import SUFFIX, Text, Trained, folder_of, save, trained_in
from backend.setups import CorpusSource, Setup
from backend.store import LOCK, check_room, key, locked
from backend.wording import in_bytes

STATE_BYTES = 12
"""Of one trained number on disk: itself and its two moments, in float32."""
TRAINED_BYTES = 20
"""In memory: these, the gradient, and the rounded copy with its own."""


def needs_in_words(hf: PreTrainedModel, recipe: Recipe, folder: Path) -> str:
    """What training will take, before it begins.

    Raises Unavailable if the disk has no room for it.
    """
    n = sum(hf.get_parameter(name).numel() for name in matrices_of(hf, recipe))
    disk = 2 * n * STATE_BYTES  # the state, and the one that takes its place
    check_room(folder, disk)
    memory = n * TRAINED_BYTES + activations(hf, recipe)
    free = free_bytes(hf.device)
    there = "" if free is None else f" ({in_bytes(free)} free)"
    return (
        f"Training RMU: {recipe.in_words}. About {in_bytes(memory)} of memory beside the "
        f"model{there}, and {in_bytes(disk)} of disk meanwhile."
    )


class _Asked(NamedTuple):
    """A training that is asked for: what it is of, and how it is known."""

    weights: Weights
    pieces: Pieces
    text: Text
    special: frozenset[int]
    folder: Path
    name: str
    """Changes with whatever can change a bit of what is trained."""

    def finished(self) -> Trained | None:
        return next((t for t in trained_in(self.folder) if t.about.training == self.name), None)


def kept(setup: Setup, recipe: Recipe, on_progress: OnProgress = silent) -> Trained | None:
    """What `train_for` would find finished. Raises as it does."""
    return _asked(setup, recipe, on_progress).finished()


def train_for(setup: Setup, recipe: Recipe, on_progress: OnProgress = silent) -> Trained:
    """The setup's model trained by a recipe on its text, kept under cache/rmu; one that is finished
    is found there.

    One process trains while others wait for it. Raising from `on_progress` stops it, and it goes on
    from there the next time. Raises ClampboardError in words.
    """
    showcase.refuse()
    asked = _asked(setup, recipe, on_progress)

    def on_wait() -> None:
        on_progress(Progress("Another process is training this RMU; waiting for it", 0, 0, None))

    with locked(asked.folder / f"{asked.name}{LOCK}", on_wait):
        found = asked.finished()
        return _trained_now(setup, recipe, asked, on_progress) if found is None else found


def _trained_now(setup: Setup, recipe: Recipe, asked: _Asked, on_progress: OnProgress) -> Trained:
    on_progress(Progress("Loading the model", 0, 1, None))
    hf, _ = asked.weights.load()
    said = needs_in_words(hf, recipe, asked.folder)
    on_progress(Progress("Measuring", 0, 1, None, said))
    state = asked.folder / "states" / f"{asked.name}{SUFFIX}"
    out = train(hf, recipe, asked.pieces, setup.untouched, asked.special, state, on_progress)
    trained = save(
        asked.folder,
        recipe,
        out.matrices,
        out.base,
        model=setup.model.name,
        text=asked.text,
        training=asked.name,
        length=out.length,
        before=out.before,
        after=out.after,
        command=f"python -m backend rmu {setup.name} {recipe.arguments}",
    )
    state.unlink(missing_ok=True)
    return trained


def _asked(setup: Setup, recipe: Recipe, on_progress: OnProgress) -> _Asked:
    weights = weights_of(setup, on_progress)
    folder = folder_of(weights.fingerprint)
    on_progress(Progress("Reading the texts", 0, 1, None))
    tokenizer, longest = load_tokenizer(weights.source), weights.longest()
    if longest is not None and recipe.tokens > longest:
        raise BadInput(
            f"Pieces of {recipe.tokens:,} tokens are asked for, but this model reads {longest:,}: "
            "lower tokens."
        )
    texts = [
        read_corpus(tokenizer, source, folder / "text", longest) for source in sources_of(setup)
    ]
    pieces = Pieces(*(cut(text.ids, recipe.tokens, tokenizer.bos_token_id) for text in texts))
    forget, retain = (text.title for text in texts)
    text = Text(forget=forget, retain=retain, tokens=pieces.sha256())
    name = key(
        {
            "recipe": asdict(recipe),
            "model": weights.fingerprint,
            "dtype": weights.dtype,
            "untouched": sorted(setup.untouched),
            "text": text.tokens,
            "bits": bits_depend_on(weights.device),
        }
    )
    return _Asked(weights, pieces, text, frozenset(tokenizer.all_special_ids), folder, name)


def sources_of(setup: Setup) -> list[CorpusSource]:
    """The forget and the retain text RMU is trained on."""
    own = () if setup.rmu is None else setup.rmu.corpora
    by_role = {source.role: source for source in (*setup.corpora, *own)}
    return [by_role[role] for role in ROLES]
