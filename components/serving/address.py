"""Where a server listens, and by which names browsers may ask for it."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import NamedTuple

from backend.errors import BadInput

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY = ("0.0.0.0", "::")
MAX_NAMES = 20
NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)


class Address(NamedTuple):
    listen: str
    names: tuple[str, ...]
    """What a browser may call the server; any other is refused."""

    @property
    def public(self) -> bool:
        return exposed(self.listen, self.names)


def address(hosts: str) -> Address:
    """From the HOST of `make app`: where to listen, then further names, separated by commas.

    This machine itself is always among the names; where all its addresses are listened at, its own
    names and addresses are too. Raises BadInput for what is no name or address.
    """
    given = [part.strip().lower().rstrip(".") for part in hosts.split(",") if part.strip()]
    if not given:
        raise BadInput("HOST is empty: name an address to listen at, such as HOST=0.0.0.0.")
    if len(given) > MAX_NAMES:
        raise BadInput(f"HOST names {len(given)} hosts; at most {MAX_NAMES} can be given.")
    given = [_checked(host) for host in given]
    own = own_names() if given[0] in ANY else ()
    asked = (host for host in (*given, *own) if host not in ANY)
    return Address(given[0], tuple(dict.fromkeys((*LOOPBACK, *asked))))


def exposed(listen: str | None, names: Iterable[str]) -> bool:
    """Whether more than this machine can come in: at the address, or by a name that is allowed.

    Streamlit takes no address for all of them, and no names for any.
    """
    names = list(names)
    return not all(map(is_loopback, [listen or ANY[0], *(names or ANY)]))


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def own_names() -> tuple[str, ...]:
    """What this machine is called, and its addresses as far as its own name gives them."""
    name = socket.gethostname().lower()
    found = [name, socket.getfqdn(name).lower()]
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            # Sends nothing: it only asks which address would be sent from.
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return tuple(dict.fromkeys(host for host in found if host))


def _checked(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    if len(host) > 253 or not NAME.fullmatch(host) or host.replace(".", "").isdecimal():
        raise BadInput(
            f"'{host[:60]}' is no address and no host's name. "
            "Write HOST=192.168.1.5, or HOST=0.0.0.0,clampboard.example.org."
        )
    return host
