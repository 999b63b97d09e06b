"""Nothing that leaves says where it lay on the machine that made it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from backend.sharing.card import card, facts
from backend.sharing.report import report
from backend.sharing.snippet import snippet
from backend.store import ROOT, cache_folder

WAYS = {
    "export": lambda ran: ran.text,
    "report": lambda ran: report(ran.engine, ran.evaluation),
    "program": lambda ran: snippet(ran.engine, ran.evaluation.setting),
    "card": lambda ran: card(facts(ran.engine, ran.evaluation)),
}


def places(engine):
    setup = engine.setup
    folders = (setup.model.path, setup.sae.path, engine.folder, cache_folder(), ROOT, Path.home())
    return [str(folder) for folder in folders] + [os.environ.get("USER") or "no such user"]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_folder_of_this_machine_is_in_it(ran, way):
    text = way(ran)
    assert len(text) > 1000
    assert [place for place in places(ran.engine) if place in text] == []


@pytest.mark.parametrize("name", ["/home/ada/models/mine", "C:\\\\Users\\\\ada\\\\mine", "~/mine"])
def test_a_model_that_is_called_by_its_path_is_named_by_its_end_in_the_program(
    ran, monkeypatch, name
):
    setup = ran.engine.setup
    monkeypatch.setattr(ran.engine, "setup", replace(setup, model=replace(setup.model, name=name)))
    program = snippet(ran.engine, ran.evaluation.setting)
    assert "MODEL = 'mine'" in program.splitlines()
    assert "ada" not in program
