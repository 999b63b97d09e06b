"""Exact strings and tokens of every protocol."""

import copy
from dataclasses import replace

import pytest
import torch
from tokenizers import processors

from backend.data.prompts import (
    chat,
    cloze_context,
    harness_prompt,
    pack,
    pack_text,
    paper_prompt,
    tokens_of,
)
from backend.data.questions import PREFIX, Question
from backend.errors import BadInput, BadSetup
from backend.evaluation.recordings import record
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.model.sae import load_sae
from backend.model.split import split
from backend.setups import Protocol, SaeSource
from tests.support.toy import build_model, build_sae, build_tokenizer

QUESTION = Question(
    index=0,
    topic="t",
    question=" Which organ pumps blood? ",
    choices=("The heart", "A cell ", "Air", "The old town"),
    answer=0,
    subject="biology",
)
WORKED = Question(
    index=0,
    topic="t",
    question="What has a nucleus?",
    choices=("Air", "A cell", "The heart", "The old town"),
    answer=1,
    subject="biology",
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
"""As Gemma 2's tokenizer_config.json has it, without its complaints about other roles."""


@pytest.fixture(scope="module")
def gemma():
    """A tokenizer that adds one <bos>, as Gemma's does, with Gemma's chat format."""
    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens(
        {"bos_token": "<bos>", "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"]}
    )
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", tokenizer.bos_token_id)]
    )
    tokenizer.chat_template = GEMMA_TEMPLATE
    return tokenizer


def text_of(tokenizer, packed):
    return tokenizer.decode(packed.ids)


BODY = (
    "The following are multiple choice questions (with answers) about biology.\n "
    "Which organ pumps blood? \nA. The heart\nB. A cell \nC. Air\nD. The old town"
)


def test_paper_prompt_is_var_py_and_nothing_is_stripped(gemma):
    assert paper_prompt(QUESTION) == BODY
    packed = pack(gemma, QUESTION, Protocol("letter", "paper"))
    assert text_of(gemma, packed) == "<bos>" + BODY + "\nAnswer:"
    assert packed.ids.count(gemma.bos_token_id) == 1


def test_paper_chat_prompt_is_gemmas_format_with_one_bos(gemma):
    packed = pack(gemma, QUESTION, Protocol("letter", "paper-chat"))
    wanted = f"<bos><start_of_turn>user\n{BODY}<end_of_turn>\n<start_of_turn>model\nAnswer: ("
    assert text_of(gemma, packed) == wanted
    assert packed.ids.count(gemma.bos_token_id) == 1


def test_chat_does_not_let_the_template_strip_the_message(gemma):
    wanted = "<bos><start_of_turn>user\n x <end_of_turn>\n<start_of_turn>model\n"
    assert chat(gemma, " x ") == wanted


def test_a_model_without_a_chat_format_is_said():
    with pytest.raises(BadSetup, match="no chat template"):
        pack(build_tokenizer(), QUESTION, Protocol("letter", "paper-chat"))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for %}", "chat template fails .TemplateSyntaxError"),
        ("{{ nothing.at.all }}", "chat template fails .UndefinedError"),
        ("{{ 1 / 0 }}", "chat template fails .ZeroDivisionError"),
        ("{{ messages[0] + 1 }}", "chat template fails .TypeError"),
        ("{{ raise_exception('no') }}", "chat template fails .TemplateError: no"),
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "chat template fails .OverflowError"),
        ("Hello.", "does not show the message"),
    ],
)
def test_a_chat_template_that_fails_is_said(gemma, template, said):
    broken = copy.deepcopy(gemma)
    broken.chat_template = template
    with pytest.raises(BadSetup, match=said):
        pack(broken, QUESTION, Protocol("letter", "paper-chat"))


@pytest.mark.parametrize("prompt", ["paper", "paper-chat"])
def test_paper_letters_read_both_forms_at_the_last_position(gemma, prompt):
    packed = pack(gemma, QUESTION, Protocol("letter", prompt))
    read = [gemma.decode([t]) for t in packed.score_token]
    assert read == ["A", " A", "B", " B", "C", " C", "D", " D"]
    assert packed.score_choice == [0, 0, 1, 1, 2, 2, 3, 3]
    assert set(packed.score_pos) == {len(packed.ids) - 1}
    assert set(packed.branch) == {PREFIX}


def test_lm_eval_letters_after_its_own_prompt(gemma):
    packed = pack(gemma, QUESTION, Protocol("letter", "lm-eval"), [WORKED])
    assert text_of(gemma, packed) == (
        "<bos>The following are multiple choice questions (with answers) about biology.\n\n"
        "What has a nucleus?\nA. Air\nB. A cell\nC. The heart\nD. The old town\nAnswer: B\n\n"
        "Which organ pumps blood?\nA. The heart\nB. A cell \nC. Air\nD. The old town\nAnswer:"
    )
    assert [gemma.decode([t]) for t in packed.score_token] == [" A", " B", " C", " D"]
    assert packed.score_choice == [0, 1, 2, 3]
    assert set(packed.score_pos) == {len(packed.ids) - 1}


