"""A password is kept as a salted hash, and matches nothing else."""

import pytest

from backend.errors import BadInput
from components.serving import password
from components.serving.__main__ import main, password_for
from components.serving.address import address

RIGHT = "correct horse ünd"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path))
    monkeypatch.delenv("CLAMPBOARD_PASSWORD_HASH", raising=False)
    return tmp_path


def test_only_the_password_matches_its_hash():
    kept = password.hashed(RIGHT)
    assert password.matches(RIGHT, kept)
    assert not any(password.matches(p, kept) for p in ("", RIGHT[:-1], RIGHT + " ", "x" * 5000))
    assert not password.matches("\ud800" * 10, kept)
    assert RIGHT not in kept


def test_two_hashes_of_one_password_differ():
    assert password.hashed(RIGHT) != password.hashed(RIGHT)


@pytest.mark.parametrize(
    "kept",
    [
        "x",
        "scrypt:1:8:1:AAAA:AAAA",
        f"scrypt:{2**40}:8:1:AAAA:{'A' * 43}=",
        f"scrypt:32767:8:1:AAAA:{'A' * 43}=",
        f"md5:32768:8:1:AAAA:{'A' * 43}=",
        f"scrypt:32768:8:1:AAAA:{'?' * 43}=",
    ],
)
def test_what_is_no_hash_is_refused_in_words(kept, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_PASSWORD_HASH", kept)
    with pytest.raises(BadInput, match="make password"):
        password.kept_hash()


def test_the_file_is_for_its_owner_alone_and_the_environment_stands_before_it(cache, monkeypatch):
    assert password.kept_hash() is None
    word, other = password.hashed(RIGHT), password.hashed(RIGHT)
    password.keep(word)
    assert password.kept_hash() == word
    assert (cache / "password").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("CLAMPBOARD_PASSWORD_HASH", other)
    assert password.kept_hash() == other


def test_a_new_password_is_asked_for_twice(monkeypatch, capsys):
    said = iter([RIGHT, "another password", "short", RIGHT, RIGHT])
    monkeypatch.setattr("getpass.getpass", lambda _: next(said))
    assert main(["password"]) == 2
    assert "not the same" in capsys.readouterr().err
    assert main(["password"]) == 2
    assert "10 to" in capsys.readouterr().err
    assert password.kept_hash() is None
    assert main(["password"]) == 0
    assert password.matches(RIGHT, password.kept_hash() or "")


def test_a_public_address_without_a_password_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115, PTH123
    assert main(["--host", "0.0.0.0"]) == 2
    assert "there is no password" in capsys.readouterr().err
    assert password_for(address("localhost")) is None
    password.keep(password.hashed(RIGHT))
    assert password_for(address("0.0.0.0")) == password.kept_hash()
