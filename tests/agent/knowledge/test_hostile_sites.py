"""Every way a website can be bad has its own code, and none takes long or takes the house with it."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
import zlib
from collections.abc import AsyncGenerator

import pytest
import trustme
from aiohttp import web
from website import HOST, Handler, Names, Website, fixed, links, open_website, page, paths_of, redirect, scrape

from agent.errors import ScrapeError
from agent.knowledge.page import Page, look_at
from agent.knowledge.sitemap import read_sitemap

ZEROS = gzip.compress(b"\0" * 200_000_000, 9)


@pytest.fixture
async def site() -> AsyncGenerator[Website]:
    async with open_website() as opened:
        yield opened


async def code_of(url: str, resolve: Names | None = None, **bounds: object) -> str:
    """What a scrape fails with."""
    with pytest.raises(ScrapeError) as failed:
        await scrape(url, (resolve or Names()).resolve, **bounds)
    assert failed.value.message.endswith(".")
    return failed.value.code


async def endless(request: web.Request) -> web.StreamResponse:
    """500 MB and more, if anybody reads that far."""
    answer = web.StreamResponse(headers={"Content-Type": "text/html"})
    await answer.prepare(request)
    for _ in range(8_000):
        await answer.write(b"<p>and on</p>" * 5_000)
    return answer


async def dripping(request: web.Request) -> web.StreamResponse:
    """A byte now and then: each read is in time, the whole never is."""
    answer = web.StreamResponse(headers={"Content-Type": "text/html"})
    await answer.prepare(request)
    for _ in range(1_000):
        await answer.write(b"x")
        await asyncio.sleep(0.05)
    return answer


async def rude(request: web.Request) -> web.StreamResponse:
    """Hangs up in the middle of a word."""
    answer = web.StreamResponse(headers={"Content-Type": "text/html", "Content-Length": "5000"})
    await answer.prepare(request)
    await answer.write(b"<html>")
    assert request.transport is not None
    request.transport.abort()
    return answer


BAD: dict[str, tuple[str | Handler, str]] = {
    "not there": (fixed(status=404), "not_found"),
    "gone": (fixed(status=410), "not_found"),
    "an error for ever": (fixed("oops", status=500), "server_error"),
    "overloaded for ever": (fixed("oops", status=503), "server_error"),
    "too many requests": (fixed("slow down", status=429), "rate_limited"),
    "forbidden": (fixed("no", status=403), "forbidden"),
    "a teapot": (fixed("tea", status=418), "answer_invalid"),
    "a redirect to itself": (redirect("/"), "too_many_redirects"),
    "a redirect to nowhere": (redirect("http://127.0.0.01:x/"), "answer_invalid"),
    "a redirect to a file": (redirect("file:///etc/passwd"), "scheme_refused"),
    "a PDF": (fixed(b"%PDF-1.7 ...", kind="application/pdf"), "not_html"),
    "a PDF that says it is a page": (fixed(b"%PDF-1.7 ..."), "not_html"),
    "JSON": (fixed('{"a": 1}', kind="application/json"), "not_html"),
    "plain text": (fixed("just words", kind="text/plain"), "not_html"),
    "bytes": (fixed(bytes(range(256)) * 40), "not_html"),
    "endless": (endless, "page_too_large"),
    "announced as large": (fixed(b"<html>" + b"x" * 4_000_000), "page_too_large"),
    "a gzip bomb": (fixed(ZEROS, Content_Encoding="gzip"), "page_too_large"),
    "a deflate bomb": (fixed(zlib.compress(b"\0" * 50_000_000), Content_Encoding="deflate"), "page_too_large"),
    "brotli, which was not asked for": (fixed(b"\x1b", Content_Encoding="br"), "encoding_unknown"),
    "packed twice": (fixed(ZEROS[:100], Content_Encoding="gzip, gzip"), "encoding_unknown"),
    "gzip that is none": (fixed(page(), Content_Encoding="gzip"), "encoding_broken"),
    "a login by status": (fixed("who are you?", status=401), "login_wall"),
    "a login by form": ("<html><form><input name=u><input type='password'></form>", "login_wall"),
    "a redirect to a login": (redirect("/account/login"), "login_wall"),
    "a program": ('<html><body><div id="root"></div><script src="/app.js"></script>', "needs_javascript"),
    "a program and its apology": (
        page('<div id="app"></div><script>go()</script>', words="Please enable JavaScript to see our lovely salon."),
        "needs_javascript",
    ),
    "nothing": ("", "page_empty"),
    "no words": ("<html><body><img src=x></body></html>", "page_empty"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_page_has_its_own_code(site: Website, name: str) -> None:
    answer, code = BAD[name]
    site.at = {"/": answer, "/account/login": "<html>Welcome back"}
    began = time.monotonic()
    assert await code_of(site.url) == code
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize(
    "name", ["an error for ever", "a gzip bomb", "endless", "a PDF", "a program", "a redirect to itself"]
)
async def test_one_bad_page_does_not_spoil_the_others(site: Website, name: str) -> None:
    answer, code = BAD[name]
    site.at = {
        "/": page(links("/prices", "/team")),
        "/prices": answer if name != "a redirect to itself" else redirect("/prices"),
    }
    site.at["/team"] = page("us")
    found = await scrape(site.url)
    assert paths_of(found) == ["/", "/team"]
    assert [(at.code, at.url) for at in found.problems] == [(code, site.of(HOST, "/prices"))]


async def test_a_page_that_drips_is_left(site: Website) -> None:
    site.at = {"/": dripping}
    assert await code_of(site.url, page_s=0.3) == "timed_out"


async def test_a_connection_that_breaks_is_tried_again(site: Website) -> None:
    site.at = {"/": rude}
    assert await code_of(site.url) in ("unreachable", "answer_invalid")


async def test_an_error_that_passes_is_forgiven(site: Website) -> None:
    async def once(_: web.Request) -> web.Response:
        first = site.paths == ["/"]
        return web.Response(status=503) if first else web.Response(text=page(), content_type="text/html")

    site.at = {"/": once}
    assert paths_of(await scrape(site.url)) == ["/"]


async def test_nobody_answers() -> None:
    async with open_website() as site:
        pass
    assert await code_of(site.url) == "unreachable"


async def test_something_else_answers() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        assert await code_of(f"http://{HOST}:{server.sockets[0].getsockname()[1]}/") == "answer_invalid"


@pytest.mark.parametrize(("status", "code"), [(500, "server_error"), (429, "rate_limited")])
async def test_rules_that_cannot_be_read_allow_nothing(site: Website, status: int, code: str) -> None:
    site.at = {"/robots.txt": fixed(status=status), "/": page()}
    assert await code_of(site.url) == code
    assert site.paths == []


@pytest.mark.parametrize(
    "answer", [fixed(status=404), fixed(status=403), redirect("/robots.txt"), fixed(b"\xff\0\x01")]
)
async def test_rules_that_are_none_allow_everything(site: Website, answer: Handler) -> None:
    site.at = {"/robots.txt": answer, "/": page()}
    assert paths_of(await scrape(site.url)) == ["/"]


async def test_a_site_that_keeps_robots_out(site: Website) -> None:
    site.at = {"/robots.txt": fixed("User-agent: *\nDisallow: /", kind="text/plain"), "/": page()}
    assert await code_of(site.url) == "robots_denied"
    assert site.paths == []


@pytest.mark.parametrize(
    "to",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://167772161/",
        "http://0xa000001/",
        "http://inside.example/",
        "http://salon.example@10.0.0.1/",
    ],
)
async def test_no_redirect_leads_inside(site: Website, to: str) -> None:
    site.at = {"/": redirect("/2"), "/2": redirect("/3", 307), "/3": redirect(to, 301)}
    names = Names({"inside.example": [["192.168.1.1"]]})
    assert await code_of(site.url, names) in ("address_refused", "credentials_refused")


async def test_loopback_itself_is_refused_where_it_is_not_allowed(site: Website) -> None:
    site.at = {"/": page()}
    names = Names({HOST: [["127.0.0.1"]]})
    with pytest.raises(ScrapeError) as refused:
        await scrape(f"http://{HOST}/", names.resolve, loopback=False)
    assert refused.value.code == "address_refused"
    assert site.asked == []


async def test_the_address_that_was_checked_is_the_one_connected_to(site: Website) -> None:
    """Nobody but the test's own resolver knows the name, and it is asked once: nothing resolves it again."""
    site.at = {"/": page(links("/prices")), "/prices": page("p")}
    names = Names()
    assert len((await scrape(site.url, names.resolve, concurrency=1)).pages) == 2
    assert names.asked == [HOST]


