"""Words survive whatever the server, the page and the bytes say about their charset."""

from __future__ import annotations

import pytest

from agent.knowledge.charset import to_text

GERMAN = "<p>Färben, Strähnen & Größe: 45 €</p>"
RUSSIAN = "<p>Стрижка женская и окрашивание волос, запись по телефону</p>" * 5
JAPANESE = "<p>カットとカラーの料金はこちらをご覧ください。営業時間は十時から</p>" * 5


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (GERMAN.encode(), "text/html; charset=utf-8"),
        (GERMAN.encode(), "text/html"),
        (GERMAN.encode(), "text/html; charset=iso-8859-1"),  # the classic: UTF-8 sent as Latin-1
        (GERMAN.encode(), "text/html; charset=nonsense"),
        (GERMAN.encode("cp1252"), "text/html; charset=iso-8859-1"),  # the euro sign is not in Latin-1; browsers know
        (GERMAN.encode("cp1252"), "text/html; charset=utf-8"),
        (GERMAN.encode("utf-8-sig"), "text/html; charset=windows-1251"),
        (GERMAN.encode("utf-16"), "text/html"),
        (GERMAN.encode("utf-16"), "text/html; charset=utf-8"),
    ],
)
def test_german_survives(body: bytes, content_type: str) -> None:
    assert to_text(body, content_type) == GERMAN


@pytest.mark.parametrize("charset", ["utf-8", "windows-1251", "koi8-r"])
@pytest.mark.parametrize("said", ["header", "meta", "nobody"])
def test_russian_survives(charset: str, said: str) -> None:
    text = f'<meta charset="{charset}">{RUSSIAN}' if said == "meta" else RUSSIAN
    header = f"text/html; charset={charset}" if said == "header" else "text/html"
    assert to_text(text.encode(charset), header) == text


@pytest.mark.parametrize("charset", ["utf-8", "shift_jis", "euc-jp"])
@pytest.mark.parametrize("said", ["header", "meta", "nobody"])
def test_japanese_survives(charset: str, said: str) -> None:
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">'
    text = meta + JAPANESE if said == "meta" else JAPANESE
    header = f"text/html; charset={charset}" if said == "header" else "text/html"
    assert to_text(text.encode(charset), header) == text


def test_a_few_bad_bytes_do_not_spoil_a_page() -> None:
    assert to_text(GERMAN.encode() * 20 + b"\xff\xfe", "text/html").startswith(GERMAN)


@pytest.mark.parametrize(
    "name", ["zip", "base64", "idna", "punycode", "unicode_escape", "utf-7", "utf-16", "rot13", "mbcs"]
)
def test_a_page_cannot_choose_what_is_no_charset(name: str) -> None:
    assert to_text(b"<p>\\u0041 +AGE- plain</p>", f"text/html; charset={name}") == "<p>\\u0041 +AGE- plain</p>"


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xfe\xff\x00", bytes(range(256)) * 10])
def test_anything_becomes_text(body: bytes) -> None:
    assert isinstance(to_text(body, "text/html"), str)
