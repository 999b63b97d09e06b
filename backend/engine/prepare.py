"""From a setup to what is answered from: loaded, recorded and scanned, or read from cache/."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from backend.data.corpora import Corpus, read_corpus
from backend.data.packing import pack_sets
from backend.data.prompts import pack_text
from backend.data.question_sets import read_set
from backend.data.questions import Packed, QuestionSets
from backend.engine.known import only_known
from backend.engine.needs import Forecast, needs
from backend.errors import BadInput
from backend.evaluation.kept_answers import KeptAnswers
from backend.evaluation.recordings import FORMAT, Recording, record
from backend.evaluation.results import Results
from backend.features.atlas import Atlas
from backend.features.labels import Labels, labels_of
from backend.features.scan import scan
from backend.features.table import prepared_table, table_key
from backend.model.attention import KeyValues, Room
from backend.model.held import Held
from backend.model.loading import weights_of
from backend.model.machine import bits_depend_on
from backend.model.rows import Rows
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
    read_json,
    sweep_leftovers,
    write_json,
)

KEYS_ROOM_CPU = 1_600_000_000
"""Bytes of keys and values kept on a CPU, of questions and of text; what takes more is not kept."""
ROOM_SHARE = 0.3
"""On a GPU, the share of its free memory that keys and values may take, and after them the
residuals.
"""


class RecordedText(NamedTuple):
    """The text whose loss the board shows, and what was found of it."""

    title: str
    recording: Recording
    results: Results
    kept: KeptAnswers


@dataclass(frozen=True)
class Prepared:
    """All that is answered from; made once, and the same in every process. What is read back needs
    no model: that is loaded when it is first asked for.
    """

    held: Held
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
    kept: KeptAnswers


def prepare(setup: Setup, on_progress: OnProgress) -> Prepared:
    """Load and record; what was prepared before is read. Raises ClampboardError in words."""
    held = Held(setup, weights_of(setup, on_progress), on_progress)
    on_progress(Progress("Reading the questions", 0, 1, None))
    read = [read_set(source) for source in setup.sets]
    longest = held.weights.longest()
    sets, in_tokens = pack_sets(held.tokenizer, read, setup.protocol, longest)
    sets = only_known(setup, sets, held, on_progress)
    packed = [in_tokens[s.name, question.index] for s, question in sets.places()]
    name = key(_spec(setup, held, sets))
    folder = cache_folder() / "setups" / name
    sweep_leftovers(cache_folder())

    def on_wait() -> None:
        on_progress(Progress("Another process is preparing this setup; waiting for it", 0, 0, None))

    with locked(folder.with_suffix(LOCK), on_wait):
        return _prepare_in(folder, setup, held, sets, packed, on_progress)


def _prepare_in(
    folder: Path,
    setup: Setup,
    held: Held,
    sets: QuestionSets,
    packed: list[Packed],
    on_progress: OnProgress,
) -> Prepared:
    """What one process at a time makes, and the next one reads."""
    on_progress(Progress("Reading the texts", 0, 1, None))
    tokenizer, longest, device = held.tokenizer, held.weights.longest(), held.weights.device
    texts = [read_corpus(tokenizer, source, folder, longest) for source in setup.corpora]
    loss_rows = _loss_rows(setup, tokenizer, folder, longest)
    n_recorded = sum(len(p.ids) for p in packed) + sum(map(len, loss_rows))
    on_progress = _forecast(held, texts, n_recorded, folder, on_progress)
    room = Room(_room(device, KEYS_ROOM_CPU))
    recording = _recorded_questions(setup, held, packed, folder, on_progress)
    recording = replace(recording, keys=KeyValues(recording.rows.n_tokens, room))
    corpora = [scan(held, text, folder, on_progress) for text in texts]
    selection = sets.selection(setup.half_seed)
    table = prepared_table(held, sets, recording, corpora, selection, folder, on_progress)
    index = folder / f"search_{table_key(corpora, selection)}.sqlite"
    atlas = Atlas(table, sets, corpora, _labels(setup, held, folder), index)
    text = _recorded_text(setup, held, loss_rows, folder, room, on_progress)
    kept = KeptAnswers(folder / "answers", recording.baseline.shape[1], bits_depend_on(device))
    return Prepared(held, sets, packed, folder.name, folder, recording, atlas, text, kept)


def _labels(setup: Setup, held: Held, folder: Path) -> Labels:
    """Of the setup's SAE, which is not loaded for it again."""
    path = folder / "sae.json"
    about = read_json(path)
    if not isinstance(about, dict) or set(about) != {"d_sae", "page"}:
        about = {"d_sae": held.sae.d_sae, "page": held.sae.neuronpedia_id}
        with if_it_can_be_kept("What the SAE says of itself"):
            write_json(path, about)
    return labels_of(setup.sae, held.sae_fingerprint, about["d_sae"], about["page"])


