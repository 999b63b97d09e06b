"""What comes from outside, read within bounds: files, compressed bytes, text, JSON and TOML.

Regular files only, since a pipe or a device may never end; a size is looked at before anything is
read, and counted again while it is decompressed.
"""

import gzip
import io
import json
import os
import re
import stat
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from backend.errors import BadInput

MB = 1_000_000
PIECE = 4 * MB
DEEPEST = 64
"""Levels of lists and objects in each other; nothing that is read here has more than ten."""
GZIP = b"\x1f\x8b"
LONGEST_LINE = 32 * MB
MOST_LINES = 5_000_000
"""A gigabyte of line breaks fits into a megabyte of gzip."""
LONGEST_SHOWN = 60
"""Characters of a user's own words in a sentence on them."""
_STRINGS_OF_TOML = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"{3,5}|\\?\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*",
    re.DOTALL,
)
_MANY_PARTS = re.compile(r"(?<![\w-])[\w-]+(?:[ \t]*\.[ \t]*[\w-]+){16}")
"""A dotted key that no setup has: the parser's time grows with the cube of its parts."""


def kind(path: Path) -> Literal["file", "folder", "device", ""]:
    """What lies at a path, links followed; empty for nothing, or what cannot be looked at."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "device"


def check_folder(folder: Path, what: str) -> None:
    """Raises BadInput for a folder with a pipe or a device in it: reading one may never end."""
    for path in folder.glob("*"):
        if kind(path) == "device":
            raise BadInput(f"{what} {path} is no regular file; take it out of the folder.")


@contextmanager
def opened(path: Path, most: int, what: str = "") -> Iterator[BinaryIO]:
    """A regular file of at most `most` bytes as a stream, gzip decompressed on the way.

    Raises BadInput, in the block too, where it cannot be read; how much is decompressed is for the
    block to count. `what` names the file's part.
    """
    named = f"{what} {path}".strip()
    try:
        with _regular(path, most, named) as file:
            if file.read(2) == GZIP:
                file.seek(0)
                yield cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file)))
            else:
                file.seek(0)
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{named} is damaged gzip ({error}). Fetch it again.") from error
    except OSError as error:
        raise BadInput(f"{named} cannot be read: {error.strerror or error}.") from error


@contextmanager
def _regular(path: Path, most: int, named: str) -> Iterator[BinaryIO]:
    try:
        # A pipe that nobody writes into would wait for ever; a regular file does not care.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as error:  # a zero byte in its name
        raise BadInput(f"{named} cannot be read: {error}.") from error
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise BadInput(f"{named} is no regular file; name one.")
        if state.st_size > most:
            raise too_large(named, most)
        yield file


def lines(stream: BinaryIO, most: int, named: str) -> Iterator[tuple[int, str]]:
    """(number from 1, line with its end) of text in UTF-8.

    Raises BadInput for more than `most` bytes, MOST_LINES lines, a line of more than LONGEST_LINE
    bytes, and for other encodings.
    """
    left = most
    for number, line in enumerate(iter(partial(stream.readline, LONGEST_LINE + 1), b""), 1):
        left -= len(line)
        if left < 0:
            raise too_large(named, most)
        if len(line) > LONGEST_LINE:
            raise too_large(f"{named}, line {number:,},", LONGEST_LINE)
        if number > MOST_LINES:
            raise BadInput(f"{named} has more than {MOST_LINES:,} lines, the most that are read.")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise BadInput(
                f"{named} is no text in UTF-8: byte {error.start + 1:,} of line {number:,} does "
                "not fit."
            ) from error
        yield number, text.removeprefix("\ufeff") if number == 1 else text


def read_bytes(path: Path, most: int, what: str = "") -> bytes:
    """A regular file of at most `most` bytes, as it is. Raises BadInput; see `opened`."""
    named = f"{what} {path}".strip()
    try:
        with _regular(path, most, named) as file:
            return bytes(up_to(file, most, named))
    except OSError as error:
        raise BadInput(f"{named} cannot be read: {error.strerror or error}.") from error


def up_to(stream: BinaryIO, most: int, named: str) -> bytearray:
    """All of a stream that may be short: `read(most)` would first set `most` bytes aside.

    Raises BadInput past `most` bytes.
    """
    content = bytearray()
    while piece := stream.read(PIECE):
        content += piece
        if len(content) > most:
            raise too_large(named, most)
    return content


def read_text(path: Path, most: int, what: str = "") -> str:
    """The same as text in UTF-8. Raises BadInput."""
    return text_of(read_bytes(path, most, what), f"{what} {path}".strip())


def too_large(named: str, most: int) -> BadInput:
    size = f"{most / MB:,.0f} MB" if most >= MB else f"{most / 1000:,.0f} kB"
    return BadInput(f"{named} is larger than {size}, the most that is read of it.")


def inflate(data: bytes, most: int, named: str) -> bytes:
    """Bytes as they are, or gzip's members decompressed, at most `most` of them.

    Raises BadInput for damaged data.
    """
    if data[:2] != GZIP:
        return data
    out = bytearray()
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            out += member.decompress(data, most + 1 - len(out))
        except zlib.error as error:
            raise BadInput(f"{named} is damaged gzip ({error}). Fetch it again.") from error
        if len(out) > most:
            raise too_large(f"{named}, decompressed,", most)
        if not member.eof:
            raise BadInput(f"{named} is damaged gzip (it ends too early). Fetch it again.")
        data = member.unused_data.lstrip(b"\0")  # members may be padded with zeros
    return bytes(out)


def text_of(data: bytes, named: str) -> str:
    """Bytes as UTF-8, without a byte order mark. Raises BadInput naming the byte."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{named} is no text in UTF-8: byte {error.start:,} does not fit."
        ) from error


