"""What was found on a website: tables, open questions, changes, how far a set-up is; and JSON for machines.

What stands on the page is a stranger's: no markup of it is followed, nothing in it steers the terminal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from agent.errors import SetupError
from agent.knowledge.extract.facts import ServiceFact, SiteFacts
from agent.knowledge.extract.missing import OpenQuestion, questions_for
from agent.model import WEEKDAYS, Change, Proposal

WIDTH = 110
"""Where the output is no terminal."""
_STATES = ("queued", "fetching", "reading", "storing", "done")
_SIGNS = {"added": "+ added", "changed": "~ changed", "removed": "- removed"}
_SHOWN = 12
Show = Callable[[str, int, int], None]
"""Takes a job's state, pages read and pages wanted."""


def write_json(told: object, target: str, *, indent: int = 2) -> None:
    """On standard output ("-") or into a file. Raises SetupError output_unwritable."""
    text = json.dumps(told, ensure_ascii=False, indent=indent)
    if target == "-":
        print(text)
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as why:
        raise SetupError("output_unwritable", f"{target} cannot be written: {why.strerror}.") from why


def console() -> Console:
    """Where people read."""
    made = Console(markup=False, highlight=False, emoji=False)
    return made if made.is_terminal else Console(markup=False, highlight=False, emoji=False, width=WIDTH)


@contextmanager
def following() -> Generator[Show]:
    """A bar that follows a job through its states, on the terminal if there is one."""
    with following_all([""]) as (show,):
        yield show


@contextmanager
def following_all(names: Sequence[str]) -> Generator[list[Show]]:
    """The same for several jobs at once, a named bar each."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[pages]}"))
    with Progress(*columns, TimeElapsedColumn(), console=screen, transient=True, disable=not screen.is_terminal) as bar:
        yield [_follower(bar, f"{plain(name)} " if name else "") for name in names]


def _follower(bar: Progress, name: str) -> Show:
    task = bar.add_task(f"{name}{_STATES[0]:<9}", total=len(_STATES) - 1, pages="")

    def show(state: str, read: int, wanted: int) -> None:
        done = float(_STATES.index(state)) if state in _STATES else 0.0
        if state == "fetching" and wanted:
            done += min(read / wanted, 1.0)
        pages = f"{read} of {wanted} pages" if wanted and state == "fetching" else f"{read} pages" if read else ""
        bar.update(task, description=f"{name}{state:<9}", completed=done, pages=pages)

    return show


def show_facts(facts: SiteFacts, questions: Sequence[OpenQuestion] | None = None) -> None:
    """The menu, the shop, and what a booking still needs: `questions`, or else what the website leaves open."""
    out = console()
    name = plain(facts.business_name.value) if facts.business_name else "A shop without a name"
    out.print(f"{name}: {_count(len(facts.services), 'service')}")
    if facts.services:
        out.print(_menu(facts.services))
    out.print(_shop(facts))
    show_questions(questions_for(facts) if questions is None else questions)


def show_questions(questions: Sequence[OpenQuestion]) -> None:
    """What nobody has said and a booking needs."""
    out = console()
    out.print("Still open for booking:" if questions else "Nothing is open for booking.")
    for number, question in enumerate(questions, 1):
        out.print(f"  {number}. {plain(question.text)}", soft_wrap=True)


def show_changes(proposal: Proposal) -> None:
    """What the website says differently from the shop as it was."""
    table = Table("change", "what", "before", "now", title="The website against the stored shop", title_justify="left")
    for change in proposal.changes:
        before, after = _sides(change)
        table.add_row(_SIGNS[change.kind], f"{change.subject}: {plain(change.key)}", before, after)
    console().print(table)


def show_proposal(proposal: Proposal) -> None:
    """The changes of a proposal by the names they are decided by, where the website says so, and what was decided."""
    table = Table(title="What the website says anew", title_justify="left")
    for column in ("name", "before", "now", "the website's words", "decided"):
        table.add_column(column, overflow="fold")
    for change in proposal.changes:
        before, after = _sides(change)
        source = plain(f"{change.source.quote} ({change.source.url})") if change.source else "-"
        decided = f"{change.decision.verdict} by {change.decision.by}" if change.decision else ""
        table.add_row(plain(change.id), before, after, source, plain(decided))
    console().print(table)


def plain(text: str) -> str:
    """Text that a terminal shows and never obeys."""
    return "".join(char if char.isprintable() else " " for char in text)


def _menu(services: Sequence[ServiceFact]) -> Table:
    table = Table("section", "service", "price", "duration")
    section = ""
    for service in services:
        again = service.section == section
        section = service.section
        duration = f"{service.duration_min} min" if service.duration_min else "?"
        table.add_row("" if again else plain(section), plain(service.name), plain(_price(service)), duration)
    return table


def _price(service: ServiceFact) -> str:
    if service.alternatives:
        return " or ".join([service.price_text, *(other.price_text for other in service.alternatives)])
    low, high = service.price_min, service.price_max
    if low is None:
        return service.price_text or "?"
    amount = _amount(low) if high is None or high == low else f"{_amount(low)}-{_amount(high)}"
    return " ".join(filter(None, ("from" if service.open_ended else "", amount, service.currency)))


def _amount(amount: Decimal) -> str:
    return f"{amount:.0f}" if amount == amount.to_integral_value() else f"{amount:.2f}"


def _shop(facts: SiteFacts) -> Table:
    table = Table(show_header=False)
    staff = [f"{p.name} ({p.role})" if p.role else p.name for p in facts.professionals]
    rows = (
        ("phone", [fact.value for fact in facts.phones]),
        ("address", [fact.value for fact in facts.addresses]),
        ("hours", list(_hours(facts))),
        ("closed on", [fact.value.isoformat() for fact in facts.closures[:_SHOWN]]),
        ("staff", staff),
        ("FAQ", [_count(len(facts.faq), "answer")] if facts.faq else []),
        ("policies", [rule.name for rule in facts.policies]),
        ("currency", [facts.currency.value] if facts.currency else []),
    )
    for name, lines in rows:
        table.add_row(name, "\n".join(map(plain, lines)) or "not found")
    return table


def _hours(facts: SiteFacts) -> Iterator[str]:
    told = {fact.day: fact.intervals for fact in facts.hours}
    for day in WEEKDAYS:
        if day in told:
            intervals = ", ".join(f"{at.opens:%H:%M}-{at.closes:%H:%M}" for at in told[day])
            yield f"{day}  {intervals or 'closed'}"


def _sides(change: Change) -> tuple[str, str]:
    """Before and now; of two objects only the fields that differ."""
    was, now = change.before, change.after
    if isinstance(was, dict) and isinstance(now, dict):
        differ = [name for name in now if now[name] != was.get(name)]
        return _told({name: was.get(name) for name in differ}), _told({name: now[name] for name in differ})
    return _told(was), _told(now)


def _told(value: JsonValue) -> str:
    match value:
        case None | "" | []:
            return "-"
        case dict():
            told = ((name, each) for name, each in value.items() if each not in (None, "", [], False))
            return ", ".join(f"{name} {_told(each)}" for name, each in told) or "-"
        case list():
            return "; ".join(map(_told, value))
        case _:
            return plain(str(value))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
