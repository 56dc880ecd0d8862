"""Prices in text: amounts, ranges, "from", and the words that stand where a price is not told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

SIGNS: dict[str, str] = {
    "us$": "USD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "nz$": "NZD", "s$": "SGD", "hk$": "HKD",
    "r$": "BRL", "s/": "PEN", "s/.": "PEN", "$": "$", "£": "GBP", "€": "EUR", "₹": "INR", "¥": "JPY", "￥": "JPY",
    "円": "JPY", "₽": "RUB", "руб": "RUB", "руб.": "RUB", "р.": "RUB", "₺": "TRY", "₪": "ILS", "₩": "KRW",
    "zł": "PLN", "kč": "CZK", "₴": "UAH", "rs": "INR", "rs.": "INR", "fr.": "CHF", "sfr.": "CHF", "chf": "CHF",
    "euro": "EUR", "euros": "EUR", "kr": "kr", "kr.": "kr", "eur": "EUR", "usd": "USD", "gbp": "GBP", "cad": "CAD",
    "aud": "AUD", "nzd": "NZD", "inr": "INR", "jpy": "JPY", "rub": "RUB", "pen": "PEN", "mxn": "MXN", "sek": "SEK",
    "nok": "NOK", "dkk": "DKK", "pln": "PLN", "aed": "AED", "zar": "ZAR", "dollars": "$", "pounds": "GBP",
    "рублей": "RUB", "рубля": "RUB", "грн": "UAH", "грн.": "UAH", "uah": "UAH", "yen": "JPY", "₦": "NGN", "ngn": "NGN",
    "kes": "KES", "ksh": "KES", "lkr": "LKR", "vnd": "VND", "₫": "VND", "đ": "VND", "₱": "PHP", "php": "PHP",
    "rm": "MYR",
    "myr": "MYR", "sgd": "SGD", "hkd": "HKD", "czk": "CZK", "try": "TRY", "tl": "TRY", "brl": "BRL", "cop": "COP",
    "soles": "PEN", "francs": "CHF", "franken": "CHF",
}  # fmt: skip
"""What a sign means; `$` and `kr` depend on the country."""
DASHED = "dash"
"""The currency of "72.-" or "15,-", which names none."""

_SIGN = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True) if not sign.isalpha() or sign == "円")
_CODE = "|".join(sorted((sign for sign in SIGNS if sign.isalpha() and sign != "円"), key=len, reverse=True))
_NUMBER = r"\d{1,3}(?:[ .,'’\u00a0]\d{3})+(?:[.,]\d{2})?(?!\d|[.,:]\d)|\d{1,6}(?:[.,]\d{1,2})?(?!\d|[.,:]\d)"
_BEFORE = rf"(?:{_SIGN}|(?<![^\W\d_])(?:{_CODE}))\s?"
_AFTER = rf"\s?(?:[$£¥￥₹](?!\s?\d)|(?![$£¥￥₹])(?:{_SIGN})|(?:{_CODE})(?![^\W\d_]))"
_DASH = r"(?:/-|[.,]\s?[-–—]{1,2}(?!\s?\d)|/=)"


def _amount_pattern(n: str) -> str:
    """An amount with its sign before or after; the groups' names end in `n`."""
    free = "" if n == "x" else r"(?<![\d.,:/#+-])"
    before = rf"(?P<before{n}>{_BEFORE})(?P<left{n}>{_NUMBER})(?:{_AFTER}|{_DASH})?"
    return rf"(?:{before}|{free}(?P<right{n}>{_NUMBER})(?P<after{n}>{_DASH}(?:{_AFTER})?|{_AFTER}))"


