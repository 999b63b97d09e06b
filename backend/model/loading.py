"""A setup's model in memory: from where, on which device, in which precision."""

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from backend.data.hub import fetching
from backend.errors import BadSetup, Unavailable
from backend.model.machine import cpu_flags
from backend.model.weights import model_source, weights_fingerprint
from backend.progress import OnProgress, Progress, silent
from backend.rim import check_folder
from backend.setups import Setup

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
TEXT_ALONE = {
    "gemma3": {
        r"^language_model\.model\.": "model.",
        r"^language_model\.lm_head\.": "lm_head.",
        r"^model\.language_model\.": "model.",
    }
}
"""Kinds of models that read images too, and what their text model's weights are called by itself:
in the layout of the hub, and in the one of transformers' modules. Of another kind the text model
is not known to be the whole model on text.
"""
OF_IMAGES = re.compile(r"(model\.)?(vision_tower|multi_modal_projector)\.")
IN_A_BLOCK = re.compile(r"(^|\.)layers\.\d+\.")
MOST_NAMED = 2
"""Weights that are named in an error."""


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
    """A causal model and its tokenizer from a folder. Of a Gemma 3 that reads images too, the text
    model alone: nothing else of it is read or held.

    Raises Unavailable if they cannot be read, or if the weights are not all there and all used;
    BadSetup for another kind of model that reads more than text.

    transformers picks its attention: sdpa, or eager for a model that caps its attention logits
    (Gemma 2).
    """
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(source)
    with fetching("model", source), _without_report():
        config, renamed = _text_config(source)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            config=config,
            key_mapping=renamed,
            dtype=DTYPES[dtype],
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
        )
        hf: PreTrainedModel = loaded[0]
        _check_fit(source, loaded[1])
    hf.config.architectures = [type(hf).__name__]
    hf.to(device)  # type: ignore[arg-type]  # transformers wraps torch's `to` as a bare function
    return hf.eval().requires_grad_(False), tokenizer


def _text_config(source: str) -> "tuple[PreTrainedConfig, dict[str, str] | None]":
    """The configuration of the model that reads text, and what its weights are renamed to.

    Raises BadSetup for a model of which text is one part, and that part is not known.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    text = config.get_text_config()
    if text is config:
        return config, None
    if config.model_type not in TEXT_ALONE:
        raise BadSetup(
            f"The model '{source}' reads more than text (model_type {config.model_type}), and "
            f"Clampboard knows the text model of {', '.join(TEXT_ALONE)} alone. Use another model."
        )
    text.tie_word_embeddings = config.tie_word_embeddings
    return text, TEXT_ALONE[config.model_type]


def _check_fit(source: str, info: Mapping[str, Collection[Any]]) -> None:
    """Refuse files that do not fill the model, or that it has no place for.

    transformers draws at random what is missing, and passes over what is too much: every figure
    would be of another model. Raises Unavailable.
    """
    too_much = [
        name
        for name in info["unexpected_keys"]
        if IN_A_BLOCK.search(name) and not OF_IMAGES.match(name) and not name.endswith("inv_freq")
    ]
    wrong = {
        "missing from its files": sorted(info["missing_keys"]),
        "of another shape in its files": sorted(name for name, *_ in info["mismatched_keys"]),
        "in its files that have no place in it": sorted(too_much),
    }
    for said, names in wrong.items():
        if names:
            more = ", ..." if len(names) > MOST_NAMED else ""
            raise Unavailable(
                f"The model '{source}' is not the one that its config.json describes: weights "
                f"{said}, {len(names):,} of them ({', '.join(names[:MOST_NAMED])}{more}). "
                "Fetch it again, or mend config.json."
            )


@contextmanager
def _without_report() -> Iterator[None]:
    """transformers prints a table of weights that do not fit; `_check_fit` says it in a sentence,
    and a text model by itself leaves those of images out on purpose.
    """
    log = logging.getLogger("transformers.modeling_utils")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


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
