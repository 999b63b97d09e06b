"""Text corpora: reading them, sampling them, and cutting them into rows of tokens."""

import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from transformers import PreTrainedTokenizerBase

from backend.data.sources import Broken, rows
from backend.errors import BadInput
from backend.rim import whole
from backend.setups import CorpusSource, Role
from backend.store import if_it_can_be_kept, key, read_table, write_table

log = logging.getLogger(__name__)

CONTEXT = 256
"""Tokens in a row of corpus text; longer texts are cut."""
SAMPLE_SEED = 0
CHUNKS = 20
"""Joined text is tokenised in this many pieces, as Farrell et al. do: where a word stands on a
border, it matters.
"""

Span = tuple[int, int]
"""Characters of a text, from and to."""


@dataclass(frozen=True)
class Corpus:
    """Text in rows, with the characters each token covers."""

    role: Role
    title: str
    texts: tuple[str, ...]
    """One a row."""
    ids: tuple[list[int], ...]
    spans: tuple[list[Span], ...]
    """Of each token in its row's text; tokens of one character cut in bytes share their span."""


def read_corpus(
    tokenizer: PreTrainedTokenizerBase,
    source: CorpusSource,
    folder: Path,
    longest: int | None = None,
) -> Corpus:
    """The corpus in rows of tokens, of at most `longest`.

    What was cut before is read from `folder`, so that the hub is asked once. Raises BadInput for a
    source without text, or rows the model cannot read; Unavailable if the hub does not give it.
    """
    if longest is not None and (source.row_tokens or 0) > longest:
        raise BadInput(
            f"The corpus '{source.title}' is cut into rows of {source.row_tokens:,} tokens, but "
            f"this model reads {longest:,}: lower its row_tokens."
        )
    name = key({"source": asdict(source), "file": _state_of(source)})
    path = folder / f"text_{source.role}_{name}.parquet"
    if (cut := _load(path, source)) is not None:
        return cut
    texts = read_texts(source)
    if source.row_tokens is None:
        most = CONTEXT if longest is None else min(CONTEXT, longest)
        made = cut_corpus(tokenizer, source.role, source.title, texts, most)
    else:
        made = cut_joined(tokenizer, source, texts)
    table = pd.DataFrame(
        {
            "text": made.texts,
            "ids": made.ids,
            "begin": [[begin for begin, _ in spans] for spans in made.spans],
            "end": [[end for _, end in spans] for spans in made.spans],
        }
    )
    with if_it_can_be_kept(f"The rows of {source.title}"):
        write_table(path, table)
    return made


def _state_of(source: CorpusSource) -> list[object]:
    """Changes when the file was changed."""
    file = source.local_path() or source.file
    return [str(file), file.stat().st_size, file.stat().st_mtime_ns] if file is not None else []


def _load(path: Path, source: CorpusSource) -> Corpus | None:
    table = read_table(path)
    if table is None:
        return None
    spans = [
        list(zip(begin.tolist(), end.tolist(), strict=True))
        for begin, end in zip(table["begin"], table["end"], strict=True)
    ]
    return Corpus(
        source.role,
        source.title,
        tuple(table["text"]),
        tuple(ids.tolist() for ids in table["ids"]),
        tuple(spans),
    )


def read_texts(source: CorpusSource) -> list[str]:
    """The texts of a corpus, in order; of a sample, the same ones every time.

    Raises BadInput for a corpus without text, naming a row that has none.
    """
    if source.documents is None:
        texts = list(_texts(source))
    else:
        texts = sample(_texts(source), source.documents)
    if not texts:
        raise BadInput(f"{source.place()} holds no text for the corpus '{source.title}'.")
    return texts


def _texts(source: CorpusSource) -> Iterator[str]:
    for _, number, row in rows(source, plain=True):
        try:
            if isinstance(row, Broken):
                raise ValueError(row.why)
            if source.where is None or row["role"] == source.where:
                text = row["text"]
                if not isinstance(text, str):
                    raise TypeError("its text is no text")
                whole(text, "its text")
                if len(text) > source.longer_than:
                    yield text
        except BadInput as error:
            raise BadInput(f"{source.place()}, row {number}: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f'{source.place()}, row {number}: a JSON object with a "text" was expected.'
            ) from error


