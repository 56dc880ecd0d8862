"""What a website says now against what the shop approved: a proposal, never a change by itself.

A site that says nothing about something takes nothing away: a menu without durations leaves the durations the
owner typed in. What a site cannot know (greeting, voice, transfer) is never proposed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import JsonValue, ValidationError

from agent.errors import SetupError
from agent.model import (
    WEEKDAYS,
    Change,
    ChangeKind,
    Decision,
    Faq,
    Model,
    Policy,
    Professional,
    Proposal,
    Service,
    Shop,
    Subject,
)

Verdict = Collection[str] | Literal["all"]
"""The ids of changes, or all that are undecided."""
Values = Mapping[str, JsonValue]

FACTS = ("business_name", "phone_number", "timezone", "currency", "address", "website_url")
"""Plain fields a scrape may speak about; the others belong to the shop's people alone."""
OWNERS_ALONE = frozenset([
    *("processing", "buffer_minutes", "add_on", "patch_test_hours", "consultation_first"),
    *("hours", "off", "breaks", "away"),
])  # fmt: skip
"""What of a service or a person no website is asked for: it stays as the shop's people said."""
T = TypeVar("T", bound=Model)
_LISTS: tuple[Subject, ...] = ("services", "professionals", "faq", "policies")


def diff(old: Shop, new: Shop, *, last: Shop | None = None) -> Proposal:
    """What would make `old` (the approved shop) into `new` (what the website says).

    `last` is what the website said the time before: where it says the same as then, the difference is the
    owner's own edit, and nothing is proposed.
    """
    before, after = _things(old, old, new), _things(new, old, new)
    then = None if last is None else _things(last, old, new)
    changes: list[Change] = []
    for subject in (*_LISTS, "hours", "closures", "facts"):
        said = None if then is None else then[subject]
        changes += _compare(subject, before[subject], after[subject], said)
    return Proposal(location_id=old.location_id, based_on=old.version, changes=tuple(changes))


def apply(shop: Shop, proposal: Proposal, accepted: Collection[str] | None = None) -> Shop:
    """`shop` with the accepted changes (ids; None means all). Others are left out.

    Raises SetupError proposal_outdated when an accepted change no longer starts from what the shop says,
    proposal_invalid when together they make no shop (a service by somebody who was not accepted).
    """
    data: dict[str, Any] = shop.model_dump(mode="json")
    data |= {subject: [_plain(item) for item in getattr(shop, subject)] for subject in _LISTS}
    for change in proposal.changes:
        if (accepted is None or change.id in accepted) and not _make(data, change):
            raise SetupError("proposal_outdated", f"{change.id} was changed since the website was read; read it again.")
    try:
        return Shop.model_validate(data)
    except ValidationError as why:
        problem = why.errors(include_url=False, include_input=False)[0]["msg"]
        raise SetupError("proposal_invalid", f"The accepted changes make no shop: {problem}.") from why


def decide(
    proposal: Proposal, approve: Verdict, reject: Verdict, *, by: str, at: datetime
) -> tuple[Proposal, frozenset[str]]:
    """`proposal` with what `by` said at `at`, and the ids that were approved just now; "all" is what is undecided.

    Raises SetupError change_unknown, change_decided, change_contradicted (approved and rejected), nothing_decided.
    """
    yes, no = _named(proposal, approve, reject), _named(proposal, reject, approve)
    if both := yes & no:
        raise SetupError("change_contradicted", f"{min(both)} cannot be both approved and rejected.")
    if not yes | no:
        raise SetupError("nothing_decided", "Name the changes to approve or to reject.")
    changes = tuple(_decided(change, yes, no, by=by, at=at) for change in proposal.changes)
    news: dict[str, object] = {"changes": changes}
    if all(change.decision for change in changes):
        approved = any(change.decision and change.decision.verdict == "approved" for change in changes)
        news |= {"state": "approved" if approved else "rejected", "decided_at": at, "decided_by": by}
    return proposal.model_copy(update=news), yes


def answered_scrape(proposal: Proposal, shop: Shop, last: Shop | None) -> Shop:
    """What the website is to be held to have said, once `proposal` was decided, in part or whole.

    What is undecided stays as it was said the `last` time, so that it is proposed again; `shop` stands in where
    there was none.
    """
    scraped = proposal.scraped or shop
    if not proposal.undecided:
        return scraped
    known = last or shop
    answered = {change.id for change in proposal.changes if change.decision is not None}
    return apply(known, diff(known, scraped), answered)


def _named(proposal: Proposal, ids: Verdict, others: Verdict) -> frozenset[str]:
    """The changes somebody named. Raises SetupError for one that is not there or is decided."""
    undecided = frozenset(change.id for change in proposal.undecided)
    if ids == "all":
        return undecided if others == "all" else undecided.difference(others)
    known = {change.id for change in proposal.changes}
    for wanted in ids:
        if wanted not in known:
            raise SetupError("change_unknown", f"The proposal has no change {wanted[:200]!r}.")
        if wanted not in undecided:
            raise SetupError("change_decided", f"{wanted} was decided before.")
    return frozenset(ids)


