"""Each check on a setup that breaks it alone, and which is said where several are broken."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import BadSetup
from backend.setups import (
    CorpusSource,
    Known,
    ModelSource,
    RmuSource,
    SaeSource,
    SetSource,
    Setup,
)
from backend.setups.checks import check, problems

HERE = Path(__file__).parent
NOWHERE = Path("/nowhere")
FORGET = SetSource(name="a", title="A", role="forget", dataset="d")
RETAIN = SetSource(name="b", title="B", role="retain", dataset="d")
TEXTS = tuple(CorpusSource(role=role, title=role, dataset="d") for role in ("forget", "retain"))
GOOD = Setup(
    title="Good",
    scoring="letter",
    model=ModelSource("m"),
    sae=SaeSource(release="r", sae_id="i"),
    sets=(FORGET, RETAIN),
    corpora=TEXTS,
)
"""Nothing is wrong with it."""


def sets(**changes) -> dict:
    return {"sets": (FORGET, replace(RETAIN, **changes))}


def corpora(**changes) -> dict:
    return {"corpora": (TEXTS[0], replace(TEXTS[1], **changes))}


def test_a_setup_that_is_right_has_no_problem():
    assert list(problems(GOOD)) == []
    check(GOOD, Path("good.toml"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"untouched": ("sinks", "bos", "all")},
            "untouched names ['all', 'bos']; known rules are ['first', 'special', 'sinks']",
        ),
        (
            {"prompt": "plain"},
            "prompt is 'plain', but letter scoring has only: paper, paper-chat, lm-eval",
        ),
        (
            {"known": Known(by="published")},
            "[known] needs source, whose list it is: Farrell or SAEBench",
        ),
        (
            {"known": Known(by="computed"), "scoring": "cloze"},
            "[known] can be computed with letter scoring only: "
            "cloze prompts do not show the options, so their order cannot matter",
        ),
        (
            sets(shots=5),
            '[[sets]] shots needs prompt = "lm-eval": the other prompts have no worked examples',
        ),
        (
            {"model": ModelSource("m", path=NOWHERE, package="p")},
            "[model] gives both path and package; give one",
        ),
        (
            {"model": ModelSource("m", path=NOWHERE)},
            "[model] path names /nowhere, which does not exist",
        ),
        (
            {"model": ModelSource("m", path=Path(__file__))},
            f"[model] path names {__file__}, which is a file; name a folder",
        ),
        (
            {"model": ModelSource("m", package="a.b")},
            "[model] package is 'a.b'; it must be one plain name",
        ),
        (
            {"model": ModelSource("m", device="xpu")},
            "[model] device is 'xpu'; it must be auto, cpu, cuda or cuda:N",
        ),
        (
            {"sae": SaeSource(path=NOWHERE, labels=HERE)},
            f"[sae] labels names {HERE}, which is a folder; name a file",
        ),
        ({"sae": SaeSource()}, "[sae] needs either path, or release and sae_id"),
        ({"sae": SaeSource(release="r")}, "[sae] needs either path, or release and sae_id"),
        (
            {"sae": SaeSource(path=NOWHERE, release="r", sae_id="i")},
            "[sae] needs either path, or release and sae_id",
        ),
        (
            {"sets": (FORGET,)},
            "[[sets]] needs at least one set of role 'forget' and one of role 'retain'",
        ),
        (
            {"corpora": (*TEXTS, TEXTS[0])},
            "[[corpora]] needs exactly one corpus of role 'forget' and one of role 'retain', "
            "besides optional ones",
        ),
        (sets(name="a"), "[[sets]] uses a name twice"),
        (sets(dataset=None), "sets[1] needs exactly one of file, folder and dataset"),
        (
            sets(folder=HERE, config="c"),
            "sets[1] needs exactly one of file, folder and dataset, not folder and dataset",
        ),
        (
            sets(dataset=None, file=NOWHERE),
            "sets[1].file names /nowhere, which does not exist",
        ),
        (
            corpora(dataset=None, folder=NOWHERE),
            "corpora[1].folder names /nowhere, which does not exist",
        ),
        (
            corpora(dataset=None, local="here"),
            "corpora[1] needs exactly one of file, folder and dataset",
        ),
        (
            sets(dataset=None, file=HERE),
            f"sets[1].file names {HERE}, which is a folder; name a file",
        ),
        (
            sets(dataset=None, file=Path("/dev/zero")),
            "sets[1].file names /dev/zero, which is a device; name a file",
        ),
        (
            sets(dataset=None, folder=Path(__file__), config="c"),
            f"sets[1].folder names {__file__}, which is a file; name a folder",
        ),
        (
            sets(dataset=None, folder=HERE),
            "sets[1].folder needs config too (or subjects, or another split than test), "
            "which says which of its files is meant",
        ),
        (sets(config="../x"), "sets[1].config is '../x'; it must be a plain name"),
        (sets(split="a/b"), "sets[1].split is 'a/b'; it must be a plain name"),
        (sets(subjects=("a", "..")), "sets[1].subjects[1] is '..'; it must be a plain name"),
        (sets(subjects=("a", "b", "a")), "sets[1].subjects names one of them twice"),
        (sets(without=("a",)), "sets[1].without needs subjects too, of which it leaves some out"),
        (
            {"text_loss": replace(TEXTS[1], dataset=None)},
            "text_loss[0] needs exactly one of file, folder and dataset",
        ),
        (
            {"rmu": RmuSource(models=(Path(__file__), NOWHERE))},
            "[rmu] models[1] names /nowhere, which does not exist",
        ),
        (
            {"rmu": RmuSource(corpora=(TEXTS[0], TEXTS[0]))},
            "[[rmu.corpora]] can have one corpus of each role, besides optional ones",
        ),
        (
            {"rmu": RmuSource(corpora=(replace(TEXTS[0], dataset=None),))},
            "rmu.corpora[0] needs exactly one of file, folder and dataset",
        ),
        (sets(examples=NOWHERE), "sets[1].examples names /nowhere, which does not exist"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_else(changes, said):
    assert list(problems(replace(GOOD, **changes))) == [said]
    with pytest.raises(BadSetup) as error:
        check(replace(GOOD, **changes), Path("mine.toml"))
    assert str(error.value) == f"The setup mine.toml: {said}."


def test_an_optional_corpus_may_be_in_the_data_folder_alone():
    optional = replace(TEXTS[0], dataset=None, local="here", optional=True)
    assert list(problems(replace(GOOD, corpora=(optional, *TEXTS)))) == []
    rmu = RmuSource(corpora=(optional, TEXTS[0]))
    assert list(problems(replace(GOOD, rmu=rmu))) == []


def test_of_several_problems_the_first_to_be_mended_is_said():
    setup = replace(GOOD, untouched=("bos",), sae=SaeSource(), **sets(config="/"))
    fields = [problem.split()[0] for problem in problems(setup)]
    assert fields == ["untouched", "[sae]", "sets[1].config"]
    with pytest.raises(BadSetup, match="untouched names"):
        check(setup, Path("mine.toml"))
