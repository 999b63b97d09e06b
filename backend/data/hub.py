"""A model from the hub, with progress; and what goes wrong on the way from there.

Each thing that can go wrong is one or two sentences that say what to do.
"""

import errno
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 (the error alone: nothing is unpickled here)
from typing import Any

from backend.errors import ClampboardError, Unavailable
from backend.progress import OnProgress, Pace, silent

KINDS = {"model": "", "data set": "datasets/"}
"""What is fetched, and where its page on the hub lies."""
MODEL_FILES = ("*.json", "*.safetensors", "tokenizer.model", "*.jinja", "*.txt")
BY_WRONG_FILES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    RuntimeError,
    TypeError,
)
"""What transformers and sae-lens raise over files whose fields are not what they expect."""
MOST_SAID = 200
"""Characters of what a library says of an error."""
LOOK_S = 0.5
"""How often a download is looked at, to report it."""


@contextmanager
def fetching(kind: str, name: str, repository: str | None = None) -> Iterator[None]:
    """Errors of the block become Unavailable.

    `repository` is the name on the hub; None for what is on this machine.
    """
    try:
        yield
    except ClampboardError:
        raise
    except Exception as error:
        said = None if repository is None else _hub_sentence(error, kind, name, repository)
        said = said or _file_sentence(error, kind, name, repository)
        if said is None:
            raise
        raise Unavailable(said) from error


