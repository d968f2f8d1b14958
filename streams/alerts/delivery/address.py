"""Resolves host names and checks that the addresses are on the public internet.

Users type the URLs of destinations; without this check a URL could make idtrail connect to hosts inside its network.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

PRIVATE: Final = "its host leads to an address that is not of the internet: set IDTRAIL_DELIVER_PRIVATE to allow it"
NOWHERE: Final = "its host is not found"

_NAT64: Final = IPv6Network("64:ff9b::/96")


class Unreachable(Exception):
    """A destination that cannot, or must not, be connected to; the message names no address."""


async def checked_address(host: str, port: int, *, private: bool) -> str:
    """Return an address of `host` to connect to. Raises `Unreachable` if there is none or any of them is not
    allowed."""
    found = await _addresses(host, port)
    if not found:
        raise Unreachable(NOWHERE)
    if not private and not all(map(of_the_internet, found)):
        raise Unreachable(PRIVATE)
    return found[0]


async def refuse_private(host: str, *, private: bool) -> None:
    """Raises `Unreachable` if `host` has no address or any of its addresses is not allowed.

    A single word that does not resolve passes: Apprise URLs of services with one fixed internet host have a key in its
    place.
    """
    found = await _addresses(host, 0)
    if not found and ("." in host or ":" in host):
        raise Unreachable(NOWHERE)
    if not private and not all(map(of_the_internet, found)):
        raise Unreachable(PRIVATE)


def of_the_internet(address: str) -> bool:
    """Whether anybody could reach the address: it is not loopback, link-local, private or reserved, and embeds no such
    address."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _within(ip)
        if inner is not None:
            return of_the_internet(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _within(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address embedded in an IPv6 address, if any."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)


async def _addresses(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]
