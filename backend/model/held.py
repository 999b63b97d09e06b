"""A setup's model and SAE, each loaded when it is first asked for."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from backend.errors import BadSetup
from backend.model.loading import Weights, load_tokenizer
from backend.model.runner import Runner
from backend.model.sae_on_disk import fingerprint
from backend.progress import OnProgress, Progress
from backend.setups import Setup

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from backend.model.sae import LoadedSae

TOKENS_PER_BATCH = {
    ("cpu", "float32"): 512,
    ("cpu", "bfloat16"): 1024,
    ("cuda", "float32"): 4096,
    ("cuda", "bfloat16"): 4096,
}
"""About as fast as larger ones, on two cores; a GPU's are of one size, so that a small move waits
for a whole one.
"""


class Held:
    """Loads one thing at a time, and each once; sessions may ask side by side."""

    def __init__(self, setup: Setup, weights: Weights, on_progress: OnProgress):
        self._setup = setup
        self.weights = weights
        self.on_progress: OnProgress = on_progress
        """Told what is being loaded."""
        self._lock = threading.RLock()
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self._sae: LoadedSae | None = None
        self._fingerprint: str | None = None
        self._runner: Runner | None = None

    @property
    def budget(self) -> int:
        """Tokens of a batch."""
        device = "cpu" if self.weights.device == "cpu" else "cuda"
        return TOKENS_PER_BATCH[device, self.weights.dtype]

    @property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """Raises Unavailable if it cannot be read."""
        with self._lock:
            if self._runner is not None:
                return self._runner.model.tokenizer
            self._tokenizer = self._tokenizer or load_tokenizer(self.weights.source)
            return self._tokenizer

    @property
    def sae(self) -> "LoadedSae":
        """Raises Unavailable or BadSetup: see backend.model.sae.load_sae."""
        with self._lock:
            if self._sae is None:
                from backend.model.sae import load_sae

                self.on_progress(Progress("Loading the SAE", 0, 1, None))
                self._sae = load_sae(self._setup.sae, self.weights.device)
            return self._sae

    @property
    def sae_fingerprint(self) -> str:
        """See backend.model.sae_on_disk.fingerprint. Raises as `sae` does."""
        with self._lock:
            if self._fingerprint is None:
                self._fingerprint = fingerprint(self._setup.sae, lambda: self.sae.sae.state_dict())
            return self._fingerprint

    @property
    def runner(self) -> Runner:
        """The model in parts, with the SAE. Raises Unavailable, or BadSetup if they do not fit."""
        with self._lock:
            if self._runner is None:
                self._runner = self._load()
            return self._runner

    def along(self, directions: Float[Tensor, "d_sae d_model"]) -> "Along":
        """The same with another direction for each feature to push along."""
        return Along(self, directions)

    def _load(self) -> Runner:
        from backend.model.split import split

        sae = self.sae
        self.on_progress(Progress("Loading the model", 0, 1, None))
        hf, tokenizer = self.weights.load()
        if sae.d_in != hf.config.hidden_size:
            raise BadSetup(
                f"The SAE '{sae.title}' reads vectors of {sae.d_in} numbers, but the model "
                f"'{self._setup.model.name}' has d_model = {hf.config.hidden_size}. Name an SAE "
                "that was trained on this model."
            )
        model = split(hf, tokenizer, sae.hook_name)
        return Runner(model, sae, self._setup.untouched, self.budget)


@dataclass(frozen=True)
class Along:
    """Another direction for each feature to push along."""

    held: Held
    directions: Float[Tensor, "d_sae d_model"]

    @property
    def runner(self) -> Runner:
        return self.held.runner.along(self.directions)


@dataclass(frozen=True)
class Ready:
    """A runner that is there."""

    runner: Runner


Loads = Held | Along | Ready
"""What has a runner, or loads one."""
