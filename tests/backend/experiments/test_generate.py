"""Written text, token for token against a whole forward pass from scratch with a hook."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

from backend.engine.engine import Engine
from backend.errors import BadInput, BadRival
from backend.evaluation.recordings import record
from backend.evaluation.reference import statistic
from backend.experiments.clamped_steps import ClampedSteps
from backend.experiments.generate import (
    Sampling,
    gate_in_words,
    generate,
    pick,
    prompt_ids,
    writing,
)
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.rival import KINDS, PUSHED, Rival
from backend.model import positions
from backend.model.loading import load_hf
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.model.sae import load_sae
from backend.model.split import split
from backend.model.weights import model_source
from backend.setups import load_setup
from tests.support.methods import METHODS
from tests.support.rivals import Slow, rival_of, toy_of
from tests.support.toy import BLOCK, D_MODEL, D_SAE, N_BLOCKS

RULES = ("first", "special", "sinks")


def exempt_by_hand(ids, norms, n_prompt, rules, special):
    """The rules of backend.model.positions in a loop; a sink is told by the prompt."""
    out = []
    for t, token in enumerate(ids):
        row = norms[:n_prompt]
        sink = norms[t] > positions.SINK_RATIO * row.median()
        out.append(
            ("first" in rules and t == 0)
            or ("special" in rules and token in special)
            or ("sinks" in rules and bool(sink))
        )
    return torch.tensor(out)


def full_logits(hf, model, sae, ids, n_prompt, clamps, rules):
    """Logits after the last token, by the whole model with one hook, as transformers gives it; and
    where it edited.

    Encode, clamp, decode, add the error back.
    """
    touched = []

    def hook(module, args, output):
        resid = output[0] if isinstance(output, tuple) else output
        acts = sae.encode(resid)
        exempt = exempt_by_hand(
            ids,
            resid[0].float().norm(dim=-1),
            n_prompt,
            rules,
            set(model.tokenizer.all_special_ids),
        )
        edited, pairs, method = acts.clone(), clamps.clamps, clamps.method
        fires = (acts[0][:, list(clamps.features)] > method.threshold) & ~exempt[:, None]
        hit = fires.any(-1)
        touched.extend(hit.nonzero().squeeze(-1).tolist())
        if method.refusal is None or not method.refusal.alone:
            for i, (feature, value) in enumerate(pairs):
                edited[0, hit if method.reach == "all" else fires[:, i], feature] = value
        if method.refusal is not None:
            edited[0, hit, method.refusal.feature] = method.refusal.value
        error = resid.float() - sae.sae.decode(acts)
        rebuilt = sae.sae.decode(edited) + error
        if method.keep_norm:
            lengths = resid.float().norm(dim=-1, keepdim=True)
            rebuilt = rebuilt / rebuilt.norm(dim=-1, keepdim=True) * lengths
        new = torch.where(hit[None, :, None], rebuilt.to(resid.dtype), resid)
        return (new, *output[1:]) if isinstance(output, tuple) else new

    handle = hf.model.layers[model.block].register_forward_hook(hook)
    try:
        with torch.inference_mode():
            return hf(torch.tensor([ids])).logits[0, -1].float(), tuple(sorted(set(touched)))
    finally:
        handle.remove()


def check_against_full(hf, model, sae, ids, clamps, rules, n_tokens, atol):
    """Every step's logits and edited positions, and the tokens written; returns the last step."""
    runner = Runner(model, sae, rules, budget=512)
    steps, seen = ClampedSteps(runner, clamps), list(ids)
    logits = steps.feed(ids)
    for written in generate(runner, ids, clamps, max_tokens=n_tokens):
        slow, touched = full_logits(hf, model, sae, seen, len(ids), clamps, rules)
        torch.testing.assert_close(logits, slow, atol=atol, rtol=1e-4)
        assert tuple(steps.edited) == touched
        if written.ended:
            break
        assert written.ids[-1] == int(slow.argmax())
        assert written.edited == touched
        log_prob = float(slow.log_softmax(-1)[written.ids[-1]])
        assert written.log_probs[-1] == pytest.approx(log_prob, abs=max(atol, 1e-3))
        seen.append(written.ids[-1])
        logits = steps.feed(seen[-1:])
    return written


