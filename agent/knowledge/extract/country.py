"""Which country a shop is in, and with that its currency and how its phone numbers read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import phonenumbers

from agent.knowledge.extract import words
from agent.knowledge.extract.facts import Fact
from agent.knowledge.extract.money import DASHED, find_prices
from agent.knowledge.extract.page import Document
from agent.knowledge.extract.structured import Structured, listed, text_of

CURRENCIES: dict[str, str] = {
    "US": "USD", "GB": "GBP", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "IN": "INR", "JP": "JPY", "RU": "RUB", "CH": "CHF",
    "LI": "CHF", "PE": "PEN", "MX": "MXN", "BR": "BRL", "AR": "ARS", "CL": "CLP", "CO": "COP", "SG": "SGD", "HK": "HKD",
    "SE": "SEK", "NO": "NOK", "DK": "DKK", "PL": "PLN", "CZ": "CZK", "TR": "TRY", "AE": "AED", "ZA": "ZAR", "KR": "KRW",
    "UA": "UAH", "IL": "ILS",
    **dict.fromkeys(("DE", "AT", "FR", "ES", "IT", "IE", "NL", "BE", "LU", "PT", "FI", "GR", "MC", "HR"), "EUR"),
}  # fmt: skip
_HOME = {"de": "DE", "fr": "FR", "es": "ES", "it": "IT", "ja": "JP", "ru": "RU", "nl": "NL", "pt": "PT", "en": "US"}
_BY_CURRENCY = {
    "GBP": "GB",
    "INR": "IN",
    "CHF": "CH",
    "JPY": "JP",
    "RUB": "RU",
    "PEN": "PE",
    "PLN": "PL",
    "NZD": "NZ",
    "AUD": "AU",
    "CAD": "CA",
    "UAH": "UA",
}
_TLD = re.compile(
    r"[\w-]\.(?:(?:co|com|org|net)\.)?(nz|uk|au|ca|de|at|ch|li|fr|be|es|mx|pe|cl|in|jp|ru|ie|it|nl|se|dk|pl"
    r"|za)(?![\w.-])",
    re.I,
)
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV"
    "|WI|WY|DC"
)
US_ZIP = re.compile(rf"\b(?:{_STATES}),?\s+\d{{5}}(?:-\d{{4}})?\b")
US_STATE = re.compile(rf",\s*(?:{_STATES})\b(?!\s*\d)")
UK_CODE = re.compile(
    r"\b(?:GIR ?0AA|[A-PR-UWYZ]\d{1,2}[A-HJKPSTUW]? ?\d[ABD-HJLNP-UW-Z]{2}"
    r"|[A-PR-UWYZ][A-HK-Y]\d[\dABEHMNPRVWXY]? ?\d[ABD-HJLNP-UW-Z]{2})\b"
)
CA_CODE = re.compile(r"\b[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d\b")
EU_CODE = re.compile(r"(?<![\d.,])(?:(?:D|A|CH|F|E|I)-)?\d{5}\s+[A-ZÄÖÜÉÈÎÀÁÍÓÚÑ][\w'’-]{2,}")
CH_CODE = re.compile(r"(?<![\d.,])(?:(?:CH|A)-)?[1-9]\d{3}\s+[A-ZÄÖÜÉÈÀ][\w'’.-]{2,}")
JP_CODE = re.compile(r"〒\s?\d{3}-\d{4}")
RU_CODE = re.compile(r"(?<!\d)\d{6},?\s+(?:г\.|Россия|[А-Я])")
_NAMES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (words.whole(names), country)
    for names, country in (
        ("deutschland", "DE"), ("österreich", "AT"), ("schweiz|suisse|svizzera", "CH"), ("france", "FR"),
        ("españa", "ES"),
        ("united kingdom|england|scotland|wales", "GB"), ("ireland|éire", "IE"), ("new zealand|aotearoa", "NZ"),
        ("australia", "AU"), ("canada|british columbia|ontario", "CA"), ("méxico", "MX"), ("perú", "PE"),
        ("india", "IN"),
        ("россия|москва", "RU"), ("日本|東京都?", "JP"), ("usa|united states", "US"),
    )
)  # fmt: skip


def infer_country(documents: Sequence[Document], structured: Sequence[Structured]) -> str:
    """ISO code of the country that most of the evidence names; by the language when there is none."""
    votes: Counter[str] = Counter()
    language = main_language(documents)
    for document, data in zip(documents, structured, strict=True):
        if words.LEGAL_PAGE.search(f"{document.title} {document.url}"):
            continue
        votes.update(_of_page(document, data, language))
    if votes:
        return votes.most_common(1)[0][0]
    return _HOME.get(language, "")


def main_language(documents: Sequence[Document]) -> str:
    """The language most pages state, or that their letters show."""
    stated = Counter(document.language for document in documents if document.language)
    text = " ".join(document.text[:5000] for document in documents[:8])
    written = _written_language(text)
    if not stated:
        return written or "en"
    language = stated.most_common(1)[0][0]
    return written if written and language == "en" else language


_COMMON = {
    "en": r"\b(?:and|the|for|with|our|your)\b",
    "de": r"\b(?:und|der|die|das|für|mit|ich|wir)\b",
    "fr": r"\b(?:et|les|des|pour|avec|nous|vous)\b",
    "es": r"\b(?:y|los|las|para|con|del|una)\b",
}


def _written_language(text: str) -> str:
    """What the words themselves show; "" when they show little."""
    if len(re.findall(r"[ぁ-んァ-ン]", text)) > 20:
        return "ja"
    if len(re.findall(r"[а-яё]", text)) > 40:
        return "ru"
    counts = {name: len(re.findall(pattern, text, re.I)) for name, pattern in _COMMON.items()}
    best, second = sorted(counts, key=lambda name: -counts[name])[:2]
    return best if counts[best] > 3 and counts[best] > 2 * counts[second] else ""


def _of_page(document: Document, data: Structured, language: str) -> Counter[str]:
    votes: Counter[str] = Counter()
    for address in data.of("PostalAddress"):
        country = text_of(address.get("addressCountry")).upper()
        if len(country) == 2:
            votes[country] += 4
    text = document.text[:60_000]
    for pattern, country in ((US_ZIP, "US"), (UK_CODE, "GB"), (CA_CODE, "CA"), (JP_CODE, "JP"), (RU_CODE, "RU")):
        if pattern.search(text):
            votes[country] += 3
    if language in ("de", "fr", "es", "it") and EU_CODE.search(text):
        votes[_HOME[language]] += 2
    if language in ("de", "fr") and CH_CODE.search(text):
        votes["CH"] += 1
    for pattern, country in _NAMES:
        votes[country] += 2 * bool(pattern.search(text))
    votes += _of_numbers(text[:20_000]) + _of_prices(text[:20_000])
    for country in {m[1].upper() for m in _TLD.finditer(f"{text} {document.url} {document.meta.get('og:url', '')}")}:
        votes["GB" if country == "UK" else country] += 1
    locale = document.meta.get("og:locale", "").replace("-", "_").partition("_")[2].upper()
    votes[locale] += len(locale) == 2
    return +votes


def _of_numbers(text: str) -> Counter[str]:
    """International numbers tell a country; North American ones tell the US from Canada."""
    votes: Counter[str] = Counter()
    for match in islice(phonenumbers.PhoneNumberMatcher(text, "US"), 20):
        region = phonenumbers.region_code_for_number(match.number)
        written = match.raw_string
        if region and (written.startswith("+") or re.match(r"\(?\d{3}\)?[\s.‑-]", written)):
            votes[region] = 3 if written.startswith("+") else 2
    if match := re.search(r"(?<![\d+])(\d{2,3})-(\d{8,10})(?!\d)", text):
        region = _bare_international(match[1] + match[2])
        votes[region] += 2 * bool(region)
    return votes


def _bare_international(digits: str) -> str:
    try:
        number = phonenumbers.parse("+" + digits, None)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or "" if phonenumbers.is_valid_number(number) else ""


def _of_prices(text: str) -> Counter[str]:
    votes: Counter[str] = Counter()
    signs = Counter(price.sign for price in find_prices(text))
    for sign, count in signs.items():
        if sign == DASHED and count > 1 and re.search(r"\d\.[-–—]", text):
            votes["CH"] += 2
        elif sign in _BY_CURRENCY and count > 1:
            votes[_BY_CURRENCY[sign]] += 2
    return votes


def _written_currency(documents: Sequence[Document]) -> str:
    """The currency that most prices name; "$" and "72.-" name none."""
    signs = Counter(price.sign for document in documents for price in find_prices(document.text[:60_000]) if price.sign)
    if not signs:
        return ""
    sign, count = signs.most_common(1)[0]
    return sign if len(sign) == 3 and sign.isupper() and count * 2 > signs.total() else ""


def infer_currency(structured: Sequence[Structured], documents: Sequence[Document], country: str) -> Fact[str] | None:
    """The currency the site states for itself, or else its country's."""
    for data in structured:
        for thing in data.things:
            for name in ("currenciesAccepted", "priceCurrency"):
                stated = next((str(value).strip().upper() for value in listed(thing.get(name))), "")
                if re.fullmatch(r"[A-Z]{3}", stated):
                    return Fact[str](value=stated, source_url=data.url, quote=stated, confidence=0.95)
    if written := _written_currency(documents):
        return Fact[str](value=written, source_url=documents[0].url, quote="", confidence=0.85)
    if country not in CURRENCIES or not documents:
        return None
    return Fact[str](value=CURRENCIES[country], source_url=documents[0].url, quote="", confidence=0.6)
