"""The same clamp in a few lines of transformer-lens and sae-lens, without this program."""

from importlib.metadata import version

from backend.engine.engine import Engine
from backend.interventions.edit import Clamps
from backend.model.positions import SINK_RATIO
from backend.model.weights import model_source
from backend.setups import Rule

RULE_LINES: dict[Rule, tuple[str, ...]] = {
    "first": ("alone[:, 0] = True",),
    "special": (
        "special = torch.tensor(model.tokenizer.all_special_ids, device=ids.device)",
        "alone |= torch.isin(ids, special)",
    ),
    "sinks": (
        "norms = resid.float().norm(dim=-1)",
        "median = norms[:, :n_prefix].median(dim=-1, keepdim=True).values",
        f"alone |= norms > {SINK_RATIO:g} * median  # attention sinks",
    ),
}
"""backend.model.positions, one row at a time, so that there is no padding to mind."""

PROGRAM = '''# The clamps of "{title}"
# by transformer-lens {transformer_lens} and sae-lens {sae_lens} alone.
import torch
from sae_lens import SAE
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = {source!r}  # {model}
HOOK = {hook!r}
DEVICE = {device!r}
CLAMPS = {{  # feature: the value it is set to wherever it fires, in raw activation units
{clamps}
}}

hf = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.{dtype}{revision})
hf = hf.to(DEVICE)
tokenizer = AutoTokenizer.from_pretrained(MODEL{revision})
model = TransformerBridge.boot_transformers(
    MODEL, hf_model=hf, tokenizer=tokenizer, dtype=hf.dtype, device=DEVICE
)
sae = SAE.{loader}(
    {sae}, device=DEVICE, dtype="float32"
)


@torch.inference_mode()
def log_probs(ids, clamps=CLAMPS, n_prefix=None):
    """Log-probabilities [pos, vocab] of what comes after each token of one text.

    With clamps={{}}, those of the model as it is. The text begins with a question of `n_prefix`
    tokens (None: all of it); attention sinks are told by its median norm.
    """
    ids, ran = torch.as_tensor(ids, device=DEVICE)[None], []

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
    # A hook that is not there would be passed over in silence.
    assert ran == [1], f"the hook ran {{len(ran)}} times"
    return logits[0].float().log_softmax(-1)


if __name__ == "__main__":
    prompt = "The heart pumps"
    for name, clamps in (("without", {{}}), ("with", CLAMPS)):
        best = log_probs(tokenizer(prompt)["input_ids"], clamps)[-1].topk(5)
        likeliest = zip(best.values.exp().tolist(), best.indices.tolist())
        print(f"{{name:8}}", [(tokenizer.decode([token]), round(p, 2)) for p, token in likeliest])
'''


def snippet(engine: Engine, clamps: Clamps) -> str:
    """A Python program that runs by itself. `log_probs(ids)` in it is the clamped model."""
    setup, sae = engine.setup, engine.setup.sae
    rules = [line for rule in setup.untouched for line in RULE_LINES[rule]]
    names = {clamp.feature: _comment(engine.atlas.name(clamp.feature)) for clamp in clamps}
    return PROGRAM.format(
        title=_comment(setup.title),
        transformer_lens=version("transformer-lens"),
        sae_lens=version("sae-lens"),
        source=model_source(setup),
        model=_comment(setup.model.name),
        hook=engine.sae.hook_name,
        device=engine.device,
        clamps="\n".join(f"    {c.feature}: {c.value!r},  # {names[c.feature]}" for c in clamps),
        dtype=engine.dtype,
        revision=f", revision={setup.model.revision!r}" if setup.model.revision else "",
        loader="from_pretrained" if sae.path is None else "load_from_disk",
        sae=f"{sae.release!r}, {sae.sae_id!r}" if sae.path is None else repr(str(sae.path)),
        rules="\n        ".join(rules) or "pass  # no position is left alone",
    )


def _comment(text: str) -> str:
    """Text that stays in one line of a program, whatever a label holds."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split()).replace('"', "'")[:80]