@pytest.mark.parametrize("rules", [("first",), RULES, ()])
@pytest.mark.parametrize("clamps", [NOTHING, setting_of([(0, -40.0), (2, -20.0), (5, 3.0)])])
def test_every_step_is_that_of_a_full_forward_pass(toy, monkeypatch, rules, clamps):
    monkeypatch.setattr(positions, "SINK_RATIO", 1.15)  # so that a random model has some
    ids = toy.model.tokenizer("Question: Which organ pumps blood?\nAnswer:")["input_ids"]
    hf, _ = toy.load_plain()
    written = check_against_full(hf, toy.model, toy.sae, ids, clamps, rules, 24, 1e-4)
    assert bool(written.edited) == bool(clamps)
    if clamps:
        assert any(position >= len(ids) for position in written.edited), (
            "no written token was clamped"
        )


@pytest.mark.parametrize(
    "method", [m for m in METHODS.values() if m.gate is None] + [Method(0.4, reach="all")]
)
def test_every_step_by_other_methods_is_that_of_a_full_forward_pass(toy, method):
    ids = toy.model.tokenizer("Question: Which organ pumps blood?\nAnswer:")["input_ids"]
    setting = setting_of([(0, -40.0), (2, -20.0), (5, 3.0)], method)
    hf, _ = toy.load_plain()
    assert check_against_full(hf, toy.model, toy.sae, ids, setting, ("first",), 12, 1e-4).edited


def fires_of(toy, ids, features):
    """[pos][feature], by one pass over the whole text."""
    acts = record(toy.runner, Rows.of_text([list(ids)]), stage="", scoring=None).acts
    return [[bool((acts.of(f)[0] == t).any()) for f in features] for t in range(len(ids))]


@pytest.mark.parametrize("kind", ["rho", "window", "cusum"])
def test_a_gate_is_asked_about_the_prompt_and_about_each_token_until_it_opens(toy, kind):
    ids = toy.model.tokenizer("The treaty was signed in the spring.")["input_ids"]
    seen = {"the prompt": 0, "later": 0, "never": 0}
    for feature in range(D_SAE):
        plain = setting_of([(feature, -30.0)])
        rates = toy.evaluator.rates(setting_of(plain.clamps, Method(gate=Gate("cusum", 0.0))))
        pairs = list(zip(rates.forget.tolist(), rates.retain.tolist(), strict=True))
        gate = Gate(kind, 0.0, 4)
        at_prompt = statistic(fires_of(toy, ids, [feature]), gate, pairs)
        for tau in {0.0, at_prompt, at_prompt * 0.9}:
            setting = setting_of(plain.clamps, Method(gate=Gate(kind, tau, 4)))
            *_, last = generate(toy.runner, ids, setting, max_tokens=10, rates=rates)
            # The last token was written, but not read.
            whole = [*ids, *last.ids][: len(ids) + max(len(last.ids) - 1, 0)]
            fires = fires_of(toy, whole, [feature])
            lengths = range(len(ids), len(whole) + 1)
            opens = [n for n in lengths if statistic(fires[:n], setting.method.gate, pairs) > tau]
            assert last.opened_at == (opens[0] if opens else None)
            assert last.statistic == pytest.approx(
                statistic(fires, setting.method.gate, pairs), abs=2e-6
            )
            # It acts on what is read when it opens, and on all that comes after.
            begun = 0 if opens and opens[0] == len(ids) else (opens[0] - 1 if opens else 10**6)
            assert last.edited == tuple(
                t for t, fired in enumerate(fires) if any(fired) and t >= begun
            )
            if not opens:
                *_, free = generate(toy.runner, ids, NOTHING, max_tokens=10)
                assert last.ids == free.ids
            when = "never" if not opens else "the prompt" if opens[0] == len(ids) else "later"
            seen[when] += 1
            assert gate_in_words(last).startswith(
                {
                    "never": "the gate stayed closed",
                    "the prompt": "the gate opened at the prompt",
                    "later": f"the gate opened after {opens[0] - len(ids) if opens else 0} tokens",
                }[when]
            )
    assert all(seen.values()), seen


def test_without_a_gate_nothing_is_said_of_one(toy):
    *_, last = generate(toy.runner, [5, 6], setting_of([(0, -3.0)]), max_tokens=2)
    assert (last.statistic, last.opened_at, gate_in_words(last)) == (None, None, "")


def test_sinks_are_left_alone_in_prompt_and_in_text(toy, monkeypatch):
    ids = toy.model.tokenizer("The river runs to the sea")["input_ids"]
    clamps = setting_of([(0, -40.0)])

    def edited(ratio):
        monkeypatch.setattr(positions, "SINK_RATIO", ratio)
        runner = replace(toy.runner, untouched=("sinks",))
        *_, last = generate(runner, ids, clamps, max_tokens=16)
        return last.edited

    assert len(edited(0.0)) == 0 < len(edited(10.0))