async def test_a_name_that_changes_its_address_meanwhile_is_refused(site: Website) -> None:
    """Rebinding: an allowed address first, an inner one for the next connection."""
    site.at = {"/": fixed(page(links("/prices")), Connection="close"), "/prices": page("p")}
    site.at |= {path: fixed(status=404, Connection="close") for path in ("/robots.txt", "/sitemap.xml")}
    names = Names({HOST: [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"]]})
    found = await scrape(site.url, names.resolve)
    assert [at.code for at in found.problems] == ["address_refused"]
    assert site.paths == ["/"]


async def test_a_dead_address_is_passed_over(site: Website) -> None:
    site.at = {"/": page()}
    names = Names({HOST: [["::1", "127.0.0.1"]]})  # nobody listens on ::1
    assert paths_of(await scrape(site.url, names.resolve)) == ["/"]


def tls_pair(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for a name, and a client's that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return server, client


async def test_tls_is_that_of_the_site_not_of_its_address() -> None:
    server, client = tls_pair(HOST)
    said: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: said.append(name)
    async with open_website(server) as site:
        site.at = {"/": page()}
        assert paths_of(await scrape(site.url, tls=client)) == ["/"]
        assert set(said) == {HOST}
        assert {headers["Host"] for headers in site.headers} == {f"{HOST}:{site.port}"}


async def test_a_certificate_of_somebody_else_is_refused() -> None:
    server, client = tls_pair("other.example")
    async with open_website(server) as site:
        site.at = {"/": page()}
        assert await code_of(site.url, tls=client) == "tls_failed"
        assert await code_of(site.url) == "tls_failed"
        assert site.asked == []


@pytest.mark.parametrize(
    "unit",
    [
        "<div>",
        "<a ",
        "<a href=x>",
        "<a href='",
        "<script>",
        "<meta refresh ",
        "<!--",
        "<input ",
        "<b><p>",
        "&#x",
        "<a\t\n",
        "<div id=",
        "<p>x</",
    ],
)
def test_no_page_takes_long_to_look_at(unit: str) -> None:
    text = unit * (3_000_000 // len(unit))
    began = time.process_time()
    look_at(Page("https://salon.example/", text))
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "unit", ["<loc>" + " " * 50, "<loc>", "<x:loc>\n", "http://a ", "<sitemap", "&amp;", "<loc><![CDATA[ "]
)
def test_no_sitemap_takes_long_to_read(unit: str) -> None:
    text = (unit * (2_000_000 // len(unit))).encode()
    began = time.process_time()
    read_sitemap(text, 2_000_000)
    read_sitemap(b"<loc>" + b" " * 2_000_000, 2_000_000)
    assert time.process_time() - began < 3


def test_a_packed_sitemap_is_unpacked_no_further_than_allowed() -> None:
    assert read_sitemap(ZEROS, 1_000) == ([], [])
    assert read_sitemap(ZEROS[:50], 1_000) == ([], [])
    assert read_sitemap(b"\x1f\x8bnonsense", 1_000) == ([], [])
