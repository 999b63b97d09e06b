"""Activations to train an SAE on, computed once and kept under cache/.

Rows are cut from documents; the positions a setup leaves untouched (first tokens, attention sinks)
are left out.
"""

import json
import logging
import os
import random
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from backend.errors import BadInput
from backend.model.positions import untouched
from backend.model.split import SplitModel
from backend.notices import notice
from backend.progress import OnProgress, Pace, silent
from backend.rim import MB, lines, opened, whole
from backend.setups import Rule
from backend.store import check_room, read_json, write_json

log = logging.getLogger(__name__)

ROW = 256
"""Tokens in a row of training text."""
ROWS = 8
"""In a batch."""
LEAST_TOKENS = ROW * ROWS
MOST_TEXT = 4_000 * MB
"""Of a file, decompressed: a billion tokens."""
SEED = 0

Acts = np.ndarray
"""Residuals, float16 [token, d_model]; on disk, so that they need not fit into memory."""


def read_documents(paths: list[Path]) -> Iterator[list[str]]:
    """The texts of each JSONL(.gz) file, shuffled with a fixed seed, one list per file.

    Raises BadInput, naming the file and line, for anything without a "text".
    """
    for path in paths:
        named = f"The training text {path}"
        with opened(path, MOST_TEXT, "The training text") as stream:
            texts = [_text(line, number, path) for number, line in lines(stream, MOST_TEXT, named)]
        random.Random(SEED).shuffle(texts)
        yield texts


def _text(line: str, number: int, path: Path) -> str:
    try:
        text = json.loads(line)["text"]
        if isinstance(text, str):
            return whole(text, f"{path}, line {number:,},")
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise BadInput(f'{path}, line {number}: a JSON object with a "text" was expected.')


def cut_rows(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> Iterator[list[int]]:
    """Rows of ROW tokens, none across two texts; what is left of each text is dropped."""
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        yield from (ids[i : i + ROW] for i in range(0, len(ids) - ROW + 1, ROW))


def mixed_rows(tokenizer: PreTrainedTokenizerBase, paths: list[Path]) -> Iterator[list[int]]:
    """Rows taken from the files in turn, so that any beginning of the stream has the same mix."""
    streams = [cut_rows(tokenizer, texts) for texts in read_documents(paths)]
    for rows in zip_longest(*streams):
        yield from (row for row in rows if row is not None)


@torch.inference_mode()
def harvest(
    model: SplitModel,
    paths: list[Path],
    n_tokens: int,
    rules: tuple[Rule, ...],
    folder: Path,
    on_progress: OnProgress = silent,
    rows_per_batch: int = ROWS,
) -> Acts:
    """Residuals after `model.block` of the tokens clamps touch, written to `folder`.

    Goes on where it was stopped. Raises BadInput for unreadable text, Unavailable without room on
    disk.
    """
    if model.longest is not None and model.longest < ROW:
        raise BadInput(f"This model reads {model.longest} tokens; rows of {ROW} are trained on.")
    rows = mixed_rows(model.tokenizer, paths)
    state_path = folder / f"state_{model.block}.json"
    data_path = folder / f"resid_{model.block}.f16"
    state = _state_of(state_path, data_path, model.d_model * 2)
    check_room(folder, (n_tokens - state["kept"]) * model.d_model * 2)
    n_batches = n_tokens // (ROW * rows_per_batch)
    special = frozenset(model.tokenizer.all_special_ids)
    pace = Pace("Computing activations", max(n_batches - state["batches"], 0), on_progress)
    with data_path.open("r+b" if data_path.exists() else "w+b") as file:
        file.seek(state["kept"] * model.d_model * 2)
        for number in range(n_batches):
            batch = [row for _, row in zip(range(rows_per_batch), rows, strict=False)]
            if not batch:
                log.warning("The text ends after %d tokens.", number * ROW * rows_per_batch)
                break
            if number < state["batches"]:
                continue
            ids = torch.tensor(batch, device=model.device)
            resid = model.run_head(ids)
            real = torch.ones_like(ids, dtype=torch.bool)
            keep = ~untouched(ids, resid, real, rules, special)
            content = resid[keep].to(torch.float16).cpu().numpy().tobytes()
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            crc = zlib.crc32(content, state["crc"])
            state = {"batches": number + 1, "kept": state["kept"] + int(keep.sum()), "crc": crc}
            write_json(state_path, state)
            pace.advance(1)
    if not state["kept"]:
        raise BadInput(
            f"The training text has no row of {ROW} tokens to train on: give longer texts."
        )
    return np.memmap(data_path, dtype=np.float16, mode="r", shape=(state["kept"], model.d_model))


def _state_of(state_path: Path, data_path: Path, token_bytes: int) -> dict[str, int]:
    """What was harvested before; nothing if the data are not what was written."""
    state = read_json(state_path)
    if state is not None and data_path.exists():
        left, crc = state["kept"] * token_bytes, 0
        with data_path.open("rb") as file:
            while left and (block := file.read(min(left, 1 << 24))):
                left, crc = left - len(block), zlib.crc32(block, crc)
        if not left and crc == state["crc"]:
            return state
        notice(f"{data_path} is damaged; it is computed again.")
    return {"batches": 0, "kept": 0, "crc": 0}