def test_sliding_windows_and_soft_caps_keep_their_own_cache(toy):
    """Gemma 2: alternating sliding layers, shorter than the text."""
    config = Gemma2Config(
        vocab_size=len(toy.model.tokenizer),
        hidden_size=D_MODEL,
        intermediate_size=64,
        num_hidden_layers=N_BLOCKS,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=6,
        max_position_embeddings=256,
        initializer_range=0.3,
        pad_token_id=0,
        attn_implementation="eager",
    )
    torch.manual_seed(0)
    hf = Gemma2ForCausalLM(config).eval()
    model = split(deepcopy(hf), toy.model.tokenizer, f"blocks.{BLOCK}.hook_resid_post")
    assert hf.config._attn_implementation == "eager"
    assert len(set(config.layer_types)) == 2
    ids = toy.model.tokenizer("The treaty was signed in the spring.")["input_ids"]
    with torch.inference_mode():
        resid = model.run_head(torch.tensor([ids]))
    features = (toy.sae.encode(resid)[0, 1:] > 0).any(0).nonzero().squeeze(-1).tolist()[:3]
    clamps = setting_of((f, -15.0) for f in features)
    written = check_against_full(hf, model, toy.sae, ids, clamps, ("first",), 20, 2e-4)
    assert len(ids) > 6
    assert len(written.ids) == 20
    assert written.edited


def test_without_clamps_it_is_the_models_own_greedy_text(toy):
    ids = toy.model.tokenizer("A program is")["input_ids"]
    *_, last = generate(toy.runner, ids, NOTHING, max_tokens=20)
    hf, _ = toy.load_plain()
    own = hf.generate(torch.tensor([ids]), max_new_tokens=20, do_sample=False)
    own = own[0, len(ids) :].tolist()
    assert list(last.ids) == own[: len(last.ids)]
    assert last.ended or len(last.ids) == 20


def test_the_same_seed_writes_the_same_text_and_another_does_not(toy):
    ids = toy.model.tokenizer("The heart")["input_ids"]

    def text(seed):
        *_, last = generate(
            toy.runner,
            ids,
            (),
            max_tokens=12,
            sampling=Sampling(1.0, seed),
        )
        return last.ids

    assert text(1) == text(1) != text(2)


def test_a_draw_falls_on_tokens_by_their_probability():
    logits = torch.tensor([0.0, 2.0, 1.0])
    p = logits.softmax(-1).sort(descending=True).values
    assert [
        pick(logits, 1.0, d)
        for d in (0.0, float(p[0]) - 1e-3, float(p[0]) + 1e-3, float(p[0] + p[1]) + 1e-3, 0.9999999)
    ] == [1, 1, 2, 0, 0]
    assert pick(logits, 0.0, 0.99) == 1


def test_a_sampled_token_has_its_log_probability_at_temperature_1(toy):
    ids = toy.model.tokenizer("The heart")["input_ids"]
    *_, last = generate(toy.runner, ids, NOTHING, max_tokens=12, sampling=Sampling(1.7, 3))
    hf, _ = toy.load_plain()
    with torch.inference_mode():
        logits = hf(torch.tensor([[*ids, *last.ids]])).logits[0].double()
    at = torch.arange(len(last.ids)) + len(ids) - 1
    wanted = logits.log_softmax(-1)[at, torch.tensor(last.ids)]
    torch.testing.assert_close(torch.tensor(last.log_probs).double(), wanted, atol=1e-4, rtol=1e-4)
    assert len({round(p, 3) for p in last.log_probs}) > 1


def test_the_text_grows_and_holds_back_half_characters(toy):
    ids = toy.model.tokenizer("She plays")["input_ids"]
    grown = list(
        generate(
            toy.runner,
            ids,
            (),
            max_tokens=30,
            sampling=Sampling(1.5, 3),
        )
    )
    assert not any(w.text.endswith("\ufffd") for w in grown)
    for w in grown:
        assert "".join(w.tokens) == w.text
        assert len(w.tokens) == len(w.ids) == len(w.log_probs)
    assert any("" in w.tokens for w in grown), "no character came from several tokens"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"max_tokens": 0}, "length can be 1"),
        ({"max_tokens": 10_000}, "length can be 1"),
        ({"sampling": Sampling(float("nan"))}, "temperature"),
    ],
)
def test_what_cannot_be_written_is_said(toy, more, words):
    arguments = {"max_tokens": 5, **more}
    with pytest.raises(BadInput, match=words):
        next(generate(toy.runner, [1, 2], NOTHING, **arguments))
    with pytest.raises(BadInput, match="too long for this model"):
        next(generate(toy.runner, [1] * 600, NOTHING, max_tokens=5))


