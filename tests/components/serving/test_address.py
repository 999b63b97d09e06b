"""Where a server listens, which names it answers to, and whether others can reach it."""

import pytest

from backend.errors import BadInput
from components.serving.address import LOOPBACK, address, exposed, own_names


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost,::1"]
)
def test_this_machine_alone_is_not_public(host):
    assert not address(host).public


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "192.168.1.5",
        "lab",
        "localhost,clampboard.example.org",
        "127.0.0.1.evil.org",
    ],
)
def test_an_address_or_a_name_for_others_is_public(host):
    assert address(host).public


def test_the_names_given_are_admitted_beside_this_machines():
    at = address("192.168.1.5, Clampboard.Example.org.")
    assert at.listen == "192.168.1.5"
    assert at.names == (*LOOPBACK, "192.168.1.5", "clampboard.example.org")


def test_where_all_addresses_are_listened_at_the_machines_own_names_are_admitted():
    at = address("0.0.0.0")
    assert set(own_names()) <= set(at.names)
    assert "0.0.0.0" not in at.names


@pytest.mark.parametrize(
    "host",
    [
        "",
        " , ",
        "http://x",
        "a b",
        "*",
        "*.org",
        "-x",
        "x_y",
        "999.1.1.1",
        "ü.de",
        "x" * 300,
        "a," * 30,
    ],
)
def test_what_is_no_host_is_refused_in_words(host):
    with pytest.raises(BadInput, match="HOST"):
        address(host)


def test_no_address_and_no_names_mean_everybody():
    assert exposed(None, LOOPBACK)
    assert exposed("localhost", [])
    assert exposed("localhost", ["*"])
    assert not exposed("localhost", LOOPBACK)
