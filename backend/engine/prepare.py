"""From a setup to what is answered from: loaded, recorded and scanned, or read from cache/."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from backend.data.corpora import Corpus, read_corpus
from backend.data.prompts import pack, pack_text
from backend.data.question_sets import read_set
from backend.data.questions import Packed, QuestionSets
from backend.engine.known import only_known
from backend.engine.needs import Forecast, needs
from backend.errors import BadSetup
from backend.evaluation.recordings import FORMAT, Recording, record, with_keys
from backend.evaluation.results import Results
from backend.features.atlas import Atlas
from backend.features.labels import labels_of
from backend.features.scan import scan
from backend.features.table import prepared_table, table_key
from backend.model.loading import Weights, weights_of
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.model.sae import LoadedSae, fingerprint, load_sae
from backend.model.split import split
from backend.parts import Parts
from backend.progress import OnProgress, Progress
from backend.setups import Scoring, Setup
from backend.store import (
    LOCK,
    cache_folder,
    check_room,
    if_it_can_be_kept,
    key,
    locked,
    sweep_leftovers,
)

TOKENS_PER_BATCH = {
    ("cpu", "float32"): 256,
    ("cpu", "bfloat16"): 512,
    ("cuda", "float32"): 16384,
    ("cuda", "bfloat16"): 16384,
}
"""The fastest of 256 to 4,096 for float32 on two cores, and the one that answers first; the others
are not measured.
"""
KEYS_ROOM_CPU = 1_600_000_000
"""Bytes of keys and values kept on a CPU; what takes more is not kept."""
ROOM_SHARE = 0.3
"""On a GPU, the share of its free memory that keys and values may take, and after them the
residuals.
"""


class RecordedText(NamedTuple):
    """The text whose loss the board shows, and what was found of it."""

    title: str
    recording: Recording
    results: Results


@dataclass(frozen=True)
class Prepared:
    """All that is answered from; made once, and the same in every process."""

    weights: Weights
    runner: Runner
    sets: QuestionSets
    packed: list[Packed]
    """Every question in tokens, in the order of the sets."""
    key: str
    """Changes with whatever can change a recorded number."""
    folder: Path
    """Where it lies on disk."""
    recording: Recording
    atlas: Atlas
    text: RecordedText | None


def prepare(setup: Setup, on_progress: OnProgress) -> Prepared:
    """Load and record; what was prepared before is read. Raises ClampboardError in words."""
    weights = weights_of(setup, on_progress)
    runner = _runner(setup, weights, on_progress)
    on_progress(Progress("Reading the questions", 0, 1, None))
    sets = QuestionSets(tuple(read_set(source) for source in setup.sets))
    sets = only_known(setup, sets, runner, weights.fingerprint, on_progress)
    tokenizer = runner.model.tokenizer
    packed = [pack(tokenizer, q, setup.protocol, s.worked(q)) for s, q in sets.places()]
    name = key(_spec(setup, weights, runner.sae, sets))
    folder = cache_folder() / "setups" / name
    sweep_leftovers(cache_folder())

    def on_wait() -> None:
        on_progress(Progress("Another process is preparing this setup; waiting for it", 0, 0, None))

    with locked(folder.with_suffix(LOCK), on_wait):
        return _prepare_in(folder, setup, weights, runner, sets, packed, on_progress)


def _prepare_in(
    folder: Path,
    setup: Setup,
    weights: Weights,
    runner: Runner,
    sets: QuestionSets,
    packed: list[Packed],
    on_progress: OnProgress,
) -> Prepared:
    """What one process at a time makes, and the next one reads."""
    tokenizer = runner.model.tokenizer
    on_progress(Progress("Reading the texts", 0, 1, None))
    texts = [read_corpus(tokenizer, source, folder) for source in setup.corpora]
    loss_rows = _loss_rows(setup, tokenizer, folder)
    n_recorded = sum(len(p.ids) for p in packed) + sum(map(len, loss_rows))
    on_progress = _forecast(runner, weights.device, texts, n_recorded, folder, on_progress)
    recording = _recorded_questions(setup, runner, weights.device, packed, folder, on_progress)
    corpora = [scan(runner, text, folder, on_progress) for text in texts]
    selection = sets.selection(setup.half_seed)
    table = prepared_table(runner, sets, recording, corpora, selection, folder, on_progress)
    index = folder / f"search_{table_key(corpora, selection)}.sqlite"
    atlas = Atlas(table, sets, corpora, labels_of(setup.sae, runner.sae), index)
    text = _recorded_text(setup, runner, loss_rows, folder, on_progress)
    return Prepared(weights, runner, sets, packed, folder.name, folder, recording, atlas, text)


def _runner(setup: Setup, weights: Weights, on_progress: OnProgress) -> Runner:
    on_progress(Progress("Loading the SAE", 0, 1, None))
    sae = load_sae(setup.sae, weights.device)
    on_progress(Progress("Loading the model", 0, 1, None))
    hf, tokenizer = weights.load()
    if sae.d_in != hf.config.hidden_size:
        raise BadSetup(
            f"The SAE '{sae.title}' reads vectors of {sae.d_in} numbers, but the model "
            f"'{setup.model.name}' has d_model = {hf.config.hidden_size}. Name an SAE that was "
            "trained on this model."
        )
    budget = TOKENS_PER_BATCH["cpu" if weights.device == "cpu" else "cuda", weights.dtype]
    return Runner(split(hf, tokenizer, sae.hook_name), sae, setup.untouched, budget)


def _spec(setup: Setup, weights: Weights, sae: LoadedSae, sets: QuestionSets) -> dict[str, Any]:
    """All that can change a recorded number."""
    questions = [
        [s.name, s.role, [asdict(q) for q in s.questions], [asdict(q) for q in s.examples], s.shots]
        for s in sets
    ]
    return {
        "format": FORMAT,
        "model": weights.fingerprint,
        "dtype": weights.dtype,
        "device": weights.device,
        "sae": fingerprint(setup.sae, sae),
        "protocol": setup.protocol,
        "untouched": setup.untouched,
        "sets": questions,
    }


def _loss_rows(setup: Setup, tokenizer: PreTrainedTokenizerBase, folder: Path) -> list[list[int]]:
    """Tokens of the text whose loss the board shows; none for a setup without one."""
    if setup.text_loss is None:
        return []
    return [ids for ids in read_corpus(tokenizer, setup.text_loss, folder).ids if len(ids) > 1]


def _forecast(
    runner: Runner,
    device: str,
    texts: Sequence[Corpus],
    n_recorded: int,
    folder: Path,
    on_progress: OnProgress,
) -> OnProgress:
    """Say what preparing will take, where anything is left to do.

    Raises Unavailable if the disk has no room for it.
    """
    if any(folder.glob("features_*.parquet")):
        return on_progress
    n_scanned = sum(len(ids) for text in texts for ids in text.ids)
    hf, sae = runner.model.hf, runner.sae
    weight_bytes = hf.dtype.itemsize
    taken = needs(hf.num_parameters(), weight_bytes, sae.d_in, sae.d_sae, n_recorded, n_scanned)
    check_room(folder, taken.disk)
    said = f"Preparing: {taken.in_words(device, folder)}"
    on_progress(Progress("Measuring", 0, 1, None, said))
    return Forecast(n_recorded + n_scanned, on_progress)


def _recorded_questions(
    setup: Setup,
    runner: Runner,
    device: str,
    packed: Sequence[Packed],
    folder: Path,
    on_progress: OnProgress,
) -> Recording:
    """The questions' recording, with keys and values where they fit."""
    taken = sum(len(p.ids) for p in packed) * runner.model.key_bytes()
    keep = taken <= _room(device, KEYS_ROOM_CPU)
    recording = _recorded(
        runner,
        packed,
        folder / "recording.safetensors",
        stage="Recording the questions",
        scoring=setup.scoring,
        keep_keys=keep,
        on_progress=on_progress,
    )
    if keep and recording.keys is None:
        recording = with_keys(runner, recording, on_progress)
    return recording if device == "cpu" else recording.near(device, _room(device, 0))


