"""What the token picker tells the browser; text stays text there (it is set with textContent)."""

from components.tokens.picker import SHOWN, token_data

NAME = {1: "heart", 2: "blood"}.__getitem__


def test_the_strongest_token_is_lit_most_and_says_its_features():
    data = token_data(
        ["The", " heart", " pumps"],
        [[], [(1, 20.0), (2, 5.0)], [(2, 4.0)]],
        [True, False, False],
        NAME,
    )
    assert [t["off"] for t in data] == [True, False, False]
    assert "not counted" in data[0]["about"]
    assert data[0]["lit"] == 0 < data[2]["lit"] < data[1]["lit"]
    assert data[1]["about"] == "20.0  1 · heart\n5.0  2 · blood"


def test_hostile_tokens_are_passed_as_they_are_and_long_ones_shortened():
    data = token_data(["<script>", "\n", "x" * 1000, ""], [[]] * 4, [False] * 4, NAME)
    assert [t["shown"] for t in data] == ["<script>", "↵", "x" * SHOWN + "…", "▫"]
    assert all(t["about"] == "no feature fires here" for t in data)
