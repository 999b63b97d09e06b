"""A setup's model in memory: from where, on which device, in which precision."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from backend.data.hub import fetching
from backend.errors import Unavailable
from backend.model.machine import cpu_flags
from backend.model.weights import model_source, weights_fingerprint
from backend.progress import OnProgress, Progress, silent
from backend.rim import check_folder
from backend.setups import Setup

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_device(wish: str) -> str:
    """'cuda' where there is one, else 'cpu'; a wish other than 'auto' is kept.

    Raises Unavailable for a GPU that is not there.
    """
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wish == "auto":
        return "cuda" if n else "cpu"
    if wish != "cpu" and int(wish.partition(":")[2] or 0) >= n:
        raise Unavailable(
            f"This machine has {n} CUDA GPUs: there is no device {wish}. "
            "Set device in [model] to auto or cpu."
        )
    return wish


def pick_dtype(wish: str, device: str, flags: set[str]) -> str:
    """bfloat16 where the hardware multiplies it natively (GPU, AMX, AVX512-BF16), else float32.

    Without those instructions bfloat16 is emulated and several times slower than float32.
    """
    if wish != "auto":
        return wish
    return "bfloat16" if device != "cpu" or flags & {"amx_bf16", "avx512_bf16"} else "float32"


def load_tokenizer(source: str) -> PreTrainedTokenizerBase:
    """From a folder, without the model. Raises Unavailable if it cannot be read."""
    with fetching("model", source):
        check_folder(Path(source), "The model's file")
        # Unless it is refused, transformers asks on the terminal whether to run a folder's code.
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            source, trust_remote_code=False
        )
        return found


def load_hf(
    source: str, *, dtype: str, device: str
) -> tuple["PreTrainedModel", PreTrainedTokenizerBase]:
    """A causal model and its tokenizer from a folder. Raises Unavailable if they cannot be read.

    transformers picks its attention: sdpa, or eager for a model that caps its attention logits
    (Gemma 2).
    """
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(source)
    with fetching("model", source):
        hf = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=DTYPES[dtype],
            trust_remote_code=False,
        )
    hf.to(device)  # type: ignore[arg-type]  # transformers wraps torch's `to` as a bare function
    return hf.eval().requires_grad_(False), tokenizer


class Weights(NamedTuple):
    """Where a setup's model comes from, and how it is held."""

    source: str
    """A folder in transformers' format, or a name on the hub."""
    fingerprint: str
    """Changes when the weights do."""
    device: str
    dtype: str

    def longest(self) -> int | None:
        """How many tokens of a text the model reads; None where its configuration does not say.
        Raises Unavailable if that cannot be read.
        """
        from transformers import AutoConfig

        with fetching("model", self.source):
            config = AutoConfig.from_pretrained(self.source, trust_remote_code=False)
            return getattr(config.get_text_config(), "max_position_embeddings", None)

    def load(self) -> tuple["PreTrainedModel", PreTrainedTokenizerBase]:
        """The model and its tokenizer: see `load_hf`."""
        return load_hf(self.source, dtype=self.dtype, device=self.device)


def weights_of(setup: Setup, on_progress: OnProgress = silent) -> Weights:
    """Fetched or converted if they are not at hand. Raises Unavailable if they cannot be had."""
    device = pick_device(setup.model.device)
    dtype = pick_dtype(setup.model.dtype, device, cpu_flags() if device == "cpu" else set())
    on_progress(Progress("Looking for the model", 0, 1, None))
    source = model_source(setup, on_progress)
    return Weights(source, weights_fingerprint(setup, source), device, dtype)