def sample(items: Iterator[str], n: int) -> list[str]:
    """n of the items in their order, each as likely as any other; all if there are fewer.

    The same ones every time (reservoir sampling).
    """
    rng = random.Random(SAMPLE_SEED)
    kept: list[tuple[int, str]] = []
    for i, item in enumerate(items):
        if i < n:
            kept.append((i, item))
        elif (place := rng.randrange(i + 1)) < n:
            kept[place] = (i, item)
    return [item for _, item in sorted(kept)]


def cut_corpus(
    tokenizer: PreTrainedTokenizerBase,
    role: Role,
    title: str,
    texts: Sequence[str],
    most: int = CONTEXT,
) -> Corpus:
    """Rows of at most `most` tokens, none across two texts.

    Each begins with BOS where the tokenizer puts one. Raises BadInput for texts without a token.
    """
    pieces: list[str] = []
    ids: list[list[int]] = []
    spans: list[list[Span]] = []
    begin_with = [token for token in tokenizer("")["input_ids"] if token == tokenizer.bos_token_id]
    step = most - len(begin_with)
    for text in texts:
        coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        for begin in range(0, len(coded["input_ids"]), step):
            own = coded["offset_mapping"][begin : begin + step]
            first = min(a for a, _ in own)
            last = max(b for _, b in own)
            covered = [(first, first)] * len(begin_with) + own
            pieces.append(text[first:last])
            ids.append(begin_with + coded["input_ids"][begin : begin + step])
            spans.append([(a - first, b - first) for a, b in covered])
    if not ids:
        raise BadInput(f"The corpus '{title}' holds no token of text.")
    return Corpus(role, title, tuple(pieces), tuple(ids), tuple(spans))


def cut_joined(
    tokenizer: PreTrainedTokenizerBase, source: CorpusSource, texts: Sequence[str]
) -> Corpus:
    """Rows of exactly `row_tokens` tokens (Farrell et al. 2024, unlearning/feature_activation.py).

    The texts are joined by the end-of-text token, the first token of each row is set to BOS, the
    rest of the last row is dropped. Raises BadInput for text that fills no row.
    """
    n = source.row_tokens
    assert n is not None
    whole = (tokenizer.eos_token or "\n").join(texts)
    size = (len(whole) - 1) // CHUNKS + 1
    ids: list[int] = []
    spans: list[Span] = []
    for offset in range(0, len(whole), size):
        coded = tokenizer(whole[offset : offset + size], return_offsets_mapping=True)
        ids += coded["input_ids"]
        spans += [(a + offset, b + offset) for a, b in coded["offset_mapping"]]
    starts = list(range(0, len(ids) - n + 1, n))
    if not starts:
        raise BadInput(
            f"The corpus '{source.title}' has {len(ids):,} tokens: too few for one row of {n:,}."
        )
    if source.rows is not None and source.rows < len(starts):
        starts = sorted(random.Random(SAMPLE_SEED).sample(starts, source.rows))
    bos = tokenizer.bos_token_id
    cut = [_row(whole, ids[at : at + n], spans[at : at + n], bos) for at in starts]
    pieces, row_ids, row_spans = zip(*cut, strict=True)
    return Corpus(source.role, source.title, pieces, row_ids, row_spans)


def _row(
    whole: str, ids: list[int], spans: list[Span], bos: int | None
) -> tuple[str, list[int], list[Span]]:
    """A row's text, and its tokens with BOS in the first one's place, which covers nothing then."""
    if bos is not None:
        begin, _ = spans[1] if len(spans) > 1 else spans[0]
        ids = [bos, *ids[1:]]
        spans = [(begin, begin), *spans[1:]]
    first = min(a for a, _ in spans)
    last = max(b for _, b in spans)
    return whole[first:last], ids, [(a - first, b - first) for a, b in spans]