def test_prompts(toy):
    tokenizer = toy.model.tokenizer
    assert prompt_ids(tokenizer, "A cell", chat=False) == tokenizer("A cell")["input_ids"]
    for prompt, chat, words in (
        (" ", False, "no prompt"),
        ("x" * 5000, False, "5,000 characters"),
        ("A cell", True, "no chat template"),
    ):
        with pytest.raises(BadInput, match=words):
            prompt_ids(tokenizer, prompt, chat)


CHAT = "<bos><start_of_turn>user\n"


@pytest.fixture(scope="module", params=["llama", "gemma2"])
def chatting(request, tmp_path_factory):
    """A toy with <bos> and a chat format, of which clamps leave alone what is special."""
    folder = tmp_path_factory.mktemp("chatting")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        path = toy_of(folder, request.param, chat=True, untouched=("special", "sinks"))
        yield Engine(load_setup(path))


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_with_a_rival_each_token_is_that_of_a_whole_pass(chatting, monkeypatch, kind, chat):
    monkeypatch.setattr(positions, "SINK_RATIO", 1.15)  # so that a random model has some
    prompt, n = "Which organ pumps blood?", 14
    rival = rival_of(chatting, kind)
    ids = prompt_ids(chatting.tokenizer, prompt, chat)
    slow = Slow(chatting, rival, CHAT if chat else "<bos>")
    *_, last = writing(chatting, prompt, chat, Setting(rival=rival), max_tokens=n)
    wanted = slow.written(ids, n)
    assert list(last.ids) == wanted[: len(last.ids)]
    assert len(last.ids) == n or (last.ended and wanted[len(last.ids)] in slow.ends)
    whole = slow.log_probs([*ids, *last.ids], len(ids))
    for at, (token, log_prob) in enumerate(zip(last.ids, last.log_probs, strict=True), len(ids)):
        assert log_prob == pytest.approx(float(whole[at - 1, token]), abs=1e-3)
    *_, free = writing(chatting, prompt, chat, NOTHING, max_tokens=n)
    assert list(free.ids) == Slow(chatting, None).written(ids, n)[: len(free.ids)]
    assert last.ids != free.ids, "the rival did nothing"
    read = [*ids, *last.ids][: len(ids) + n - 1]  # the last token was written, but not read
    assert list(last.edited) == (slow.touched(read, len(ids)) if kind in PUSHED else [])
    if kind in PUSHED:
        assert any(place >= len(ids) for place in last.edited)
        assert len(last.edited) < len(read)


def test_a_rival_that_is_not_there_is_said_at_the_first_step(toy):
    for rival in (Rival("rmu", "nothing-like-it"), Rival("leace", "0123456789ab")):
        steps = writing(toy, "The heart", False, Setting(rival=rival), max_tokens=3)
        with pytest.raises(BadRival, match=rival.of):
            next(steps)
    with pytest.raises(BadInput, match="no prompt"):
        writing(toy, " ", False, Setting(rival=Rival("prompt", "Forget.")), max_tokens=3)
    steps = writing(toy, "x", False, Setting(rival=Rival("prompt", "xq zj " * 160)), max_tokens=3)
    with pytest.raises(BadInput, match="too long for this model"):
        next(steps)


@pytest.mark.demo
def test_the_demo_writes_what_a_full_forward_pass_would():
    setup = load_setup("demo")
    hf, tokenizer = load_hf(model_source(setup), dtype="float32", device="cpu")
    sae = load_sae(setup.sae, "cpu")
    model = split(deepcopy(hf), tokenizer, sae.hook_name)
    ids = prompt_ids(tokenizer, "What does the heart do?", chat=True)
    assert "<|im_start|>assistant" in tokenizer.decode(ids)
    with torch.inference_mode():
        acts = sae.encode(model.run_head(torch.tensor([ids])))[0, 1:]
    features = acts.sum(0).topk(20).indices.tolist()
    clamps = setting_of((f, round(-2 * float(acts[:, f].max()), 1)) for f in features)
    plain = check_against_full(hf, model, sae, ids, NOTHING, setup.untouched, 4, 1e-3)
    clamped = check_against_full(hf, model, sae, ids, clamps, setup.untouched, 10, 1e-3)
    assert plain.ids != clamped.ids[:4]
    assert any(position >= len(ids) for position in clamped.edited)
