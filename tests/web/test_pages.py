"""How the page is served: what it may do, what is found where, and what is said when it was not built."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from agent.emulators.theatre import serving
from dashboard_bridge.pages import pages_router


@asynccontextmanager
async def pages_of(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(pages_router(dist))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with serving(config, listening), httpx.AsyncClient(base_url=url) as client:
            yield client


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as Vite writes it, with things beside and in it that nobody shall get."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text('<meta name="csp-nonce" content="" /><script src="/assets/index-x.js"></script>')
    (dist / "icon.svg").write_text("<svg/>")
    (dist / "assets" / "index-x.js").write_text("1")
    (dist / "assets" / "index-x.js.map").write_text("{}")
    (tmp_path / "secret.js").write_text("secret")
    return dist


@pytest.mark.parametrize("path", ["/", "/app", "/app/", "/app/calls", "/app/live/CA1", "/app/shops/1/knowledge"])
async def test_the_page_is_at_all_its_addresses(built: Path, path: str) -> None:
    async with pages_of(built) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_page_may_do_no_more_than_it_needs(built: Path) -> None:
    async with pages_of(built) as client:
        first, second = await client.get("/"), await client.get("/")
    policy = dict(part.partition(" ")[::2] for part in first.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in first.headers["content-security-policy"]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "no-referrer"
    nonces = [re.findall(r'csp-nonce" content="([\w-]{20,})"', answer.text) for answer in (first, second)]
    assert nonces[0] != nonces[1]
    assert policy["style-src"] == f"'self' 'nonce-{nonces[0][0]}'"


async def test_built_files_are_kept_by_browsers(built: Path) -> None:
    async with pages_of(built) as client:
        script, icon = await client.get("/assets/index-x.js"), await client.get("/icon.svg")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert icon.headers["content-type"] == "image/svg+xml"
    assert script.headers["x-content-type-options"] == icon.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/index-x.js.map",
        "/assets/..%2f..%2fsecret.js",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/..%5c..%5csecret.js",
        "/assets//index-x.js",
        "/calls",
        "/elsewhere",
    ],
)
async def test_nothing_else_is_served(built: Path, path: str) -> None:
    async with pages_of(built) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    async with pages_of(tmp_path) as client:
        before = await client.get("/")
        (tmp_path / "index.html").write_text("built")
        after = await client.get("/")
    assert before.status_code == 503
    assert "make web" in before.text
    assert after.text == "built"
