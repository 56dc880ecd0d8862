"""The menu in words: the lines the model reads, the part that fits a prompt, and what `find_service` answers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from agent.knowledge.finding import Found, find_services
from agent.knowledge.remembered import remembered
from agent.knowledge.tokens import clipped, count_lines, count_tokens, fitting
from agent.model import Service, Shop

ASK_PRICE = "price on request, do not guess"
ASK_DURATION = "duration not known"
ANYONE = "with anyone"

MENU_TOKENS = 2_500
"""What the services may take of a prompt, counted by `tokens.py`: some 100 plain lines."""
OVERVIEW_TOKENS = 900
"""What the list of categories may take of that, where the menu is longer."""
NAME_TOKENS, WORDS_TOKENS, REMARK_TOKENS = 60, 60, 150
"""A name, the shop's words for a price, a description."""
STAFF_SHOWN = 8

NO_CATEGORY = "Other"


@dataclass(frozen=True)
class MenuSection:
    """The services as they stand in the prompt; not `whole`: the rest is found by the tool `find_service`."""

    lines: tuple[str, ...]
    whole: bool


@remembered
def menu_section(shop: Shop) -> MenuSection:
    """The services within MENU_TOKENS: every one, or an overview of the categories and as many as fit."""
    for remarks in (True, False):  # what is said of services goes before services do
        lines = _grouped(shop, range(len(shop.services)), remarks=remarks)
        if count_lines(lines) <= MENU_TOKENS:
            return MenuSection(tuple(lines), whole=remarks)
    return MenuSection(tuple(_shortened(shop)), whole=False)


def find_service_answer(shop: Shop, words: str) -> dict[str, object]:
    """What the tool `find_service` tells the model: the shop's own services, or that there is none."""
    found = find_services(shop, words)
    if found.kind == "none":
        return {"found": "none", "say": _NONE, "categories": [clean(name) for name in found.near]}
    services = [_told(service, shop) for service in found.matches]
    return {"found": found.kind, "services": services, **_what_to_do(found)}


_NONE = "The menu has nothing by these words: say so, ask whether one of these categories is meant, and name no price."


def _what_to_do(found: Found[Service]) -> Mapping[str, object]:
    if found.kind == "exact":
        return {}
    told: dict[str, object] = {"say": "It may be one of these: ask which one is meant, naming at most three."}
    return {**told, "more": found.more} if found.more else told


def _told(service: Service, shop: Shop) -> dict[str, object]:
    told = {
        "name": brief(service.name, NAME_TOKENS),
        "category": brief(service.category, NAME_TOKENS),
        "price": price_words(service, shop.currency),
        "duration": duration_words(service),
        "who": _who(service, shop),
        "description": brief(service.description, REMARK_TOKENS),
    }
    return {name: value for name, value in told.items() if value}


def service_line(service: Service, shop: Shop, *, remarks: bool = True) -> str:
    """One service as a line of the prompt."""
    parts = [price_words(service, shop.currency), duration_words(service), _who(service, shop)]
    remark = brief(service.description, REMARK_TOKENS) if remarks else ""
    line = f"- {brief(service.name, NAME_TOKENS)}: {', '.join(filter(None, parts))}"
    return f"{line}. {remark}" if remark else line


def price_words(service: Service, currency: str) -> str:
    """A price as the model may say it; ASK_PRICE where the shop tells none."""
    words = brief(service.price_text, WORDS_TOKENS)
    if service.price is None:
        return words or ASK_PRICE
    amount = f"{'from ' if service.price_from else ''}{amount_words(service.price)} {currency}"
    return f"{amount} ({words})" if words else amount


def duration_words(service: Service) -> str:
    """How long a service takes; ASK_DURATION where the shop does not tell."""
    return ASK_DURATION if service.minutes is None else f"{service.minutes} min"


def amount_words(price: Decimal) -> str:
    """180 rather than 180.00, 42.50 rather than 42.5: as it stands on a price list."""
    return f"{price:.0f}" if price == price.to_integral_value() else f"{price:.2f}"


def clean(text: str) -> str:
    """One line of plain text: a fact can then neither open a section of its own nor carry control codes."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def brief(text: str, budget: int) -> str:
    """`clean`, and clipped to `budget` tokens; of an endless text only the beginning is looked at."""
    return clipped(clean(text[: 8 * budget]), budget)


def _who(service: Service, shop: Shop) -> str:
    if not service.staff:
        return ANYONE if shop.professionals else ""
    names = [brief(name, NAME_TOKENS) for name in service.staff]
    if len(names) > STAFF_SHOWN:
        names[STAFF_SHOWN - 1 :] = [f"one of {len(names) - STAFF_SHOWN + 1} others"]
    *most, last = names
    return f"with {', '.join(most)} or {last}" if most else f"with {last}"


def _grouped(shop: Shop, places: Iterable[int], *, remarks: bool) -> list[str]:
    """The lines of the services at `places`, in the menu's order, under the names of their categories."""
    groups: dict[str, list[str]] = {}
    for place in sorted(places):
        service = shop.services[place]
        groups.setdefault(_category(service), []).append(service_line(service, shop, remarks=remarks))
    if set(groups) <= {NO_CATEGORY}:
        return groups.get(NO_CATEGORY, [])
    return [line for name, lines in groups.items() for line in (f"({name})", *lines)]


def _category(service: Service) -> str:
    return brief(service.category, NAME_TOKENS) or NO_CATEGORY


def _shortened(shop: Shop) -> list[str]:
    """An overview of the whole menu, then the first services of every category, turn and turn about."""
    overview = _overview(shop)
    rest = MENU_TOKENS - count_lines(overview)
    chosen: list[int] = []
    opened: set[str] = set()
    for place in _by_turns(shop):
        service = shop.services[place]
        category = _category(service)
        cost = count_tokens(service_line(service, shop, remarks=False)) + 1
        cost += 0 if category in opened else count_tokens(f"({category})") + 1
        if cost > rest:
            break
        rest -= cost
        opened.add(category)
        chosen.append(place)
    return [*overview, *_grouped(shop, chosen, remarks=False)]


def _overview(shop: Shop) -> list[str]:
    head = [
        f"The menu has {len(shop.services)} services, more than stand here; find_service finds every one.",
        "Its categories, with how many services each has and from what to what they cost:",
    ]
    groups: dict[str, list[Service]] = {}
    for service in shop.services:
        groups.setdefault(_category(service), []).append(service)
    lines = [f"* {name}, {_count(len(group))}{_range(group, shop.currency)}" for name, group in groups.items()]
    room = OVERVIEW_TOKENS - count_lines(head) - 40  # the lines after
    fits = fitting(lines, room)
    more = [f"* and {len(lines) - fits} more categories"] if fits < len(lines) else []
    return [*head, *lines[:fits], *more, "Some of the services, under their categories:"]


def _count(number: int) -> str:
    return "1 service" if number == 1 else f"{number} services"


def _range(services: Iterable[Service], currency: str) -> str:
    prices = [service.price for service in services if service.price is not None]
    if not prices:
        return ""
    low, high = amount_words(min(prices)), amount_words(max(prices))
    return f", {low} {currency}" if low == high else f", {low} to {high} {currency}"


def _by_turns(shop: Shop) -> Sequence[int]:
    """The places of the services: the first of each category, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for place, service in enumerate(shop.services):
        category = _category(service)
        turns.append((seen[category], place))
        seen[category] += 1
    return [place for _, place in sorted(turns)]
