"""The operators' page: what `make web` built, with headers that let it do no more than it needs.

Built files are under `/assets`; the page itself is at `/` and at every address under `/app`, because it finds its
way by itself. Nothing else is answered here, so no path of the API can be shadowed.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse

DIST = Path(__file__).parent / "web" / "dist"

NONCE_PLACE = '<meta name="csp-nonce" content=""'
"""Where the page takes the nonce from that its dialogs put on the one style element they add."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
}
_FOR_EVER = "public, max-age=31536000, immutable"
"""Names of built files carry a hash of what is in them."""
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""Told here: what a machine thinks of a suffix differs, and with nosniff a wrong type stops the page."""

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Chairside</title>
<h1>The page is not built</h1>
<p>The server is running; only the operators' page is missing. In the folder of the server, run</p>
<pre>make web</pre>
<p>and load this page again. Programs can use the operators' socket meanwhile.</p>
</html>
"""


def pages_router(dist: Path = DIST) -> APIRouter:
    """The routes, over the folder of the built page; it may be built while the server runs."""
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    @router.get("/app", response_class=HTMLResponse)
    @router.get("/app/{path:path}", response_class=HTMLResponse)
    def page(path: str = "") -> Response:  # noqa: ARG001
        return _page(dist)

    @router.get("/icon.svg")
    def icon() -> Response:
        return _file(dist, "icon.svg", "public, max-age=86400")

    @router.get("/assets/{name}")
    def asset(name: str) -> Response:
        return _file(dist / "assets", name, _FOR_EVER)

    return router


def _page(dist: Path) -> Response:
    nonce = secrets.token_urlsafe(16)
    headers = {**_HEADERS, "Cache-Control": "no-store", "Content-Security-Policy": policy(nonce)}
    try:
        html = (dist / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return HTMLResponse(_NOT_BUILT, status_code=503, headers=headers)
    return HTMLResponse(html.replace(NONCE_PLACE, NONCE_PLACE.replace('""', f'"{nonce}"')), headers=headers)


def _file(folder: Path, name: str, cache: str) -> Response:
    path = folder / name
    kind = _TYPES.get(path.suffix)
    # A name is one step inside the folder: what the router lets through has no slash, and this no dots.
    if kind is None or path.parent != folder or not path.is_file():
        return PlainTextResponse("There is no such file.\n", status_code=404, headers=_HEADERS)
    return FileResponse(path, media_type=kind, headers={**_HEADERS, "Cache-Control": cache})


def policy(nonce: str) -> str:
    """The Content-Security-Policy of the page: scripts, styles and sockets of this server alone, nothing inline.

    `nonce` stands for the one style element of the dialogs. Trusted Types forbid turning text into markup.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self'",
            "media-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )
