"""Which links of a salon's site are worth a request, and which first."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import parse_qsl, unquote, urlencode

import httpx

from agent.knowledge.page import Link

SUBJECTS: tuple[tuple[int, str], ...] = (
    # Prices and services
    (10, "price prices pricing pricelist menu rates tariff fees cost"),
    (10, "preis preise preisliste tarife prix tarif tarifs precio precios tarifas"),
    (10, "料金 価格 メニュー цены цена прайс стоимость tseny ceny prays prais"),
    (9, "service services treatments treatment leistungen leistung angebot angebote behandlungen behandlung"),
    (9, "prestation prestations soins soin servicio servicios tratamientos tratamiento"),
    (9, "サービス 施術 услуги услуга uslugi"),
    (6, "hair nails lashes brows waxing facial massage barber spa color colour balayage manicure pedicure makeup"),
    (6, "haare haarschnitt damen herren kinder naegel kosmetik coiffure coloration ongles cejas pelo unas peluqueria"),
    (6, "カット カラー パーマ ネイル стрижка стрижки окрашивание маникюр педикюр"),
    # Staff
    (8, "team staff stylists stylist barbers artists people equipe equipo mitarbeiter personal"),
    (8, "スタッフ スタイリスト команда мастера специалисты komanda mastera"),
    # Hours and place
    (8, "hours opening oeffnungszeiten offnungszeiten horaires horaire horario horarios 営業時間 часы график"),
    (7, "contact contacts kontakt contacto location locations find visit anfahrt standort adresse acces ubicacion"),
    (7, "お問い合わせ アクセス 店舗 контакты kontakty адрес"),
    # Questions and rules
    (7, "faq faqs questions help fragen haeufige preguntas frecuentes foire よくある質問 質問 вопросы"),
    (5, "policy policies cancellation booking book termin termine richtlinien politique politicas reservas 予約"),
    (4, "about story uber ueber propos nosotros quienes サロン 会社概要 нас about-us ueber-uns o-nas"),
    # Seldom worth it
    (-6, "blog news aktuelles actualites noticias article press careers jobs karriere stellenangebote empleo"),
    (-6, "gallery galerie galeria portfolio photos lookbook ギャラリー ブログ новости блог галерея вакансии"),
    (-8, "privacy datenschutz terms agb legal mentions cookies confidentialite privacidad gdpr プライバシー политика"),
    (-8, "shop store product products produkt produkte boutique tienda gift voucher gutschein cart"),
    (-20, "tag author category login signin register account logout checkout wishlist feed wp-admin wp-json"),
)
LANGUAGES = frozenset(
    ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "ja", "ru", "uk", "zh", "ko", "tr", "ar", "sv", "cs")
)
OTHER_LANGUAGE = -12
WITH_QUERY = -3


def _plain(text: str) -> str:
    """Lower case, without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in parts if not ("\u0300" <= char <= "\u036f"))


_WEIGHTS = {_plain(word): weight for weight, words in SUBJECTS for word in words.split()}
_WRITTEN_TOGETHER = tuple((word, weight) for word, weight in _WEIGHTS.items() if word >= "\u3000")
"""Japanese puts no spaces between words."""
_LONG = tuple((word, weight) for word, weight in _WEIGHTS.items() if word.isascii() and len(word) >= 6)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
_FILE = re.compile(r"\.(?!html?$|php\d?$|aspx?$|jsp$|shtml$|xhtml$|cfm$|cgi$)[a-z][a-z0-9]{1,4}$", re.IGNORECASE)
_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|mc_\w+|ref|_ga|share|replytocom|sessionid|sid|phpsessid)$", re.IGNORECASE
)
_INDEX = re.compile(r"/(?:index|default|home)\.(?:html?|php|aspx?)$", re.IGNORECASE)


def resolve(link: Link, base: httpx.URL) -> httpx.URL | None:
    """Where a link leads as a page's address, or None when it leads to no page."""
    try:
        url = base.join(link.href.strip()).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        return None
    if (
        url.scheme not in ("http", "https")
        or not url.host
        or "%" in url.host
        or len(str(url)) > 1_000
        or _FILE.search(url.path)
    ):
        return None
    pairs = [pair for pair in parse_qsl(url.query.decode("ascii", "replace")) if not _TRACKING.match(pair[0])]
    return url.copy_with(query=urlencode(pairs).encode() or None)


def same_site(url: httpx.URL, home: httpx.URL) -> bool:
    """True for the host of `home`, with and without www, and hosts under it."""
    host, site = url.host.rstrip("."), _bare(home.host)
    return (_bare(host) == site or host.endswith("." + site)) and url.port == home.port


def identity(url: httpx.URL) -> str:
    """Equal for two ways of writing the same page's address."""
    path = _INDEX.sub("/", url.path).rstrip("/")
    return f"{_bare(url.host)}:{url.port}{path}?{url.query.decode('ascii', 'replace')}"


def score(url: httpx.URL, words: str, home: httpx.URL) -> int:
    """How likely a page tells prices, services, staff, hours or answers; links of no subject score 0."""
    by_path, by_words = _points(unquote(url.path)), _points(words[:120])
    points = min(by_path, by_words) if min(by_path, by_words) < 0 else max(by_path, by_words)
    agreed = 2 if by_path > 0 and by_words > 0 else 0
    language, own = _language(url), _language(home)
    foreign = OTHER_LANGUAGE if language is not None and own is not None and language != own else 0
    steps = max(url.path.rstrip("/").count("/") - 1, 0)
    return points + agreed + foreign + (WITH_QUERY if url.query else 0) - steps


def _points(text: str) -> int:
    plain = _plain(text)
    found = [_WEIGHTS[word] for at in _WORD.findall(plain) for word in {at, *at.split("-")} if word in _WEIGHTS]
    found += [weight for word, weight in _WRITTEN_TOGETHER if word in plain]
    if not found:
        found = [weight for word, weight in _LONG if word in plain]
    worst = min(found, default=0)
    return worst if worst < 0 else max(found, default=0)


def _language(url: httpx.URL) -> str | None:
    first = url.path.strip("/").partition("/")[0].lower().partition("-")[0]
    return first if first in LANGUAGES else None


def _bare(host: str) -> str:
    return host.rstrip(".").removeprefix("www.")
