"""Where a name leads, and whether that is a place of the internet.

A destination's URL is typed by somebody; without this it could make idtrail talk to whatever is inside its network.
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
    """A destination must not be connected to, or cannot; the sentence names no address."""


async def checked_address(host: str, port: int, *, private: bool) -> str:
    """An address of `host` to connect to. Raises `Unreachable` if any of them is not to be, or there is none."""
    found = await _addresses(host, port)
    if not found:
        raise Unreachable(NOWHERE)
    if not private and not all(map(of_the_internet, found)):
        raise Unreachable(PRIVATE)
    return found[0]


async def refuse_private(host: str, *, private: bool) -> None:
    """Raises `Unreachable` if any address of `host` is not to be connected to, or there is none.

    A single word that leads nowhere passes: services that are at one place of the internet have their keys there.
    """
    found = await _addresses(host, 0)
    if not found and ("." in host or ":" in host):
        raise Unreachable(NOWHERE)
    if not private and not all(map(of_the_internet, found)):
        raise Unreachable(PRIVATE)


def of_the_internet(address: str) -> bool:
    """Whether anybody could reach it: neither loopback, link-local, private nor reserved, nor a way to one."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _within(ip)
        if inner is not None:
            return of_the_internet(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _within(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
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
