"""Which addresses a website may have: public ones, checked at the moment of connecting.

A shop's URL is a stranger's word. It must not make this house look into its own network, whatever the URL's
form, whatever a name resolves to the second time, and wherever a redirect leads.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from agent.errors import ScrapeError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, as text. Raises OSError when there are none."""

MAX_URL = 2_000
WEB_PORTS = (80, 443)

# What `is_global` does not know of, or lets through for reasons that are not ours.
_NEVER = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata at 100.100.100.200
        "168.63.129.16/32",  # a cloud's inner services behind a public-looking address
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "2001::/32",  # Teredo carries IPv4 addresses inside
        "2002::/16",  # so does 6to4
        "64:ff9b:1::/48",  # and local NAT64
        "fec0::/10",  # site-local
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:(?!\d)")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|\d+)", re.IGNORECASE)


class AddressGuard:
    """Says which URLs may be asked for, and which addresses a name may be reached at.

    `allow_loopback`: this machine's own addresses too, on any port (tests and the demo).
    """

    def __init__(self, resolve: Resolve | None = None, *, allow_loopback: bool = False) -> None:
        self._resolve = resolve or system_resolve
        self._allow_loopback = allow_loopback

    def check_url(self, url: httpx.URL) -> None:
        """Raises ScrapeError scheme_refused, url_invalid, credentials_refused, port_refused or address_refused."""
        _check_scheme(url)
        if not url.host or "%" in url.host or not 0 < (url.port or 80) <= 65_535:
            raise ScrapeError("url_invalid", f"{url} names no host, or a port that cannot be.")
        if url.userinfo:
            raise ScrapeError("credentials_refused", f"The address of {url.host} carries a user name or password.")
        if url.port not in (None, *WEB_PORTS) and not self._allow_loopback:
            raise ScrapeError("port_refused", f"{url} is not on a port of the web (80 or 443).")
        address = _literal(url.host)
        if address is not None:
            self._check(url.host, address)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Every address of `host`, each of them allowed: connect to these and no others.

        Raises ScrapeError address_refused when any one is not allowed, name_unknown when there is none.
        """
        literal = _literal(host)
        found = [literal] if literal is not None else await self._look_up(host.rstrip("."), port)
        for address in found:
            self._check(host, address)
            if port not in WEB_PORTS and not address.is_loopback:
                raise ScrapeError("port_refused", f"{host}:{port} is not on a port of the web (80 or 443).")
        return [str(address) for address in found]

    async def _look_up(self, host: str, port: int) -> list[Address]:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as why:
            raise ScrapeError("name_unknown", f"There is no address for {host}.") from why
        if not found:
            raise ScrapeError("name_unknown", f"There is no address for {host}.")
        try:
            return [ip_address(text.partition("%")[0]) for text in found]
        except ValueError as why:
            raise ScrapeError("name_unknown", f"{host} leads to something that is no address.") from why

    def _check(self, host: str, address: Address) -> None:
        if not (is_public(address) or (self._allow_loopback and _plain(address).is_loopback)):
            raise ScrapeError("address_refused", f"{host} is at {address}, which is not a public address.")


def parse_url(text: str) -> httpx.URL:
    """What somebody typed as a website's address; `https` where no scheme is given. Raises ScrapeError."""
    text = text.strip()
    if not text or len(text) > MAX_URL or _UNSAFE.search(text):
        raise ScrapeError("url_invalid", "The website's address is empty, too long, or holds spaces or backslashes.")
    if not _SCHEME.match(text):
        text = "https://" + text.removeprefix("//")
    try:
        url = httpx.URL(text).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError) as why:
        raise ScrapeError("url_invalid", f"{text[:100]!r} is not a website's address.") from why
    _check_scheme(url)
    return url


def _check_scheme(url: httpx.URL) -> None:
    if url.scheme not in ("http", "https"):
        raise ScrapeError("scheme_refused", f"{url} is not an http or https address.")


def is_public(address: Address) -> bool:
    """True for addresses of the public internet; IPv4 inside IPv6 counts as that IPv4."""
    address = _plain(address)
    refused = address.is_multicast or address.is_reserved or not address.is_global
    return not refused and not any(_inside(address, network) for network in _NEVER)


async def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as this machine knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _inside(address: Address, network: IPv4Network | IPv6Network) -> bool:
    return address.version == network.version and address in network


def _plain(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _literal(host: str) -> Address | None:
    """The address a host is written as, or None for a name. Raises ScrapeError for a number in disguise.

    127.1, 0177.0.0.1, 2130706433 and 0x7f000001 all mean this machine to some resolver: whatever ends in a
    number must be a plain address.
    """
    bare = host.rstrip(".").strip("[]")
    if ":" not in bare and not _NUMERIC.fullmatch(bare.rpartition(".")[2]):
        return None
    try:
        return ip_address(bare)
    except ValueError as why:
        raise ScrapeError("address_refused", f"{host} is an address in disguise.") from why