def _recorded_text(
    setup: Setup,
    runner: Runner,
    rows: Sequence[list[int]],
    folder: Path,
    on_progress: OnProgress,
) -> RecordedText | None:
    if setup.text_loss is None:
        return None
    name, title = f"text_loss_{key({'ids': rows})}", setup.text_loss.title
    recording = _recorded(
        runner,
        [pack_text(row) for row in rows],
        folder / f"{name}.safetensors",
        stage=f"Recording {title}",
        scoring="cloze",
        keep_keys=False,
        on_progress=on_progress,
    )
    return RecordedText(title, recording, Results(folder / name, recording.baseline.shape))


def _recorded(
    runner: Runner,
    packed: Sequence[Packed],
    path: Path,
    *,
    stage: str,
    scoring: Scoring,
    keep_keys: bool,
    on_progress: OnProgress,
) -> Recording:
    """Read from `path`, or made, going on where it was stopped."""
    recording = Recording.load(path)
    if recording is None:
        parts = Parts(path.with_name(f"{path.stem}.parts-{runner.budget}"))
        recording = record(
            runner,
            Rows.of(packed),
            stage=stage,
            scoring=scoring,
            keep_keys=keep_keys,
            parts=parts,
            on_progress=on_progress,
        )
        with if_it_can_be_kept(f"{stage}: what was recorded"):
            recording.save(path)
            parts.remove()
    return recording


def _room(device: str, on_cpu: int) -> float:
    """Bytes that may be kept beside the model."""
    return on_cpu if device == "cpu" else ROOM_SHARE * torch.cuda.mem_get_info()[0]
