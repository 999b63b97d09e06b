"""Run at the start of each of our own workers' processes (a preload of Dask)."""

import signal
import threading
from typing import Any

from tqdm import tqdm


def dask_setup(worker: Any) -> None:
    # Ctrl+C goes to all processes of a terminal; workers are ended by who started them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A lock between processes would be said to be left behind by a worker that is ended.
    tqdm.set_lock(threading.RLock())
