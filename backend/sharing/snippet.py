"""The same clamp in a few lines of transformer-lens and sae-lens, without this program."""

from importlib.metadata import version

from backend.engine.engine import Engine
from backend.interventions.edit import Clamps
from backend.model.positions import SINK_RATIO
from backend.model.weights import model_source

RULES = {
    "first": "alone[:, 0] = True",
    "special": (
        "alone |= torch.isin(ids, torch.tensor(model.tokenizer.all_special_ids, device=ids.device))"
    ),
    "sinks": (
        f"norms = resid.float().norm(dim=-1)\n        alone |= norms > {SINK_RATIO:g} * norms[:,"
        " :n_prefix].median(dim=-1, keepdim=True).values  # attention sinks"
    ),
}
"""backend.model.positions, one row at a time, so that there is no padding to mind."""


def snippet(engine: Engine, clamps: Clamps) -> str:
    """A Python program that runs by itself. `log_probs(ids)` in it is the clamped model."""
    setup, device = engine.setup, engine.device
    if setup.sae.path is not None:
        sae = f'SAE.load_from_disk({str(setup.sae.path)!r}, device={device!r}, dtype="float32")'
    else:
        sae = (
            f"SAE.from_pretrained({setup.sae.release!r}, {setup.sae.sae_id!r}, device={device!r},"
            ' dtype="float32")'
        )
    revision = f", revision={setup.model.revision!r}" if setup.model.revision else ""
    rules = (
        "\n        ".join(RULES[rule] for rule in setup.untouched)
        or "pass  # no position is left alone"
    )
    lines = "\n".join(
        f"    {c.feature}: {c.value!r},  # {_comment(engine.atlas.name(c.feature))}" for c in clamps
    )
    return f'''# The clamps of "{_comment(setup.title)}" by transformer-lens {version("transformer-lens")} and sae-lens {version("sae-lens")} alone.
import torch
from sae_lens import SAE
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = {model_source(setup)!r}  # {_comment(setup.model.name)}
HOOK = {engine.sae.hook_name!r}
CLAMPS = {{  # feature: the value it is set to wherever it fires, in raw activation units
{lines}
}}

hf = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.{engine.dtype}{revision}).to({device!r})
tokenizer = AutoTokenizer.from_pretrained(MODEL{revision})
model = TransformerBridge.boot_transformers(MODEL, hf_model=hf, tokenizer=tokenizer, dtype=hf.dtype, device={device!r})
sae = {sae}


@torch.inference_mode()
def log_probs(ids, clamps=CLAMPS, n_prefix=None):
    """What comes after each token of one text: log-probabilities [pos, vocab]. Without clamps with clamps={{}}.

    The text begins with a question of `n_prefix` tokens (None: all of it); attention sinks are told by its median norm.
    """
    ids, ran = torch.as_tensor(ids, device={device!r})[None], []

    def clamp(resid, hook):
        ran.append(1)
        acts = sae.encode(resid.float())
        edited = acts.clone()
        for feature, value in clamps.items():
            edited[..., feature] = torch.where(acts[..., feature] > 0, value, acts[..., feature])
        alone = torch.zeros_like(ids, dtype=torch.bool)  # positions no clamp touches
        {rules}
        new = resid.float() + sae.decode(edited) - sae.decode(acts)  # the SAE's error stays in
        return torch.where(alone[..., None], resid, new.to(resid.dtype))

    logits = model.run_with_hooks(ids, fwd_hooks=[(HOOK, clamp)])
    assert ran == [1], f"the hook ran {{len(ran)}} times"  # a hook that is not there would be passed over in silence
    return logits[0].float().log_softmax(-1)


if __name__ == "__main__":
    prompt = "The heart pumps"
    for name, clamps in (("without", {{}}), ("with", CLAMPS)):
        best = log_probs(tokenizer(prompt)["input_ids"], clamps)[-1].topk(5)
        print(f"{{name:8}}", [(tokenizer.decode([token]), round(p, 2)) for p, token in zip(best.values.exp().tolist(), best.indices.tolist())])
'''


def _comment(text: str) -> str:
    """Text that stays in one line of a program, whatever a label holds."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace('"', "'")[
        :80
    ]
