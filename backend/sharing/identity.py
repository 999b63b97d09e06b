"""What figures depend on, named by content: a difference can be told apart wherever it lies."""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from backend.engine.engine import Engine
from backend.evaluation.recordings import FORMAT as RECORDINGS_FORMAT
from backend.interventions.rival import Rival

NO_ARITHMETIC = {
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "bos_token_id",
    "dtype",
    "eos_token_id",
    "initializer_range",
    "pad_token_id",
    "transformers_version",
    "use_cache",
}
"""Settings of a model that its logits do not depend on, or that are named elsewhere."""
_hashes: dict[tuple[str, str], str] = {}
"""Of weights, by the engine's key: they are read once a process."""


def identity(engine: Engine, rival: Rival | None = None) -> dict[str, str]:
    """What figures depend on, each under a name for people, as a hash of its content. A direction
    and a prompt are named by their content already.
    """
    sae, rows = engine.sae.sae, engine.recording.rows

    def of_model() -> str:
        return _of_tensors(engine.model.hf.named_parameters(), torch.bfloat16)

    def of_sae() -> str:
        return _of_tensors(sae.state_dict().items(), torch.float32, _sae_form(engine))

    questions = {
        f"the questions of '{s.name}'": _of_json(
            [s.role, [[q.index, q.question, q.choices, q.answer] for q in s.questions]]
        )
        for s in engine.sets
    }
    return {
        "the model's weights": _once(engine, "model", of_model),
        "the model's settings": _of_json(_model_settings(engine)),
        "the SAE": _once(engine, "sae", of_sae),
        "the prompts, as tokens": _once(
            engine, "prompts", lambda: _of_tensors(rows.tensors().items(), None)
        ),
        **questions,
        "the halves of the questions": _of_json(engine.half("selection").tolist()),
        "scoring": engine.setup.scoring,
        "the positions no clamp touches": ", ".join(sorted(engine.setup.untouched)) or "none",
        "the format of the recordings": str(RECORDINGS_FORMAT),
        "the precision": f"{engine.dtype} on {engine.device}",
        **({} if rival is None or rival.kind != "rmu" else _of_weights(engine, rival)),
    }


def _of_weights(engine: Engine, rival: Rival) -> dict[str, str]:
    """Of trained weights."""
    found = {trained.name: trained.about.sha256 for trained in engine.rivals.trained()}
    return {"the rival's weights": found.get(rival.of, "none of that name")}


def _once(engine: Engine, what: str, compute: Callable[[], str]) -> str:
    if (engine.key, what) not in _hashes:
        _hashes[engine.key, what] = compute()
    return _hashes[engine.key, what]


def _of_tensors(
    tensors: Iterable[tuple[str, Tensor]], dtype: torch.dtype | None, form: str = ""
) -> str:
    """Of names, shapes and values.

    Weights are rounded to one `dtype` first: the same model in float32 and bfloat16 is the same
    model.
    """
    digest = hashlib.sha256(form.encode())
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        values = tensor.detach().to(dtype or tensor.dtype).cpu().contiguous()
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _model_settings(engine: Engine) -> dict[str, Any]:
    """Such as its frequencies and caps.

    Only what differs from its kind's defaults, so that a library that adds a setting makes no other
    model.
    """
    config = engine.model.hf.config
    defaults = type(config)().to_dict()
    return {
        name: value
        for name, value in sorted(config.to_dict().items())
        if name not in NO_ARITHMETIC and defaults.get(name) != value
    }


def _sae_form(engine: Engine) -> str:
    """The SAE's configuration without what says where it runs and where it came from."""
    cfg = engine.sae.sae.cfg.to_dict()
    kept = {k: v for k, v in cfg.items() if k not in ("device", "dtype", "metadata")}
    return json.dumps(kept | {"hook": engine.sae.hook_name}, sort_keys=True, default=str)


def _of_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
