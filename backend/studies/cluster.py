"""Workers to hand cells to: processes of this machine, or any cluster by its scheduler's address.

What is started here listens on the loopback alone, the dashboard too.
"""

import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from backend.errors import BadInput, Unavailable
from backend.model.memory import free_bytes
from backend.model.weights import find_gguf
from backend.setups import Setup

if TYPE_CHECKING:
    from distributed import Nanny, Security, SpecCluster

LOOPBACK = "127.0.0.1"
MOST_WORKERS = 512
BESIDE_WEIGHTS = 1_400_000_000
"""Bytes that a worker takes beside its model: libraries, recordings, batches."""
TIMES_WEIGHTS = 1.2
UNKNOWN_WEIGHTS = 6_000_000_000
"""Of a model that is not here yet."""
OF_GGUF = 4
"""How many times as large the weights of a package are in memory as in its compressed file."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What libraries read how many threads they may have from."""
CONFIG = {
    # Dask would otherwise end a worker that takes more than its share of memory, again and again.
    "distributed.worker.memory.terminate": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.profile.enabled": False,
    "distributed.comm.retry.count": 3,
}


@dataclass(frozen=True)
class Reached:
    """A scheduler that is there."""

    address: str
    security: "Security | None"
    words: str
    """What is started, for people; empty for a cluster of others."""


@contextmanager
def own_cluster(setups: Mapping[str, Setup], n_workers: int | None) -> Iterator[Reached]:
    """A scheduler and worker processes of this machine, gone with all they started when the block
    ends.

    One worker a GPU, which sees no other; without a GPU one a core, each of one thread, so that no
    bit depends on how many there are, and no more than memory holds. Raises Unavailable where they
    cannot be started.
    """
    import dask.config
    from distributed import Nanny, Scheduler, SpecCluster

    gpus = visible_gpus() if any(s.model.device != "cpu" for s in setups.values()) else []
    n = n_workers or (len(gpus) or workers_for(setups))
    security = _security()
    common: dict[str, Any] = {"host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0"}
    common |= {"security": security, "protocol": "tls" if security else "tcp"}
    worker: dict[str, Any] = {
        **common,
        "nthreads": 1,
        "memory_limit": 0,
        "silence_logs": logging.ERROR,
        "preload": ["backend.studies.worker"],
    }
    envs = [worker_env(i, n, gpus) for i in range(n)]
    workers = {i: {"cls": Nanny, "options": {**worker, "env": env}} for i, env in enumerate(envs)}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(CONFIG))
        stack.enter_context(quiet())
        try:
            cluster = SpecCluster(
                workers=workers,
                scheduler={"cls": Scheduler, "options": {**common, "dashboard": True}},
                security=security,
                silence_logs=logging.ERROR,
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise Unavailable(
                f"The workers cannot be started ({error}). Take fewer: --workers 1."
            ) from error
        stack.callback(_end, cluster)
        yield Reached(cluster.scheduler_address, security, _words(cluster, n, gpus))


def reached(
    address: str, ca: Path | None = None, cert: Path | None = None, key: Path | None = None
) -> Reached:
    """A cluster of others by its scheduler's address. Raises BadInput for an address, or files of
    TLS, that cannot be one's.
    """
    from distributed import Security

    scheme, _, place = address.partition("://")
    if scheme not in ("tcp", "tls") or not place.rpartition(":")[2].isdecimal():
        raise BadInput(
            f"The scheduler {address!r} is no address; write one such as tcp://10.0.0.1:8786, or "
            "tls://10.0.0.1:8786 with --tls-ca, --tls-cert and --tls-key."
        )
    files = {"--tls-ca": ca, "--tls-cert": cert, "--tls-key": key}
    if scheme == "tcp":
        if given := [name for name, path in files.items() if path is not None]:
            raise BadInput(f"{given[0]} goes with an address that begins with tls://.")
        return Reached(address, None, "")
    for name, path in files.items():
        if path is None:
            raise BadInput(f"A scheduler at tls:// needs {', '.join(files)}; {name} is missing.")
        if not path.is_file():
            raise BadInput(f"{name} names {path}, which is no file.")
    security = Security(
        tls_ca_file=str(ca),
        tls_client_cert=str(cert),
        tls_client_key=str(key),
        require_encryption=True,
    )
    return Reached(address, security, "")


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls each GPU this process may use."""
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return named[:n] if len(named) >= n else [str(i) for i in range(n)]


def worker_env(place: int, n: int, gpus: list[str]) -> dict[str, str]:
    """What the process of a worker, one of n, is started with; beside a GPU with its share of the
    cores.
    """
    from dask.system import CPU_COUNT

    threads = max(1, CPU_COUNT // n) if gpus else 1
    env = {"TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
    env |= {name: str(threads) for name in THREADS}
    return env | ({"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {})


def workers_for(setups: Mapping[str, Setup]) -> int:
    """One for each core this process may use, no more than free memory holds of the largest
    setup.
    """
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    free = min(MEMORY_LIMIT, free_bytes(torch.device("cpu")) or MEMORY_LIMIT)
    each = max(worker_bytes(setup) for setup in setups.values())
    return max(1, min(CPU_COUNT, MOST_WORKERS, int(free // each)))


def worker_bytes(setup: Setup) -> int:
    """About what a worker takes for this setup."""
    return BESIDE_WEIGHTS + int(TIMES_WEIGHTS * _weight_bytes(setup))


def _weight_bytes(setup: Setup) -> int:
    model = setup.model
    with suppress(Unavailable):
        if model.package is not None:
            return OF_GGUF * find_gguf(model.package).stat().st_size
    if model.path is None:
        return UNKNOWN_WEIGHTS
    return sum(file.stat().st_size for file in model.path.glob("*.safetensors"))


def _security() -> "Security | None":
    """Encryption with keys made for this run, where the library that makes them is there."""
    from distributed import Security

    return Security.temporary() if find_spec("cryptography") else None


@contextmanager
def quiet() -> Iterator[None]:
    """Dask says nothing: what becomes of workers is said by who hands cells to them."""
    loggers = [logging.getLogger(name) for name in ("distributed", "bokeh", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _words(cluster: "SpecCluster", n: int, gpus: list[str]) -> str:
    what = "each with a GPU of its own" if gpus else "each of one thread"
    several = f"{n} worker processes, {what}" if n > 1 else f"1 worker process, {what[5:]}"
    return f"{several}; the dashboard is at {cluster.dashboard_link}"


def _end(cluster: "SpecCluster") -> None:
    """At once: a worker's task may run for minutes, and what it keeps is written whole or not at
    all.
    """
    nannies: list[Nanny] = list(cluster.workers.values())
    for nanny in nannies:
        nanny.close_gracefully()  # or it would start another in its place
        if nanny.pid:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
    with suppress(TimeoutError, RuntimeError):
        cluster.close(timeout=10)