_TO = r"\s*(?:-|–|—|‒|~|〜|～|to|bis|à|a|до|and|und|et|y|/)\s*"
_FROM_WORDS = (
    r"starting\s+(?:at|from)|starts?\s+(?:at|from)|prices?\s+from|from|begins?\s+at|beginning\s+at|at\s+least"
    r"|(?<!\d)(?<!\d\s)min(?:imum|\.)?"
    r"|ab|mindestens|von|(?:à|a)\s+partir\s+de|a\s+partire\s+da|vanaf|v\.a\.|dès|depuis|desde|от|стоимость\s+от"
)
_UP = (
    r"\s*(?:\+|＋|(?:and|&)\s+(?:up|above|over)|or\s+more|up(?![^\W\d_])|から|〜|～|~|et\s+plus|y\s+más|und\s+mehr|aufwärts"
    r"|\*?\s*(?:/|per|pro|par|por|je)\s*(?:hour|hr|h|stunde|std|heure|hora|час|mile|mi|km)(?![^\W\d_]))"
)
_PRICE = re.compile(
    rf"(?P<low>(?<![^\W\d_])(?:{_FROM_WORDS})\s*:?\s*)?"
    rf"(?:(?P<bare>(?<![\d.,:/#+-])(?:{_NUMBER})){_TO}{_amount_pattern('x')}|{_amount_pattern('1')})"
    rf"(?:{_TO}{_amount_pattern('2')}|\s?[-–—]\s?(?P<tail>{_NUMBER})(?!\s*(?:min|h|std|ч|{_SIGN})))?"
    rf"(?P<up>{_UP})?",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"^(?P<low>(?:{_FROM_WORDS})\s*)?(?P<a>{_NUMBER})(?:\s?[-–—]\s?(?P<b>{_NUMBER}))?(?P<up>\s?\+)?$", re.I
)
FREE = re.compile(
    r"\W*(?:free|complimentary|no\s+charge|kostenlos|gratis|kostenfrei|gratuit|offert|gratuito|бесплатно|無料)\W*",
    re.IGNORECASE,
)
_FREE_END = re.compile(rf"(?:\s[-–—]|:|\||…|\.{{3,}})\s*(?:{FREE.pattern})$", re.IGNORECASE)
ON_REQUEST = re.compile(
    r"(?:(?:please\s+)?(?:call|ask|text|contact\s+us|e-?mail|enquire"
    r"|inquire)\s+(?:us\s+)?for\s+(?:a\s+)?(?:pricing|prices?|quote)(?:\s*/\s*consultation)?"
    r"|price\s+(?:on|upon)\s+(?:request|consultation|application)|prices?\s+(?:vary|varies)|by\s+(?:quote"
    r"|quotation|consultation)"
    r"|(?:on|upon|by)\s+(?:request|consultation|application)|(?<![^\W\d_])(?:POA|TBA)(?![^\W\d_])"
    r"|preise?\s+(?:auf|nach)\s+(?:anfrage|absprache|aufwand|vereinbarung)|(?:auf|nach)\s+(?:anfrage|absprache"
    r"|vereinbarung)"
    r"|(?:sur|selon)\s+(?:devis|demande|bilan|consultation)|(?<![^\W\d_])devis(?:\s+gratuit)?(?![^\W\d_])"
    r"|prix\s+sur\s+demande|nous\s+consulter"
    r"|(?:precio\s+)?(?:a\s+consultar|bajo\s+consulta|consultar(?:\s+precio)?|según\s+(?:consulta|valoración))"
    r"|(?:цена\s+)?(?:по\s+запросу|по\s+договор[её]нности|уточняйте|индивидуально)"
    r"|要相談|応相談|要問合せ|お問い合わせ(?:ください)?|要見積(?:もり)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Price:
    """One price in a text, at `start`..`end`. `maximum` is None when the end is open."""

    minimum: Decimal
    maximum: Decimal | None
    text: str
    sign: str
    start: int
    end: int

    @property
    def open_ended(self) -> bool:
        return self.maximum is None


def find_prices(text: str) -> list[Price]:
    """All prices in `text` that carry a currency sign, a currency word or a dash (72.-, 199/-)."""
    found: list[Price] = []
    if len(text) <= 150 and (match := _FREE_END.search(text) or FREE.fullmatch(text)):
        return [Price(Decimal(0), Decimal(0), match[0].strip(" -–—:|…"), "", match.start(), len(text))]
    for match in _PRICE.finditer(text):
        price = _price(match)
        if price is not None and not _is_no_price(text, match):
            found.append(price)
    return found


def bare_price(text: str) -> Price | None:
    """A cell of a price column that holds a number only."""
    match = _BARE.match(text.strip())
    if match is None:
        return None
    low = amount(match["a"])
    high = amount(match["b"]) if match["b"] else low
    if low is None or high is None or not 0 < low <= high < 20_000:
        return None
    is_open = bool(match["low"] or match["up"])
    return Price(low, None if is_open else high, text.strip(), "", 0, len(text))


def spanned(prices: list[Price]) -> Price:
    """Several prices of one thing ("$40 / $50 / $60") as the range they span."""
    first, last = prices[0], prices[-1]
    if len(prices) == 1:
        return first
    highs = [price.maximum for price in prices]
    high = None if None in highs else max(high for high in highs if high is not None)
    text = " / ".join(price.text for price in prices)
    return Price(min(price.minimum for price in prices), high, text, first.sign, first.start, last.end)


def amount(number: str) -> Decimal | None:
    """1,200.50, 1.200,50, 1'200 and 42,5 as decimals."""
    digits = re.sub(r"[ '’\u00a0]", "", number)
    if match := re.fullmatch(r"(\d{1,3}(?:[.,]\d{3})+)(?:[.,](\d{2}))?", digits):
        whole, cents = re.sub(r"[.,]", "", match[1]), match[2] or "00"
        return Decimal(f"{whole}.{cents}")
    digits = digits.replace(",", ".")
    return Decimal(digits) if re.fullmatch(r"\d+(?:\.\d+)?", digits) else None


def _price(match: re.Match[str]) -> Price | None:
    first = amount(match["left1"] or match["right1"] or match["leftx"] or match["rightx"])
    bare = amount(match["bare"]) if match["bare"] else None
    second_text = match["left2"] or match["right2"] or match["tail"]
    second = amount(second_text) if second_text else None
    if first is None:
        return None
    low, high = (bare, first) if bare is not None else (first, second if second is not None else first)
    if high < low:
        low, high = high, low
    sign = _sign(match["before1"] or match["after1"] or match["beforex"] or match["afterx"] or "")
    if sign == DASHED:
        sign = _sign(match["before2"] or match["after2"] or "") or DASHED
    is_open = bool(match["up"]) or (bool(match["low"]) and low == high)
    return Price(low, None if is_open else high, match[0].strip(), sign, match.start(), match.end())


def _sign(written: str) -> str:
    written = re.sub(rf"^{_DASH}\s?(?=\S)", "", written.strip().lower())
    if re.fullmatch(_DASH, written):
        return "INR" if written.startswith("/") else DASHED
    return SIGNS.get(written, "")


def _is_no_price(text: str, match: re.Match[str]) -> bool:
    """A discount, a year or part of a longer word."""
    after = text[match.end() : match.end() + 12].lower().lstrip()
    before = text[max(0, match.start() - 14) : match.start()].lower().rstrip()
    return after.startswith(
        ("off", "rabatt", "de réduction", "de descuento", "discount", "million", "%")
    ) or before.endswith(("save", "over", "spend", "sparen", "+49", "rabatt"))