def test_lm_eval_cloze_prompt_has_the_continuation_tasks_words():
    assert harness_prompt(QUESTION, [WORKED], cloze=True) == (
        "The following are questions (with answers) about biology.\n\n"
        "Question: What has a nucleus?\nAnswer: A cell\n\n"
        "Question: Which organ pumps blood?\nAnswer:"
    )


@pytest.mark.parametrize(
    ("prompt", "header"),
    [
        ("plain", ""),
        ("lm-eval", "The following are questions (with answers) about biology.\n\n"),
    ],
)
def test_cloze_row_holds_every_option_once_and_leaves_out_its_last_token(prompt, header):
    tokenizer = build_tokenizer()
    packed = pack(tokenizer, QUESTION, Protocol("cloze", prompt))
    context = f"{header}Question: Which organ pumps blood?\nAnswer:"
    prefix = tokenizer(context)["input_ids"]
    scored = list(zip(packed.score_token, packed.score_choice, strict=True))
    placed = list(zip(packed.ids, packed.branch, strict=True))
    for option, text in enumerate(QUESTION.choices):
        whole = tokenizer(f"{context} {text}")["input_ids"]
        assert [t for t, choice in scored if choice == option] == whole[len(prefix) :]
        assert [t for t, branch in placed if branch in (PREFIX, option)] == whole[:-1]


@pytest.mark.parametrize("scoring", ["cloze", "cloze_per_char"])
def test_deep_ignorance_prompt_has_its_own_words_over_biology(gemma, scoring):
    packed = pack(gemma, QUESTION, Protocol(scoring, "deep-ignorance"))
    prefix = [i for i, branch in zip(packed.ids, packed.branch, strict=True) if branch == PREFIX]
    assert gemma.decode(prefix) == (
        "<bos>Complete the following biology questions with the correct answer.\n\n"
        "Question: Which organ pumps blood?\nAnswer:"
    )
    assert packed.ids.count(gemma.bos_token_id) == 1


def test_deep_ignorance_prompt_names_the_subject_of_other_questions():
    other = replace(QUESTION, question="Who ruled?", subject="high school us history")
    assert cloze_context(other, "deep-ignorance") == (
        "Complete the following high school us history questions with the correct answer.\n\n"
        "Question: Who ruled?\nAnswer:"
    )


def test_cloze_scores_are_the_harness_acc_norm(tmp_path):
    """Each option by itself in a plain forward pass: the sum of its log-probabilities over its
    characters.
    """
    tokenizer = build_tokenizer()
    model = build_model(len(tokenizer)).eval()
    context = (
        "Complete the following biology questions with the correct answer.\n\n"
        "Question: Which organ pumps blood?\nAnswer:"
    )
    n = len(tokenizer(context)["input_ids"])
    wanted = []
    for choice in QUESTION.choices:
        ids = tokenizer(f"{context} {choice}", return_tensors="pt")["input_ids"]
        with torch.no_grad():
            said = model(ids).logits[0, :-1].log_softmax(-1)
        of_each = said.gather(1, ids[0, 1:, None])[n - 1 :]
        wanted.append(float(of_each.sum()) / len(choice))
    packed = pack(tokenizer, QUESTION, Protocol("cloze_per_char", "deep-ignorance"))
    build_sae(tmp_path)
    sae = load_sae(SaeSource(path=tmp_path), "cpu")
    runner = Runner(split(model, tokenizer, sae.hook_name), sae, ("first",), budget=512)
    found = record(runner, Rows.of([packed]), stage="", scoring="cloze_per_char")
    torch.testing.assert_close(found.baseline, torch.tensor([wanted]), atol=1e-5, rtol=0)


def test_per_character_weights_are_one_over_the_options_characters():
    packed = pack(build_tokenizer(), QUESTION, Protocol("cloze_per_char", "plain"))
    lengths = [len(QUESTION.choices[choice]) for choice in packed.score_choice]
    assert packed.score_weight == [1 / n for n in lengths]


def test_text_is_scored_by_every_token_after_its_first():
    packed = pack_text([5, 6, 7, 8])
    assert packed.ids == [5, 6, 7, 8]
    assert (packed.score_pos, packed.score_token) == ([0, 1, 2], [6, 7, 8])
    assert set(packed.score_choice) == {0}


def test_bos_is_not_doubled_where_the_text_spells_it_out(gemma):
    assert tokens_of(gemma, "<bos>Air") == tokens_of(gemma, "Air")
    bare = build_tokenizer()
    assert tokens_of(bare, "Air") == bare("Air", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("prompt", ["paper", "lm-eval"])
def test_a_tokenizer_without_single_letters_is_refused(prompt):
    class Spelled:
        bos_token = None

        def __call__(self, text, add_special_tokens=True):
            return {"input_ids": [piece for character in text for piece in (ord(character), 0)]}

    with pytest.raises(BadInput, match="use cloze scoring"):
        pack(Spelled(), QUESTION, Protocol("letter", prompt))
