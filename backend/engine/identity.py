"""What every figure of a setup is of, in words: the model, the SAE, and how questions are asked."""

import os
from pathlib import Path
from typing import NamedTuple

import torch

from backend.engine.engine import Engine
from backend.engine.known import in_words
from backend.setups import Rule, SaeSource
from backend.wording import in_bytes

UNTOUCHED: dict[Rule, str] = {
    "first": "the first token",
    "special": "special tokens",
    "sinks": "attention sinks",
}
SCORED = {
    "letter": "scored by the letter",
    "cloze": "scored by each option's log-probability",
    "cloze_per_char": "scored by each option's log-probability a character",
}


class Fact(NamedTuple):
    name: str
    value: str


def identity(engine: Engine) -> list[Fact]:
    """In the order in which people ask for it."""
    setup, sae = engine.setup, engine.sae
    revision = f", revision {setup.model.revision}" if setup.model.revision else ""
    facts = [
        Fact("Model", f"{setup.model.name}{revision}"),
        Fact("Precision", f"{engine.dtype} on {engine.device}; the SAE in float32"),
        Fact("SAE", sae_in_words(setup.sae)),
        Fact("Hook", f"{sae.hook_name}, after block {engine.model.block + 1} of "
             f"{engine.model.n_blocks}"),
        Fact("Features", f"{engine.d_sae:,}, {sae.sae.cfg.architecture()}"),
        Fact("L0", l0_in_words(engine)),
        Fact("Normalisation", "none: a clamp's value is a raw activation"),
        Fact("Never touched", ", ".join(UNTOUCHED[rule] for rule in setup.untouched) or "nothing"),
        Fact("Prompt", f"{setup.protocol.prompt}, {SCORED[setup.scoring]}"),
        Fact("Questions", f"{engine.n_questions:,}, {engine.recording.rows.n_tokens:,} tokens. "
             f"{in_words(setup.known)}"),
        Fact("Statistics", " and ".join(
            f"{s.n_counted:,} tokens of {s.corpus.title}" for s in engine.atlas.corpora)),
        Fact("On disk", in_bytes(sum(engine.sizes_on_disk().values()))),
    ]  # fmt: skip
    held = memory_in_words(engine.device)
    return [*facts, Fact("Memory now", held)] if held else facts


def sae_in_words(source: SaeSource) -> str:
    """Its file or folder, without the path to it, or its release and id."""
    if source.path is not None:
        return "/".join(source.path.parts[-2:])
    return f"{source.release}, {source.sae_id}"


def mean_l0(engine: Engine) -> list[tuple[str, float]]:
    """Title of each corpus, and how many features are active on one of its tokens, on average."""
    return [
        (s.corpus.title, float(s.stats.count.sum()) / max(1, s.n_counted))
        for s in engine.atlas.corpora
    ]


def l0_in_words(engine: Engine) -> str:
    return "; ".join(f"{mean:.1f} on {title}" for title, mean in mean_l0(engine)) + ", a token"


def memory_in_words(device: str) -> str:
    """Of this process, and of the device it uses; empty where the system does not say."""
    own = resident_bytes()
    said = [] if own is None else [in_bytes(own)]
    if device.startswith("cuda"):
        said.append(f"{in_bytes(torch.cuda.memory_allocated(device))} on {device}")
    return ", ".join(said)


def resident_bytes(statm: Path = Path("/proc/self/statm")) -> int | None:
    """Memory this process holds now; None where the system does not say."""
    try:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
