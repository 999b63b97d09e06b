"""Messages of a judge put into the model's tokens: its own chat format where it has one, else plain
text, message after message.

Nothing is cut and nothing left out. A template that knows no system message, or passes over it, is
given that message's text before the first of the user's, as Gemma's makers say.
"""

from collections.abc import Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from backend.data.prompts import GAP, conversation, tokens_of
from backend.errors import BadInput, BadSetup
from backend.rim import shown, whole
from backend.rivals.prompts import inserted, prompt_tokens

ROLES = ("system", "user", "assistant")
BETWEEN = "\n\n"
"""What stands between two messages where there is no chat format."""


class Message(NamedTuple):
    role: str
    text: str


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], first: str | None = None
) -> list[int]:
    """The messages' tokens, up to where the next answer begins. `first` is a rival's prompt, which
    comes before the first of the user's messages as it does on the board.

    Raises BadInput for messages that cannot be answered, BadSetup for a template that fails.
    """
    _check(messages)
    chat = bool(tokenizer.chat_template)
    if chat:
        text = _chat_text(tokenizer, messages)
        ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    else:
        ids = list(tokenizer(BETWEEN.join(m.text for m in messages))["input_ids"])
    if first is None:
        return ids
    before = _before(tokenizer, messages) if chat else tokens_of(tokenizer, "")
    return inserted(ids, before, prompt_tokens(tokenizer, first))


def _check(messages: Sequence[Message]) -> None:
    for number, message in enumerate(messages, 1):
        if message.role not in ROLES:
            raise BadInput(
                f"Message {number} is of the role {shown(message.role)}: this model reads "
                f"{', '.join(ROLES)}, and calls no tools."
            )
        whole(message.text, f"Message {number}")
    if not messages or messages[-1].role != "user":
        raise BadInput("The last message must be the user's: an answer is not gone on with here.")


def _chat_text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    folded = _without_system(messages)
    try:
        text = conversation(tokenizer, messages)
    except BadSetup:
        if folded == list(messages):
            raise
        return _whole_chat(conversation(tokenizer, folded), folded)
    if folded != list(messages) and not _shows(text, messages):
        text = conversation(tokenizer, folded)
    return _whole_chat(text, messages)


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The system's text at the beginning of the first message that is the user's."""
    if messages[0].role != "system" or messages[1].role != "user":
        return list(messages)
    system, user, *others = messages
    return [Message("user", f"{system.text}{BETWEEN}{user.text}"), *others]


def _whole_chat(text: str, messages: Sequence[Message]) -> str:
    if not _shows(text, messages):
        raise BadSetup(
            "This model's chat template leaves out messages that it is given. Mend chat_template "
            "in the model's folder."
        )
    return text


def _shows(text: str, messages: Sequence[Message]) -> bool:
    return all(m.text.strip() in text for m in messages if m.role != "assistant")


def _before(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    """The tokens before the text of the first message that is the user's."""
    at = next(place for place, message in enumerate(messages) if message.role == "user")
    marked = [*messages[:at], Message("user", GAP), *messages[at + 1 :]]
    before, _, _ = _chat_text(tokenizer, marked).partition(GAP)
    return list(tokenizer(before, add_special_tokens=False)["input_ids"])
