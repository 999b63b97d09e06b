"""A model is loaded without a word from the libraries that load it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' and huggingface_hub's bars and messages, and without the warnings that
    libraries give as they are imported; afterwards all are as they were.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from huggingface_hub import utils as hub
        from transformers.utils import logging

        level, drawn = logging.get_verbosity(), logging.is_progress_bar_enabled()
        fetched = not hub.are_progress_bars_disabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        hub.disable_progress_bars()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if drawn:
                logging.enable_progress_bar()
            if fetched:
                hub.enable_progress_bars()
