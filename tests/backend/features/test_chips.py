"""Words to start from: frequent, about something, and never leading to nothing."""

import pandas as pd

from backend.features.chips import chips, finder

TABLE = pd.DataFrame(
    {
        "label": [
            "blood and its cells",
            "the word cell, also blood",
            "names of cells; blood",
            "pieces of rare words",
            "pieces of rare words",
            "armies, battles",
            "armies, battles",
        ],
        "top_words": [
            ["artery"],
            ["cell"],
            ["2187x"],
            ["of"],
            ["the"],
            ["war"],
            ["army", "treaty"],
        ],
        "selectivity": [3.0, 2.0, 1.0, 1.0, 1.0, -4.0, -5.0],
        "fires_forget": [3, 2, 1, 1, 1, 0, 0],
    }
)


def everything(word):
    return True


def test_the_most_frequent_meaningful_words_come_first_and_one_form_of_each():
    offered = chips(TABLE, everything)
    assert offered[:2] == ["blood", "cells"]
    assert not {"cell", "word", "words", "pieces", "names", "also", "rare"} & set(offered)


def test_labels_come_before_words_fired_on_and_features_to_forget_before_the_others():
    assert chips(TABLE, everything) == [
        "blood",
        "cells",
        "artery",
        "armies",
        "battles",
        "army",
        "treaty",
    ]
    assert chips(TABLE, everything, most=3) == ["blood", "cells", "artery"]


def test_without_labels_the_words_fired_on_are_offered():
    assert chips(TABLE.assign(label=""), everything) == ["artery", "cell", "army", "treaty"]


def test_a_word_that_finds_nothing_is_not_offered():
    assert "blood" not in chips(TABLE, lambda word: word != "blood")
    assert chips(TABLE, lambda word: False) == []


def test_the_same_table_in_another_order_gives_the_same_chips():
    assert chips(TABLE.iloc[::-1], everything) == chips(TABLE, everything)


def test_a_finder_asks_the_search():
    finds = finder(lambda word: ["hit"] if word == "virus" else [])
    assert finds("virus")
    assert not finds("xylophone")


def test_every_chip_of_the_toy_finds_a_feature(toy):
    offered = chips(toy.atlas.table, finder(lambda word: toy.atlas.search(word).hits))
    assert offered
    assert all(len(toy.atlas.search(word).hits) for word in offered)