def shown(value: object) -> str:
    """A value a user gave, as a sentence quotes it: never long, never more than a line."""
    try:
        text = repr(value)
    except ValueError:  # of Python, for whole numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def whole(text: str, named: str) -> str:
    """The text, if it can be written as UTF-8. Raises BadInput for halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{named} holds half a character (a lone surrogate) at place {error.start:,}. "
            "Give it as text in UTF-8."
        ) from error
    return text


def parse_json(text: str, named: str) -> Any:
    """A JSON value: no Infinity or NaN, no number beyond float64, no half characters, not deep, and
    no name twice in an object, of which another reader may take the other.

    Raises BadInput.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_each_once
        )
    except RecursionError as error:
        raise BadInput(f"{named} is nested too deeply.") from error
    except ValueError as error:
        raise BadInput(f"{named} is not JSON: {str(error)[:100]}.") from error
    if deeper_than(value, DEEPEST):
        raise BadInput(f"{named} is nested more than {DEEPEST} levels deep.")
    if "\\u" in text:  # only an escape can bring in half a character
        whole(json.dumps(value, ensure_ascii=False), named)
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"it has {twice[:40]!r} twice in one object")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def parse_toml(text: str, named: str) -> dict[str, Any]:
    """A TOML table. Raises BadInput."""
    if _MANY_PARTS.search(_STRINGS_OF_TOML.sub("s", text)):
        raise BadInput(f"{named} is not valid TOML: it has a key of too many parts.")
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise BadInput(f"{named} is nested too deeply.") from error
    except ValueError as error:  # of tomllib, or an integer of thousands of digits
        raise BadInput(f"{named} is not valid TOML: {str(error)[:200]}.") from error
    if deeper_than(table, DEEPEST):
        raise BadInput(f"{named} is nested more than {DEEPEST} levels deep.")
    return table


def deeper_than(value: Any, levels: int) -> bool:
    """Whether lists and objects stand in each other more than so many levels deep."""
    todo: list[Iterator[Any]] = [iter((value,))]
    while todo:
        for item in todo[-1]:
            if isinstance(item, dict | list):
                todo.append(iter(item.values() if isinstance(item, dict) else item))
                break
        else:
            todo.pop()
        if len(todo) > levels + 1:
            return True
    return False
