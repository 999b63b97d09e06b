"""The command line in this process: importing torch anew for each case would take minutes."""

from typing import NamedTuple

import pytest

from backend.__main__ import main


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str

    def fails(self, *words: str) -> None:
        """One line that holds the words, on standard error, and status 2."""
        assert self.returncode == 2
        assert self.stdout == ""
        assert "Traceback" not in self.stderr
        last = self.stderr.strip().splitlines()[-1]
        assert len(last) < 500
        assert [word for word in words if word not in last] == [], last


@pytest.fixture
def run(capsys):
    """Runs a command given as arguments."""

    def call(*args: object) -> Result:
        capsys.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as error:
            code = error.code
        return Result(code, *capsys.readouterr())

    return call
