import re

import pytest

from components.wording import plain, sentence


@pytest.mark.parametrize("sign", list("\\`*_{}[]<>()#+-!|~$&"))
def test_every_sign_of_markdown_is_escaped(sign):
    assert plain(f"a{sign}b") == f"a\\{sign}b"


def test_words_stay_as_they_are():
    assert plain("9 % of retain tokens, né") == "9 % of retain tokens, né"


def shown(text):
    """What of it is read by Markdown's own rules for backslashes, with joiners to be seen."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", plain(text)).replace("\u2060", "^")


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("http://x.org", "http:^//x.org"),
        ("see WWW.x.org", "see WWW^.x.org"),
        ("a@b.co", "a@^b.co"),
        (":material/home: :smile: :a:", ":^material/home: :^smile: :^a:"),
        ("a -> b -- c", "a ^-> b ^-- c"),
        ("a: b, x->y", "a: b, x->y"),
    ],
)
def test_what_is_looked_for_without_backslashes_is_broken_by_what_shows_nothing(text, broken):
    assert shown(text) == broken


def test_a_text_stays_on_its_line():
    assert plain(" a\n\n    b\r\tc ") == "a b c"


@pytest.mark.parametrize(("text", "escaped"), [("=== x", "\\=== x"), ("12. May", "12\\. May")])
def test_what_begins_a_line_begins_nothing(text, escaped):
    assert plain(text) == escaped


def test_an_address_in_a_sentence_can_be_followed_and_nothing_else_is_read():
    said = sentence(
        "Accept it at http://h.co:80/a/g-2_b, or:  ![](//h/x) :material/home: www.x.org"
    )
    read = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", said).replace("\u2060", "^")
    assert read == (
        "Accept it at http://h.co:80/a/g-2_b, or: ![](//h/x) :^material/home: www^.x.org"
    )
    assert "![" not in said
    assert sentence("one word") == "one word"
