"""No form of an address, no name and no redirect leads into this house's own network."""

from __future__ import annotations

from ipaddress import ip_address

import httpx
import pytest
from website import Names

from agent.errors import ScrapeError
from agent.knowledge.address_guard import AddressGuard, is_public, parse_url, system_resolve


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"),  # noqa: S104
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1"),
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        *("fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::", "2001::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "192.88.99.1", "100::1"),
    ],
)
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "64:ff9b::101:101"]
)
def test_an_address_that_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://salon.example/", "scheme_refused"),
        ("file:///etc/passwd", "scheme_refused"),
        ("gopher://salon.example/", "scheme_refused"),
        ("javascript:alert(1)", "scheme_refused"),
        ("https:///nowhere", "url_invalid"),
        ("https://", "url_invalid"),
        ("", "url_invalid"),
        ("https://sal on.example", "url_invalid"),
        ("https://salon.example\\@127.0.0.1/", "url_invalid"),
        ("https://salon.example\r\nHost: x", "url_invalid"),
        ("https://localhost%2e/", "url_invalid"),
        ("https://[::1", "url_invalid"),
        ("https://salon.example:99999999/", "url_invalid"),
        ("https://" + "x" * 2_000, "url_invalid"),
        ("https://salon.example@127.0.0.1/", "credentials_refused"),
        ("https://user:word@salon.example/", "credentials_refused"),
        ("http://salon.example:22/", "port_refused"),
        ("http://salon.example:6379/", "port_refused"),
        ("http://127.0.0.1/", "address_refused"),
        ("http://127.0.0.1./", "address_refused"),
        ("http://127.1/", "address_refused"),
        ("http://0/", "address_refused"),
        ("http://2130706433/", "address_refused"),
        ("http://0x7f000001/", "address_refused"),
        ("http://0x7f.0.0.1/", "address_refused"),
        ("http://0177.0.0.1/", "url_invalid"),
        ("http://127.0.0.01/", "url_invalid"),
        ("http://8.8.8.8.8/", "address_refused"),
        ("http://[::1]/", "address_refused"),
        ("http://[::ffff:127.0.0.1]/", "address_refused"),
        ("http://[::ffff:7f00:1]/", "address_refused"),
        ("http://[fe80::1%25eth0]/", "url_invalid"),
        ("http://169.254.169.254/latest/meta-data/", "address_refused"),
        ("http://１２７.0.0.1/", "url_invalid"),
    ],
)
def test_a_url_that_is_refused(url: str, code: str) -> None:
    with pytest.raises(ScrapeError) as refused:
        AddressGuard().check_url(parse_url(url))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("salon.example", "https://salon.example"),
        (" http://salon.example/preise#top ", "http://salon.example/preise"),
        ("//salon.example/a", "https://salon.example/a"),
        ("https://salon.example:443/", "https://salon.example/"),
        ("https://frisör.example/", "https://xn--frisr-mua.example/"),
    ],
)
def test_a_url_as_people_type_it(typed: str, meant: str) -> None:
    url = parse_url(typed)
    AddressGuard().check_url(url)
    assert url == httpx.URL(meant)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([], "name_unknown"),
        (["10.0.0.1"], "address_refused"),
        (["1.1.1.1", "127.0.0.1"], "address_refused"),
        (["::ffff:192.168.1.1"], "address_refused"),
        (["fe80::1%eth0"], "address_refused"),
        (["not an address"], "name_unknown"),
    ],
)
async def test_a_name_that_leads_nowhere_good(answers: list[str], code: str) -> None:
    guard = AddressGuard(Names({"salon.example": [answers]}).resolve)
    with pytest.raises(ScrapeError) as refused:
        await guard.addresses("salon.example", 443)
    assert refused.value.code == code


async def test_every_address_of_a_name_is_given() -> None:
    guard = AddressGuard(Names({"salon.example": [["1.1.1.1", "2606:4700::1111"]]}).resolve)
    assert await guard.addresses("salon.example.", 80) == ["1.1.1.1", "2606:4700::1111"]


async def test_loopback_is_let_through_when_allowed_and_nothing_else_with_it() -> None:
    guard = AddressGuard(Names({"inside.example": [["10.0.0.1"]]}).resolve, allow_loopback=True)
    assert await guard.addresses("salon.example", 5001) == ["127.0.0.1"]
    assert await guard.addresses("127.0.0.1", 5001) == ["127.0.0.1"]
    for host, port, code in (("inside.example", 80, "address_refused"), ("1.1.1.1", 5001, "port_refused")):
        with pytest.raises(ScrapeError) as refused:
            await guard.addresses(host, port)
        assert refused.value.code == code


async def test_this_machine_knows_itself() -> None:
    assert set(await system_resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