def _spec(setup: Setup, held: Held, sets: QuestionSets) -> dict[str, Any]:
    """All that can change a recorded number."""
    questions = [
        [s.name, s.role, [asdict(q) for q in s.questions], [asdict(q) for q in s.examples], s.shots]
        for s in sets
    ]
    return {
        "format": FORMAT,
        "model": held.weights.fingerprint,
        "dtype": held.weights.dtype,
        "device": held.weights.device,
        "sae": held.sae_fingerprint,
        "protocol": setup.protocol,
        "untouched": setup.untouched,
        "sets": questions,
    }


def _loss_rows(
    setup: Setup, tokenizer: PreTrainedTokenizerBase, folder: Path, longest: int | None
) -> list[list[int]]:
    """Tokens of the text whose loss the board shows; none for a setup without one.

    Raises BadInput for text in which nothing is predicted.
    """
    if setup.text_loss is None:
        return []
    corpus = read_corpus(tokenizer, setup.text_loss, folder, longest)
    rows = [ids for ids in corpus.ids if len(ids) > 1]
    if not rows:
        raise BadInput(f"[text_loss]: '{corpus.title}' has no text of two tokens. Give more text.")
    return rows


def _forecast(
    held: Held,
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
    hf, sae, device = held.runner.model.hf, held.sae, held.weights.device
    weight_bytes = hf.dtype.itemsize
    taken = needs(hf.num_parameters(), weight_bytes, sae.d_in, sae.d_sae, n_recorded, n_scanned)
    check_room(folder, taken.disk)
    said = f"Preparing: {taken.in_words(device, folder)}"
    on_progress(Progress("Measuring", 0, 1, None, said))
    return Forecast(n_recorded + n_scanned, on_progress)


def _recorded_questions(
    setup: Setup,
    held: Held,
    packed: Sequence[Packed],
    folder: Path,
    on_progress: OnProgress,
) -> Recording:
    recording = _recorded(
        held,
        packed,
        folder / "recording.safetensors",
        stage="Recording the questions",
        scoring=setup.scoring,
        on_progress=on_progress,
    )
    device = held.weights.device
    return recording if device == "cpu" else recording.near(device, _room(device, 0))


def _recorded_text(
    setup: Setup,
    held: Held,
    rows: Sequence[list[int]],
    folder: Path,
    room: Room,
    on_progress: OnProgress,
) -> RecordedText | None:
    if setup.text_loss is None:
        return None
    name, title = f"text_loss_{key({'ids': rows})}", setup.text_loss.title
    recording = _recorded(
        held,
        [pack_text(row) for row in rows],
        folder / f"{name}.safetensors",
        stage=f"Recording {title}",
        scoring="cloze",
        on_progress=on_progress,
    )
    recording = replace(recording, keys=KeyValues(recording.rows.n_tokens, room))
    width = recording.baseline.shape[1]
    return RecordedText(
        title,
        recording,
        Results(folder / name, recording.baseline.shape),
        KeptAnswers(folder / f"{name}_answers", width, bits_depend_on(held.weights.device)),
    )


def _recorded(
    held: Held,
    packed: Sequence[Packed],
    path: Path,
    *,
    stage: str,
    scoring: Scoring,
    on_progress: OnProgress,
) -> Recording:
    """Read from `path`, or made, going on where it was stopped."""
    recording = Recording.load(path)
    if recording is None:
        parts = Parts(path.with_name(f"{path.stem}.parts-{held.budget}"))
        recording = record(
            held.runner,
            Rows.of(packed),
            stage=stage,
            scoring=scoring,
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