def _decided(change: Change, yes: Collection[str], no: Collection[str], *, by: str, at: datetime) -> Change:
    if change.id not in yes and change.id not in no:
        return change
    decision = Decision(verdict="approved" if change.id in yes else "rejected", by=by, at=at)
    return change.model_copy(update={"decision": decision})


def _make(data: dict[str, Any], change: Change) -> bool:
    """Make one change in a shop's data; False when it does not start from what is there."""
    if change.subject in _LISTS:
        return _make_in_list(data[change.subject], change)
    if change.subject == "facts":
        place, key = data, change.key
    elif change.subject == "hours":
        place, key = data["hours"]["week"], change.key
    else:
        place, key = data["hours"], "closures"
    if (place.get(key) or None) != (change.before or None):
        return False
    if change.subject == "hours" and not change.after:
        place.pop(key, None)
    else:
        place[key] = change.after or []
    return True


def _make_in_list(items: list[JsonValue], change: Change) -> bool:
    if change.before is None:
        if change.after not in items:
            items.append(change.after)
        return True
    if change.before not in items:
        return False
    at = items.index(change.before)
    items[at : at + 1] = [] if change.after is None else [change.after]
    return True


def _compare(subject: Subject, before: Values, after: Values, then: Values | None) -> list[Change]:
    """Changes in the order of the new side, then what is gone."""
    if not after:
        return []  # the site is silent about the whole subject
    changes: list[Change] = []
    for key in [*after, *(key for key in before if key not in after)]:
        was, now = before.get(key), _filled(after.get(key), before.get(key))
        if was == now or (not was and not now) or (then is not None and then.get(key) == after.get(key)):
            continue
        if subject == "facts" and not now:
            continue
        kind: ChangeKind = "added" if not was else "changed" if now else "removed"
        changes.append(Change(id=f"{subject}:{key}", subject=subject, key=key, kind=kind, before=was, after=now))
    return changes


def _filled(now: JsonValue, was: JsonValue) -> JsonValue:
    """What the site says about a thing, with what it does not say taken from before."""
    if not isinstance(now, dict) or not isinstance(was, dict):
        return now
    silent = {name for name, value in now.items() if value in (None, "", []) or name in OWNERS_ALONE}
    filled = {name: was.get(name) if name in silent else value for name, value in now.items()}
    if now.get("price") is None and not now.get("price_text") and "price_from" in now:
        filled["price_from"] = was.get("price_from")
    return filled


def _things(shop: Shop, old: Shop, new: Shop) -> dict[Subject, dict[str, JsonValue]]:
    """Everything a scrape may speak about, by subject and key; keys fit both sides."""
    return {
        "services": _listed(shop.services, _service_name(old.services, new.services)),
        "professionals": _listed(shop.professionals, _professional_name),
        "faq": _listed(shop.faq, _question),
        "policies": _listed(shop.policies, _policy_name),
        "hours": _hours(shop),
        "closures": {"dates": [f"{day:%Y-%m-%d}" for day in sorted(shop.hours.closures)]}
        if shop.hours.closures
        else {},
        "facts": {name: getattr(shop, name) for name in FACTS if getattr(shop, name)},
    }


def _hours(shop: Shop) -> dict[str, JsonValue]:
    if not shop.hours.week:
        return {}
    week: dict[str, JsonValue] = shop.hours.model_dump(mode="json")["week"]
    return {day: week.get(day, []) for day in WEEKDAYS}


def _listed(items: Sequence[T], name: Callable[[T], str]) -> dict[str, JsonValue]:
    listed: dict[str, JsonValue] = {}
    for item in items:
        key, again = folded(name(item)), 2
        while key in listed:
            key, again = f"{folded(name(item))} #{again}", again + 1
        listed[key] = _plain(item)
    return listed


def _plain(item: Model) -> JsonValue:
    """An item as JSON, with prices written one way: 45 and 45.00 are the same."""
    data: dict[str, JsonValue] = item.model_dump(mode="json")
    if isinstance(item, Service) and item.price is not None:
        data["price"] = f"{item.price:.2f}"
    return data


def _service_name(*menus: Sequence[Service]) -> Callable[[Service], str]:
    """By name; with the category where a menu has the name twice ("Full set" under Acrylic and Gel)."""
    counted = [Counter(folded(service.name) for service in menu) for menu in menus]
    twice = {name for names in counted for name, times in names.items() if times > 1}

    def named(service: Service) -> str:
        return f"{service.category} / {service.name}" if folded(service.name) in twice else service.name

    return named


def _professional_name(person: Professional) -> str:
    return person.name


def _question(faq: Faq) -> str:
    return faq.question


def _policy_name(policy: Policy) -> str:
    return policy.name


def folded(text: str) -> str:
    """A name as it is compared: without case, and with single spaces."""
    return " ".join(text.casefold().split())
