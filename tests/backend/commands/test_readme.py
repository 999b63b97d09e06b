"""The READMEs beside the code: the commands' says what the parser says, and what is shown runs."""

import argparse
import re
import shlex

import pytest

from backend.__main__ import _parser
from backend.commands.setting import add_method, add_setting
from backend.store import ROOT

README = ROOT / "backend" / "commands" / "README.md"
EVERY = "Every command"
"""The section on what all commands have."""
PLACES = (
    "",
    "backend",
    "backend/commands",
    "backend/data/published",
    "backend/demo",
    "backend/notebook",
    "backend/setups",
    "backend/studies",
    "cache",
    "components/serving",
    "tests/bench",
)
READMES = [ROOT / place / "README.md" for place in PLACES]


def _commands() -> dict[str, argparse.ArgumentParser]:
    actions = _parser()._actions
    return dict(next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices)


def _arguments(parser: argparse.ArgumentParser) -> set[str]:
    """As --help names them, but for --help itself."""
    return {
        name
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction)
        for name in (action.option_strings or [action.metavar or action.dest])
    }


def _method_alone() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_method(parser)
    return parser


def _setting_alone(rivals: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_setting(parser, rivals)
    return parser


def _sections() -> dict[str, str]:
    _, *parts = re.split(r"^## (.+)\n", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _tabled(section: str) -> set[str]:
    """What is named in the first cells of a section's tables."""
    cells = re.findall(r"^\| (`.+?) \|", section, flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def _shown(text: str) -> list[str]:
    """The arguments of every `python -m backend` that a README writes out."""
    joined = re.sub(r"\\\n\s*", "", text)
    return re.findall(r"python -m backend (?!COMMAND)([^`\n]+)", joined)


COMMANDS = _commands()
WHEN = "When to act"
"""The section on the arguments that all commands with a method share."""
INSTEAD = "In the place of clamps"
"""The section on the arguments of those that take a rival."""
OF_A_SETUP = [command for command in COMMANDS.values() if "SETUP" in _arguments(command)]
COMMON = set.intersection(*map(_arguments, OF_A_SETUP))
METHOD = _arguments(_method_alone())
RIVAL = _arguments(_setting_alone(True)) - _arguments(_setting_alone(False))
SHOWN = sorted({line for path in READMES for line in _shown(path.read_text(encoding="utf-8"))})


def test_every_command_has_a_section_and_nothing_else_has():
    named, there = set(_sections()) - {EVERY, WHEN, INSTEAD}, set(COMMANDS)
    assert not there - named, f"no section: {sorted(there - named)}"
    assert not named - there, f"no command: {sorted(named - there)}"


def test_what_all_commands_have_is_said_once():
    assert _tabled(_sections()[EVERY]) == COMMON


def test_what_says_when_to_act_is_said_once():
    for name, command in COMMANDS.items():
        shared = METHOD & _arguments(command)
        assert shared in (METHOD, set()), f"{name} has a part of them: {sorted(shared)}"
    assert _tabled(_sections()[WHEN]) == METHOD


def test_what_says_what_stands_in_the_place_of_clamps_is_said_once():
    taking = {name for name, command in COMMANDS.items() if "--rival" in _arguments(command)}
    assert taking == {
        "evaluate",
        "lm-eval",
        "anatomy",
        "generate",
        "inspect",
        "export",
        "report",
        "card",
    }
    assert all(_arguments(COMMANDS[name]) >= RIVAL for name in taking)
    assert _tabled(_sections()[INSTEAD]) == RIVAL


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_lists_its_commands_own_arguments(name):
    named, there = _tabled(_sections()[name]), _arguments(COMMANDS[name]) - COMMON - METHOD
    there -= RIVAL if "--rival" in there else set()
    assert not there - named, f"missing under {name}: {sorted(there - named)}"
    assert not named - there, f"unknown to {name}: {sorted(named - there)}"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_speaks_of_no_option_its_command_does_not_have(name):
    spoken = set(re.findall(r"--[a-z][a-z-]*", _sections()[name]))
    unknown = spoken - _arguments(COMMANDS[name])
    assert not unknown, f"unknown to {name}: {sorted(unknown)}"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_shows_its_command_at_work(name):
    shown = [line.split()[0] for line in _shown(_sections()[name])]
    assert set(shown) == {name}


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_that_a_readme_shows_can_be_typed(line):
    argv = shlex.split(line.partition(" > ")[0], comments=True)
    assert _parser().parse_args(argv).run is not None


@pytest.mark.parametrize("path", READMES, ids=PLACES)
def test_a_link_in_a_readme_leads_somewhere(path):
    targets = re.findall(r"\]\(((?!https?:)[^)#\s]+)", path.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing
