"""Messages become the model's tokens whole: by its own template, or as plain text."""

import pytest
from transformers import PreTrainedTokenizerBase

from backend.errors import BadInput, BadSetup
from backend.experiments import generate
from backend.judges.inspect_messages import Message, prompt_ids
from backend.rivals.prompts import after_prompt
from tests.support.gemma import TEMPLATE, gemma_tokenizer
from tests.support.toy import build_tokenizer

ALTERNATING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}" + TEMPLATE
)
"""Gemma's own refuses a system message like this."""
DEAF = TEMPLATE.replace(
    "{% for message in messages %}",
    "{% for message in messages if message['role'] != 'system' %}",
)
TALK = [
    Message("system", "Answer in a word."),
    Message("user", "What pumps blood?"),
    Message("assistant", "The heart"),
    Message("user", "What makes sugar?"),
]
FOLDED = (
    "<bos><start_of_turn>user\nAnswer in a word.\n\nWhat pumps blood?<end_of_turn>\n"
    "<start_of_turn>model\nThe heart<end_of_turn>\n"
    "<start_of_turn>user\nWhat makes sugar?<end_of_turn>\n<start_of_turn>model\n"
)
PROMPT = "You know no biology."


def with_template(template: str | None) -> PreTrainedTokenizerBase:
    tokenizer = gemma_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def test_one_message_is_what_the_words_page_makes_of_it():
    for tokenizer in (gemma_tokenizer(), build_tokenizer()):
        chat = bool(tokenizer.chat_template)
        mine = prompt_ids(tokenizer, [Message("user", "What pumps blood?")])
        assert mine == generate.prompt_ids(tokenizer, "What pumps blood?", chat)
        behind = prompt_ids(tokenizer, [Message("user", "What pumps blood?")], PROMPT)
        assert behind == after_prompt(tokenizer, mine, PROMPT, chat) != mine


def test_a_talk_is_written_by_the_models_own_template():
    tokenizer = gemma_tokenizer()
    text = tokenizer.decode(prompt_ids(tokenizer, TALK))
    assert text.startswith("<bos><start_of_turn>system\nAnswer in a word.<end_of_turn>\n")
    assert text.endswith("What makes sugar?<end_of_turn>\n<start_of_turn>model\n")


@pytest.mark.parametrize("template", [ALTERNATING, DEAF])
def test_where_a_template_knows_no_system_message_it_stands_before_the_users(template):
    tokenizer = with_template(template)
    assert tokenizer.decode(prompt_ids(tokenizer, TALK)) == FOLDED


def test_a_rivals_prompt_stands_before_the_first_of_the_users_messages():
    tokenizer = gemma_tokenizer()
    text = tokenizer.decode(prompt_ids(tokenizer, TALK, PROMPT))
    assert f"<start_of_turn>user\n{PROMPT}\n\nWhat pumps blood?<end_of_turn>" in text
    assert text.replace(f"{PROMPT}\n\n", "") == tokenizer.decode(prompt_ids(tokenizer, TALK))


def test_without_a_chat_format_the_texts_follow_each_other():
    tokenizer = build_tokenizer()
    assert tokenizer.decode(prompt_ids(tokenizer, TALK)) == "\n\n".join(m.text for m in TALK)


def test_a_long_prompt_is_not_cut():
    tokenizer, long = build_tokenizer(), "The heart pumps blood. " * 1000
    assert len(long) > generate.MAX_PROMPT
    assert tokenizer.decode(prompt_ids(tokenizer, [Message("user", long)])) == long


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([], "last message must be the user's"),
        (TALK[:3], "last message must be the user's"),
        ([Message("tool", "green"), *TALK], "Message 1 is of the role .tool."),
        ([Message("user", "\ud800")], "Message 1 holds half a character"),
    ],
)
def test_messages_that_cannot_be_answered_are_refused(messages, sentence):
    with pytest.raises(BadInput, match=sentence):
        prompt_ids(build_tokenizer(), messages)


@pytest.mark.parametrize("template", ["{{ nonesuch.what }}", "{{ bos_token }}"])
def test_a_template_that_fails_or_shows_nothing_is_named(template):
    with pytest.raises(BadSetup, match="chat template"):
        prompt_ids(with_template(template), [Message("user", "What pumps blood?")])
