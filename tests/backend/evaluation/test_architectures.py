"""Every kind of model and of SAE, over drawn questions, against the full forward path."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, CohereConfig, GPT2Config, GPTNeoXConfig, MambaConfig

from backend.data.questions import (
    NO_QUESTIONS,
    PREFIX,
    Packed,
    Question,
    QuestionSet,
    QuestionSets,
)
from backend.errors import BadSetup
from backend.evaluation.recordings import record
from backend.evaluation.reference import Reference
from backend.interventions.gates import Rates
from backend.interventions.method import Gate, Method, Refusal, Setting, setting_of
from backend.model.attention import Joining, KeyValues
from backend.model.rows import Plan, Rows
from backend.model.runner import Runner
from backend.model.sae import LoadedSae, load_sae
from backend.model.split import split
from backend.setups import RULES, SaeSource
from tests.support.bits import need_own_bits
from tests.support.clamped import clamped
from tests.support.toy import ARCHITECTURES, BLOCK, D_SAE, build_model, build_sae, build_tokenizer

HOOK = f"blocks.{BLOCK}.hook_resid_post"
VOCAB = 300
CLAMPS = st.lists(
    st.tuples(st.integers(0, D_SAE - 1), st.sampled_from([0.0, -2.0, -30.0, 4.0])),
    max_size=4,
    unique_by=lambda c: c[0],
)
TAUS = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9])
METHODS = st.builds(
    Method,
    threshold=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    gate=st.one_of(
        st.none(),
        st.builds(Gate, st.just("rho"), TAUS),
        st.builds(Gate, st.just("window"), TAUS, st.integers(1, 12)),
        st.builds(Gate, st.just("cusum"), st.sampled_from([0.0, 0.5, 2.0, 6.0])),
    ),
    reach=st.sampled_from(["firing", "all"]),
    refusal=st.none()
    | st.builds(
        Refusal, st.integers(0, D_SAE - 1), st.sampled_from([-9.0, 0.0, 6.0]), st.booleans()
    ),
    keep_norm=st.booleans(),
)
PLAIN = CLAMPS.map(setting_of)
SETTINGS = PLAIN | st.builds(setting_of, CLAMPS, METHODS)
TOKEN = st.integers(1, VOCAB - 1)


@st.composite
def packed_questions(draw, scoring: str) -> list[Packed]:
    """Questions of drawn lengths.

    Cloze with options of one token or more, or one to six orders of a letter question.
    """
    out = []
    for _ in range(draw(st.integers(1, 5))):
        prefix = [0, *draw(st.lists(TOKEN, min_size=0, max_size=14))]
        ids = list(prefix)
        branch = [PREFIX] * len(prefix)
        pos = []
        token = []
        choice = []
        if scoring == "letter" and draw(st.booleans()):
            for option in range(4):
                pos.append(len(prefix) - 1), token.append(draw(TOKEN)), choice.append(option)
        else:
            for option in range(4):
                tail = draw(st.lists(TOKEN, min_size=1, max_size=5))
                pos += [len(prefix) - 1, *range(len(ids), len(ids) + len(tail) - 1)]
                token += tail
                choice += [option] * len(tail)
                ids += tail[:-1]
                branch += [option] * (len(tail) - 1)
        out.append(Packed(ids, branch, pos, token, choice, [1.0] * len(pos)))
    return out


@cache
def runner_and_reference(
    architecture: str, rules: tuple[str, ...], sae: LoadedSae
) -> tuple[Runner, Reference]:
    tokenizer = build_tokenizer()
    model = split(build_model(VOCAB, architecture), tokenizer, HOOK)
    reference = Reference(build_model(VOCAB, architecture), tokenizer, sae, rules)
    return Runner(model, sae, rules, budget=40), reference


def sets_of(n: int) -> QuestionSets:
    """So many questions that say nothing, in two sets."""
    every = [Question(i, "", "q", ("a", "b", "c", "d"), 0) for i in range(n)]
    return QuestionSets(
        (
            QuestionSet("s", "S", "forget", tuple(every[: n // 2])),
            QuestionSet("t", "T", "retain", tuple(every[n // 2 :])),
        )
    )


def rates_of(setting: Setting) -> Rates:
    """Some for each feature."""
    pairs = [(0.4 + f % 3 / 10, 0.5 - f % 5 / 10 or 0.01) for f in setting.features]
    columns = torch.tensor(pairs, dtype=torch.float64).reshape(-1, 2).T
    return Rates(columns[0], columns[1])


@pytest.fixture(scope="module")
def saes(tmp_path_factory):
    @cache
    def made(kind: str) -> LoadedSae:
        folder = tmp_path_factory.mktemp(kind)
        build_sae(folder, kind)
        return load_sae(SaeSource(path=folder), "cpu")

    return made


def check(
    runner: Runner,
    reference: Reference,
    packed: list[Packed],
    setting: Setting,
    scoring: str,
    keys: bool,
) -> None:
    rows, sets, rates = Rows.of(packed), sets_of(len(packed)), rates_of(setting)
    recording = record(runner, rows, stage="", scoring=scoring)
    if keys:
        recording = replace(recording, keys=KeyValues(rows.n_tokens))
    runner = replace(runner, budget=24)
    result = clamped(runner, recording, sets, setting, scoring, rates)
    pairs = list(zip(rates.forget.tolist(), rates.retain.tolist(), strict=True))
    slow = reference.scores(packed, setting, scoring, rates=pairs)
    torch.testing.assert_close(result.scores, slow, atol=1e-4, rtol=1e-4)
    first, second = slow.topk(2).values.T
    clear = first - second > 1e-3
    assert torch.equal(result.scores.argmax(-1)[clear], slow.argmax(-1)[clear])
    assert torch.equal(result.scores[~result.affected], recording.baseline[~result.affected])
    again = clamped(runner, recording, sets, setting, scoring, rates)
    assert torch.equal(again.scores, result.scores), "with the keys that the first run kept"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_models_scores_are_those_of_its_full_forward_pass(saes, architecture, data):
    sae, scoring = saes("jumprelu"), data.draw(st.sampled_from(["cloze", "letter"]))
    rules = data.draw(st.sampled_from([(), ("first",), ("special", "sinks"), RULES]))
    check(
        *runner_and_reference(architecture, rules, sae),
        data.draw(packed_questions(scoring)),
        data.draw(SETTINGS),
        scoring,
        data.draw(st.booleans()),
    )


@pytest.mark.parametrize("kind", ["standard", "gated", "jumprelu", "topk", "batchtopk"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_kind_of_sae_is_clamped_as_its_own_encode_and_decode_say(saes, kind, data):
    check(
        *runner_and_reference("llama", ("first",), saes(kind)),
        data.draw(packed_questions("cloze")),
        data.draw(SETTINGS),
        "cloze",
        data.draw(st.booleans()),
    )


@pytest.mark.parametrize("kind", ["standard", "gated", "jumprelu", "topk", "batchtopk"])
def test_the_features_of_every_kind_fire(saes, kind):
    """Without it, the tests above would clamp nothing."""
    fired = (saes(kind).encode(torch.randn(200, saes(kind).d_in) * 4) > 0).float().mean()
    assert 0 < fired < 1


def test_other_saes_are_refused_with_the_reason(tmp_path):
    build_sae(tmp_path, "abstopk")
    with pytest.raises(BadSetup, match="abstopk.*exact for standard, gated, topk, jumprelu only"):
        load_sae(SaeSource(path=tmp_path), "cpu")


SMALL = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(vocab_size=VOCAB, n_embd=32, n_layer=4, n_head=4),
        GPTNeoXConfig(**SMALL, intermediate_size=64, num_attention_heads=4),
        MambaConfig(**SMALL),
        CohereConfig(
            **SMALL,
            intermediate_size=64,
            num_attention_heads=4,
            num_key_value_heads=2,
            logit_scale=0.25,
        ),
    ],
    ids=lambda config: config.model_type,
)
def test_a_model_that_cannot_be_split_exactly_is_refused_by_name(config):
    torch.manual_seed(0)
    hf = AutoModelForCausalLM.from_config(config).eval()
    with pytest.raises(BadSetup, match=f"{type(hf).__name__} cannot be split"):
        split(hf, build_tokenizer(), HOOK)


def test_the_models_window_is_shorter_than_its_prompts_and_matters():
    """Without it, the sliding architectures would test nothing."""
    hf = build_model(VOCAB, "gemma3")
    ids = torch.randint(1, VOCAB, (1, 14))
    whole = hf(ids).logits[0, -1]
    hf.config.sliding_window = 512
    assert not torch.allclose(hf(ids).logits[0, -1], whole)


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_keys_a_run_keeps_are_those_of_all_tokens_without_a_clamp(saes, architecture):
    """Of the tokens before the first that is hit, in each question that is affected."""
    runner, _ = runner_and_reference(architecture, ("first",), saes("jumprelu"))
    need_own_bits(runner)
    rows = Rows.of(
        [
            Packed([5, 9, *range(20, 20 + n)], [PREFIX] * (n + 2), [n + 1], [7], [0], [1.0])
            for n in range(1, 19)
        ]
    )
    keys = KeyValues(rows.n_tokens)
    made = replace(record(runner, rows, stage="", scoring="letter"), keys=keys)
    batch = runner.batch(Plan.whole(rows), torch.arange(rows.n_rows))
    keeping = Joining(keep=True)
    with torch.inference_mode():
        runner.model.read_tail(made.resid_at(batch.token), batch, keeping)

    def before(feature):
        """Tokens before the first it fires on, in the rows it fires in."""
        hit = made.acts.of(feature)[0].tolist()
        spans = zip(rows.start.tolist(), rows.start[1:].tolist(), strict=False)
        firsts = ((a, [h for h in hit if a <= h < b]) for a, b in spans)
        return [t for a, mine in firsts if mine for t in range(a, min(mine))]

    feature = max(range(D_SAE), key=lambda f: len(before(f)))
    kept = torch.tensor(before(feature))
    assert len(kept) > 30
    clamped(runner, made, NO_QUESTIONS, setting_of([(feature, -20.0)]), "letter")
    assert torch.equal(keys.have.nonzero().flatten(), kept)
    place = torch.full((rows.n_tokens,), -1)
    place[batch.tokens] = torch.arange(batch.n)
    assert set(keeping.own) == {BLOCK + 1, BLOCK + 2}
    for layer, pair in keeping.own.items():
        for got, wanted in zip(keys.of(layer, kept), pair, strict=True):
            assert torch.equal(got, wanted[:, :, place[kept]])