def _chain(error: BaseException) -> list[BaseException]:
    """The error, what it was raised from, and so on."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain


def _hub_sentence(error: Exception, kind: str, name: str, repository: str) -> str | None:
    from huggingface_hub import constants, errors, get_token

    chain = _chain(error)

    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(e, types) for e in chain)

    def named(*names: str) -> bool:
        # by name: which HTTP client lies underneath is huggingface_hub's business, and has changed
        return any(cls.__name__ in names for e in chain for cls in type(e).__mro__)

    statuses = {
        e.response.status_code
        for e in chain
        if isinstance(e, errors.HfHubHTTPError) and e.response is not None
    }
    what = f"The {kind} '{name}'"
    page = f"{constants.ENDPOINT}/{KINDS.get(kind, '')}{repository}"
    words = " ".join(str(e) for e in chain)
    if any(isinstance(e, OSError) and e.errno == errno.ENOSPC for e in chain):
        return (
            f"The disk is full: the {kind} '{name}' does not fit into {constants.HF_HUB_CACHE}. "
            "Free some space there, or point HF_HOME at another disk."
        )
    if "Invalid credentials" in words or (
        401 in statuses and get_token() and not has(errors.GatedRepoError)
    ):
        return (
            f"The hub refuses your access token: the {kind} '{name}' was not fetched. "
            "Log in again with `hf auth login`, or correct or unset HF_TOKEN."
        )
    if has(errors.GatedRepoError) or "gated dataset" in words:
        if get_token():
            return (
                f"{what} is gated, and your access token is not admitted to it. "
                f"Accept its licence at {page} with the account the token belongs to, "
                "and see that the token may read gated repositories."
            )
        return (
            f"{what} is gated. Accept its licence at {page}, "
            "then log in with `hf auth login` or set HF_TOKEN."
        )
    if has(errors.RevisionNotFoundError):
        return f"{what} has no such revision on the hub. See {page}."
    if has(errors.RemoteEntryNotFoundError):
        return f"{what} lacks a file that was expected of it. See {page}."
    if has(errors.RepositoryNotFoundError) or "doesn't exist on the Hub" in words:
        return (
            f"{what} is not on the hub, or is private: check the name at {page}; "
            "for a private one log in with `hf auth login` or set HF_TOKEN."
        )
    if constants.HF_HUB_OFFLINE and has(
        errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, ConnectionError, OSError
    ):
        return (
            f"{what} is not, or not wholly, in the hub cache {constants.HF_HUB_CACHE}, "
            "and HF_HUB_OFFLINE forbids fetching it. "
            "Unset HF_HUB_OFFLINE for once, or copy the cache from a machine that has it."
        )
    broke_off = named("RemoteProtocolError", "ReadError", "ReadTimeout")
    if broke_off or "onsistency check failed" in words:
        return (
            f"{what} was not fetched whole: the connection broke off. "
            "Start again; what has arrived is kept."
        )
    if any(status >= 500 for status in statuses) or 429 in statuses:
        return (
            f"{what} was not fetched: the hub answers with an error of its own ({max(statuses)}). "
            "Try again later; what has arrived is kept."
        )
    if named("TransportError") or has(
        errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError
    ):
        return (
            f"{what} is not in the hub cache {constants.HF_HUB_CACHE}, "
            f"and the hub at {constants.ENDPOINT} cannot be reached. "
            "Check the network, or copy the cache from a machine that has it."
        )
    return None


def _file_sentence(error: Exception, kind: str, name: str, repository: str | None) -> str | None:
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    first = " ".join(str(error).split())[:MOST_SAID] or type(error).__name__
    damaged = isinstance(error, SafetensorError | zipfile.BadZipFile | EOFError)
    if damaged or "PytorchStreamReader" in first:
        where = _cache_folder(kind, repository) if repository else name.partition("/snapshots/")[0]
        return (
            f"A file of the {kind} '{name}' is damaged or only half there ({first}). "
            f"Delete {where} and fetch it again."
        )
    if isinstance(error, UnpicklingError):
        return (
            f"The {kind} '{name}' was not read: a file of it is damaged, or would have to run code "
            "of its own, and none of it was run. Save it as safetensors."
        )
    if isinstance(error, OSError | ValueError):
        return f"The {kind} '{name}' cannot be loaded: {first}"
    # tokenizers raises Exception itself.
    if isinstance(error, (*BY_WRONG_FILES, StrictDataclassError)) or type(error) is Exception:
        return (
            f"The {kind} '{name}' cannot be loaded: its files are damaged, or do not fit together "
            f"({type(error).__name__}: {first})."
        )
    return None


def _cache_folder(kind: str, repository: str) -> str:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    repo_type = "dataset" if kind == "data set" else "model"
    return f"{constants.HF_HUB_CACHE}/{repo_folder_name(repo_id=repository, repo_type=repo_type)}"


def fetch_model(name: str, revision: str | None, on_progress: OnProgress = silent) -> Path:
    """The folder of a model's files in the hub cache, named after their commit.

    Fetches all that is missing: transformers would pass over a file whose download broke off.
    Raises Unavailable.
    """
    with fetching("model", name, name):
        folder = _snapshot(name, revision, on_progress)
        if not any(folder.glob("*.safetensors")):
            raise Unavailable(
                f"The model '{name}' is not, or not wholly, in {folder}: "
                "there are no *.safetensors. Fetch it again with a network."
            )
        return folder


def _snapshot(name: str, revision: str | None, on_progress: OnProgress) -> Path:
    """Reports megabytes while they come.

    Raising from `on_progress` leaves the download to itself: what arrives is kept for the next try.
    """
    from huggingface_hub import snapshot_download
    from tqdm import tqdm

    bars: list[tqdm] = []
    came: list[str | Exception] = []

    class Counting(tqdm):
        """Counts and draws nothing; huggingface_hub moves it from threads of its own."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})
            if self.unit == "B":
                bars.append(self)

    def download() -> None:
        files = list(MODEL_FILES)
        try:
            came.append(
                snapshot_download(
                    name, revision=revision, allow_patterns=files, tqdm_class=Counting
                )
            )
        except Exception as error:
            came.append(error)

    # The caller's own thread must report: a page can be drawn from no other.
    thread = threading.Thread(target=download, daemon=True)
    thread.start()
    pace = None
    largest = 0
    done = 0
    while thread.is_alive():
        thread.join(LOOK_S)
        # One bar counts what came, one what is written; the first may overshoot.
        total = min((int(bar.total or 0) for bar in bars), default=0) >> 20
        now = min(max((int(bar.n) for bar in bars), default=0) >> 20, total)
        if total > largest:  # the sizes of the files become known one after the other
            pace = Pace(f"Downloading {name}, {total:,} MB", total, on_progress)
            largest = total
            done = now
            pace.skip(done)
        elif pace is not None and now > done:
            pace.advance(now - done)
            done = now
    if isinstance(came[0], Exception):
        raise came[0]
    return Path(came[0])
