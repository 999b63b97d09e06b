import pytest

from components.wording import plain


@pytest.mark.parametrize("sign", list("\\`*_{}[]<>()#+-!|~$:"))
def test_every_sign_of_markdown_is_escaped(sign):
    assert plain(f"a{sign}b") == f"a\\{sign}b"


def test_words_stay_as_they_are():
    assert plain("9 % of retain tokens, né") == "9 % of retain tokens, né"
