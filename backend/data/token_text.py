"""Tokens as text, exact: joined, the pieces give the text back, whatever bytes each token holds.

A character that several tokens share (the bytes of one emoji, say) goes to the first of them; the
others get the empty string.
"""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

UNFINISHED = "\ufffd"
"""What a decoder writes for bytes that are no whole character yet."""


def token_texts(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text cut at token borders.

    `spans` are the characters each token covers, as a fast tokenizer's offsets.
    """
    pieces: list[str] = []
    end = 0
    for i, (_, b) in enumerate(spans):
        stop = max(end, b) if i < len(spans) - 1 else len(text)
        pieces.append(text[end:stop])
        end = stop
    return pieces


def decoded(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of some tokens, as the tokenizer writes it."""
    text = tokenizer.decode(list(ids))
    assert isinstance(text, str)  # a list of lists would give a list
    return text


def texts_of_ids(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """The pieces of `tokenizer.decode(ids)`, special tokens in their own spelling.

    Each token is decoded after the one before it, because a decoder may drop a space at the
    beginning.
    """

    def decode(begin: int, end: int) -> str:
        text = tokenizer.decode(
            list(ids[begin:end]), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)
        return text

    pieces = [""] * len(ids)
    before, begin = 0, 0
    for end in range(1, len(ids) + 1):
        text = decode(before, end)
        if text.endswith(UNFINISHED) and end < len(ids):
            continue
        pieces[begin] = text[len(decode(before, begin)) :]
        before, begin = begin, end
    return pieces
