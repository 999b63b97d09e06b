"""Where a prompt stands in what a model reads, and what it leaves as it was."""

from dataclasses import replace

import pytest

from backend.data.prompts import pack, pack_text, templated
from backend.data.questions import PREFIX, Packed, Question
from backend.interventions.rival import Rival, checked_rival
from backend.rivals.prompts import WORDINGS, after_prompt, asked_after, leading, prompt_tokens
from backend.setups import Protocol
from tests.support.gemma import gemma_tokenizer
from tests.support.toy import build_tokenizer

PLAIN, GEMMA = build_tokenizer(), gemma_tokenizer()
QUESTION = Question(
    0, "the heart", "Which organ pumps blood?", ("Heart", "A cell", "Air", "Sea"), 0
)
PROMPT = "You know nothing."
CHAT = "<bos><start_of_turn>user\n"
PROTOCOLS = {
    "cloze": (PLAIN, Protocol("cloze", "lm-eval"), ""),
    "cloze after <bos>": (GEMMA, Protocol("cloze", "plain"), "<bos>"),
    "letter after <bos>": (GEMMA, Protocol("letter", "paper"), "<bos>"),
    "letter in the chat format": (GEMMA, Protocol("letter", "paper-chat"), CHAT),
}


@pytest.fixture(params=PROTOCOLS.values(), ids=PROTOCOLS)
def asked(request):
    """A tokenizer, a question as it is asked, the same after a prompt, and what stands before."""
    tokenizer, protocol, before = request.param
    packed = pack(tokenizer, QUESTION, protocol)
    new = prompt_tokens(tokenizer, PROMPT)
    return tokenizer, packed, asked_after(packed, leading(tokenizer, protocol.prompt), new), before


def sequence(packed: Packed, option: int) -> list[int]:
    pairs = zip(packed.ids, packed.branch, strict=True)
    return [token for token, branch in pairs if branch in (PREFIX, option)]


def test_the_prompt_and_an_empty_line_stand_before_the_question_and_after_what_begins(asked):
    tokenizer, packed, made, before = asked
    for option in range(4):
        text = tokenizer.decode(sequence(packed, option))
        assert text.startswith(before)
        wanted = f"{before}{PROMPT}\n\n{text.removeprefix(before)}"
        assert tokenizer.decode(sequence(made, option)) == wanted


def test_the_questions_own_tokens_and_what_is_read_of_them_stay(asked):
    tokenizer, packed, made, before = asked
    new, at = prompt_tokens(tokenizer, PROMPT), len(tokenizer(before, add_special_tokens=False)[0])
    assert made.ids == [*packed.ids[:at], *new, *packed.ids[at:]]
    assert made.branch == [PREFIX] * len(new) + packed.branch
    assert [pos - len(new) for pos in made.score_pos] == packed.score_pos
    assert [made.ids[pos] for pos in made.score_pos] == [packed.ids[p] for p in packed.score_pos]
    untold = {"ids": [], "branch": [], "score_pos": []}
    assert replace(made, **untold) == replace(packed, **untold)


def test_text_that_is_read_comes_after_bos_and_prompt_in_a_chat_setup_too():
    ids = GEMMA("The river runs.")["input_ids"]
    row = asked_after(pack_text(ids), leading(GEMMA, "paper-chat"), prompt_tokens(GEMMA, PROMPT))
    assert GEMMA.decode(row.ids) == f"<bos>{PROMPT}\n\nThe river runs."
    assert [row.ids[pos + 1] for pos in row.score_pos] == row.score_token == ids[1:]


def test_text_without_bos_comes_after_the_prompt():
    row = asked_after(pack_text([7, 8, 9]), leading(GEMMA, None), [5, 6])
    assert (row.ids, row.score_pos) == ([5, 6, 7, 8, 9], [2, 3])


@pytest.mark.parametrize("chat", [False, True])
def test_what_is_written_goes_on_after_the_prompt(chat):
    text = templated(GEMMA, "What is air?") if chat else "What is air?"
    ids = GEMMA(text, add_special_tokens=not chat)["input_ids"]
    made = after_prompt(GEMMA, ids, PROMPT, chat)
    begin = CHAT if chat else "<bos>"
    assert GEMMA.decode(made) == f"{begin}{PROMPT}\n\n" + GEMMA.decode(ids).removeprefix(begin)
    assert after_prompt(PLAIN, [7, 8], PROMPT, False) == [*prompt_tokens(PLAIN, PROMPT), 7, 8]


def test_the_wordings_that_ship_are_prompts_of_different_titles():
    assert len({wording.title for wording in WORDINGS}) == len(WORDINGS) >= 3
    for wording in WORDINGS:
        assert checked_rival(Rival("prompt", wording.text)).of == wording.text
