"""Claims of a language model against the page they are about: what the page's own words do not say is dropped.

A claim counts when its quote stands on the page, in one piece and not cut inside a word or number, and when our own
rules read from that quote what is claimed. So neither a model's invention nor an order hidden in a page becomes a
fact: the most a page can do is to be quoted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.knowledge.extract import words
from agent.knowledge.extract.claims import Claims, FaqClaim, HoursClaim, PersonClaim, PolicyClaim, ServiceClaim
from agent.knowledge.extract.durations import Duration, find_durations
from agent.knowledge.extract.facts import FaqFact, HoursFact, PersonFact, PolicyFact, ServiceFact
from agent.knowledge.extract.hours import parse_hours
from agent.knowledge.extract.merge import currency_of
from agent.knowledge.extract.money import Price, bare_price, find_prices
from agent.knowledge.extract.page import clean
from agent.knowledge.extract.people import ROLE, is_person

TRUST = 0.35
"""How sure a fact is that a model pointed at: less than any that the rules found, and low enough to be asked about."""
LONGEST_QUOTE = 600
LONGEST_NAME, LONGEST_ROLE, LONGEST_ANSWER = 120, 80, 600
MOST_CLAIMS = 200
"""Of one kind on one page."""

_POLICIES = {
    "cancellation": r"cancel|reschedul|notice|storn|absag|annul|décommand|cancelaci|anula|отмен|キャンセル",
    "deposit": r"deposit|prepay|pre-pay|anzahl|acompte|arrhes|anticipo|depósito|señal|предоплат|депозит|予約金",
    "late_arrival": r"\blate\b|minutes? late|verspät|retard|tarde|retras|опозда|遅刻|遅れ",
    "no_show": r"no[- ]?shows?|miss(?:ed)?|nicht erschein|absence|inasistencia|неяв|無断",
    "patch_test": r"patch|allerg|sensitivity|verträglich|аллерг|アレルギー|パッチ",
    "children": r"child|kid|infant|kind|enfant|niñ|дет|ребен|ребён|子供|お子",
    "refund": r"refund|redo|re-do|guarantee|satisf|erstatt|rembours|reembols|garant|возврат|返金",
    "payment": r"\bpay|cash|cards?\b|contactless|zahl|\bbar\b|karte|paie|espèces|carte|pago|efectivo|оплат|支払|現金",
}
_TELLS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _POLICIES.items()}
"""Words without which a sentence is not about what the model says it is about."""


@dataclass
class Proven:
    """What of the claims about one page is so, and how many were dropped, by why."""

    services: list[ServiceFact] = field(default_factory=list[ServiceFact])
    people: list[PersonFact] = field(default_factory=list[PersonFact])
    faq: list[FaqFact] = field(default_factory=list[FaqFact])
    hours: list[HoursFact] = field(default_factory=list[HoursFact])
    policies: list[PolicyFact] = field(default_factory=list[PolicyFact])
    dropped: Counter[str] = field(default_factory=Counter[str])


class _Unproven(Exception):
    """Why a claim is dropped."""


def prove(claims: Claims, url: str, text: str, *, shop: str = "", currency: str = "") -> Proven:
    """The claims that `text`, the visible words of the page at `url`, bears out; each as a fact with its quote.

    `shop` is the shop's name, which is nobody's; `currency` its currency, for prices without a sign.
    """
    page = _Page(url, text, shop, currency)
    proven = Proven()
    pairs = (
        (claims.services, page.service, proven.services), (claims.people, page.person, proven.people),
        (claims.faq, page.faq, proven.faq), (claims.policies, page.policy, proven.policies),
    )  # fmt: skip
    for made, check, kept in pairs:
        for claim in made[:MOST_CLAIMS]:
            try:
                kept.append(check(claim))  # pyright: ignore[reportArgumentType] - each list has its own check
            except _Unproven as why:
                proven.dropped[str(why)] += 1
        proven.dropped["too_many"] += max(len(made) - MOST_CLAIMS, 0)
    for claim in claims.hours[:MOST_CLAIMS]:
        try:
            proven.hours += page.hours(claim)
        except _Unproven as why:
            proven.dropped[str(why)] += 1
    proven.dropped = +proven.dropped
    return proven


class _Page:
    def __init__(self, url: str, text: str, shop: str, currency: str) -> None:
        self._url = url
        self._lines = [line for line in map(clean, text.split("\n")) if line]
        self._text = " ".join(self._lines)
        self._ends = list(_ends(self._lines))
        self._shop = shop
        self._currency = currency

    def service(self, claim: ServiceClaim) -> ServiceFact:
        start, quote = self._quote(claim.quote)
        name = clean(claim.name)
        at = _place_of(name, quote)
        if not name or at is None or len(name) > LONGEST_NAME:
            raise _Unproven("name_not_in_quote")
        if words.FEES.search(name) or words.GIFTS.search(name) or words.PACKAGE.search(name):
            raise _Unproven("no_service")
        price = self._price(claim.price_text, start, quote, at + len(name))
        duration = _duration(claim.duration_text, quote)
        if price is None and duration is None:
            raise _Unproven("says_nothing")
        return ServiceFact(
            name=name,
            price_min=price.minimum if price else None,
            price_max=price.maximum if price else None,
            open_ended=price.open_ended if price else False,
            price_text=price.text if price else "",
            currency=currency_of(price, self._currency),
            duration_min=duration.minutes if duration else None,
            duration_text=duration.text if duration else "",
            source_url=self._url,
            quote=quote,
            confidence=TRUST,
        )

    def person(self, claim: PersonClaim) -> PersonFact:
        _, quote = self._quote(claim.quote)
        name, role = clean(claim.name), clean(claim.role)
        if _place_of(name, quote) is None or not is_person(name, self._shop):
            raise _Unproven("name_not_in_quote")
        told = role if role and len(role) <= LONGEST_ROLE and _place_of(role, quote) is not None else ""
        if not told and not ROLE.search(quote):
            raise _Unproven("no_role")  # a name alone may be a customer's, or a street's
        return PersonFact(name=name, role=told, source_url=self._url, quote=quote, confidence=TRUST)

    def faq(self, claim: FaqClaim) -> FaqFact:
        _, quote = self._quote(claim.quote)
        question, answer = clean(claim.question), clean(claim.answer)
        asked, told = _place_of(question, quote), _place_of(answer, quote)
        if not question or not answer or asked is None or told is None or told < asked + len(question):
            raise _Unproven("answer_not_in_quote")
        if not question.endswith(("?", "？")) or len(answer) > LONGEST_ANSWER:
            raise _Unproven("no_question")
        return FaqFact(question=question, answer=answer, source_url=self._url, quote=quote, confidence=TRUST)

    def hours(self, claim: HoursClaim) -> list[HoursFact]:
        _, quote = self._quote(claim.quote)
        week = parse_hours(quote)
        if not week:
            raise _Unproven("no_hours_in_quote")
        return [
            HoursFact(day=day, intervals=intervals, source_url=self._url, quote=quote, confidence=TRUST)
            for day, intervals in week.items()
        ]

    def policy(self, claim: PolicyClaim) -> PolicyFact:
        _, quote = self._quote(claim.quote)
        if len(quote.split()) < 4 or not _TELLS[claim.kind].search(quote):
            raise _Unproven("no_policy_in_quote")
        name = claim.kind.replace("_", " ").capitalize()
        return PolicyFact(name=name, text=quote, source_url=self._url, quote=quote, confidence=TRUST)

    def _quote(self, claimed: str) -> tuple[int, str]:
        """Where a quote stands on the page, and its words there. Raises _Unproven."""
        quote = clean(claimed)
        if not quote:
            raise _Unproven("quote_missing")
        if len(quote) > LONGEST_QUOTE:
            raise _Unproven("quote_too_long")
        start = _place_of(quote, self._text)
        if start is None:
            raise _Unproven("quote_not_on_page")
        return start, quote

    def _price(self, claimed: str, start: int, quote: str, after_name: int) -> Price | None:
        """The price in the quote that is claimed, read where it stands on the page: "45" there may be "from 45+".

        Of several prices in one quote it must be the first after the service's name.
        """
        if not (claimed := clean(claimed)):
            return None
        end = next(end for end in self._ends if end >= start + len(quote))
        line = next((begin for begin in reversed([0, *(e + 1 for e in self._ends)]) if begin <= start), 0)
        asked = find_prices(claimed) or list(filter(None, [bare_price(claimed)]))
        told = [
            price for price in find_prices(self._text[line:end]) if start <= line + price.start < start + len(quote)
        ]
        if not told and asked and _place_of(claimed, quote) is not None:
            return asked[0]  # a price list without signs
        first = next((price for price in told if line + price.start >= start + after_name), None)
        same = {(price.minimum, price.maximum) for price in told}
        meant = first if first is not None else told[0] if len(same) == 1 else None
        if meant is None or not asked or asked[0].minimum != meant.minimum:
            raise _Unproven("price_not_in_quote")
        return meant


def _duration(claimed: str, quote: str) -> Duration | None:
    if not (claimed := clean(claimed)):
        return None
    asked, told = find_durations(claimed), find_durations(quote)
    if not asked or len({duration.minutes for duration in told}) != 1 or told[0].minutes != asked[0].minutes:
        raise _Unproven("duration_not_in_quote")
    return told[0]


def _place_of(part: str, whole: str) -> int | None:
    """Where `part` stands in `whole`, not cut out of a word or number: "£4" is not in "£45", "cut" not in "haircut"."""
    if not part:
        return None
    at = whole.find(part)
    while at >= 0:
        end = at + len(part)
        if not _is_cut(whole[max(at - 2, 0) : at], part[:2]) and not _is_cut(part[-2:], whole[end : end + 2]):
            return at
        at = whole.find(part, at + 1)
    return None


def _is_cut(before: str, after: str) -> bool:
    """Whether one word or number goes on from `before` into `after` (two characters each)."""
    if not before or not after:
        return False
    left, right = before[-1], after[0]
    letters = left.isalpha() and right.isalpha() and not (_UNSPACED.match(left) or _UNSPACED.match(right))
    digits = left.isdigit() and right.isdigit()
    decimals = (left in ".,:" and before[0].isdigit() and right.isdigit()) or (
        left.isdigit() and right in ".,:" and after[1:].isdigit()
    )
    return letters or digits or decimals


_UNSPACED = re.compile("[\u2e80-\uffff]")
"""Scripts that set no spaces between words."""


def _ends(lines: list[str]) -> Iterator[int]:
    """Where each line ends in the text that all of them make, with a space between."""
    at = 0
    for line in lines:
        at += len(line)
        yield at
        at += 1
