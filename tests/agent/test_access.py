"""Tickets and operators: what is let in, and every way of being turned away."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.access import (
    COOKIE_LIFE,
    MAX_REMEMBERED,
    OperatorDesk,
    TicketBook,
    operator_token_for,
    secret_for,
)
from agent.errors import AccessError, SettingsError
from agent.model import Caller
from agent.settings import Settings

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CALLER = Caller(call_sid="CA1", location_id=1, caller="anonymous", called="+18084826296")
SECRET = b"a secret of thirty-two characters"


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> TicketBook:
    return TicketBook(SECRET, ttl_s=60, clock=clock)


def refusal(book: TicketBook, ticket: str, call_sid: str = "CA1") -> str:
    with pytest.raises(AccessError) as refused:
        book.redeem(ticket, call_sid)
    return refused.value.code


def test_a_ticket_tells_who_is_calling(book: TicketBook) -> None:
    assert book.redeem(book.issue(CALLER), "CA1") == CALLER


def test_a_ticket_fits_the_carriers_parameter(book: TicketBook) -> None:
    ticket = book.issue(CALLER.model_copy(update={"call_sid": "CA" + "f" * 32, "caller": "+442071838750"}))
    assert len(ticket) < 500
    assert ticket.replace("-", "").replace("_", "").replace(".", "").isalnum()


def test_a_ticket_works_once(book: TicketBook) -> None:
    ticket = book.issue(CALLER)
    book.redeem(ticket, "CA1")
    assert refusal(book, ticket) == "ticket_used"


def test_two_tickets_of_one_call_differ(book: TicketBook) -> None:
    assert book.issue(CALLER) != book.issue(CALLER)


def test_time_runs_out_at_the_second(book: TicketBook, clock: Clock) -> None:
    ticket, late = book.issue(CALLER), book.issue(CALLER)
    clock.now = START + timedelta(seconds=59.9)
    book.redeem(ticket, "CA1")
    clock.now = START + timedelta(seconds=60)
    assert refusal(book, late) == "ticket_expired"


def test_another_call_is_refused_and_the_right_one_still_gets_in(book: TicketBook) -> None:
    ticket = book.issue(CALLER)
    assert refusal(book, ticket, "CA2") == "ticket_other_call"
    assert book.redeem(ticket, "CA1") == CALLER


@pytest.mark.parametrize("shown", ["nothing", "a.b.c", "ü.ü", "!!.!!", ".", "x" * 5000, "a" * 3000 + ".b"])
def test_what_is_no_ticket_is_malformed_or_forged(book: TicketBook, shown: str) -> None:
    assert refusal(book, shown) in {"ticket_malformed", "ticket_forged"}


def test_no_ticket_is_missing(book: TicketBook) -> None:
    assert refusal(book, "") == "ticket_missing"


def test_every_changed_character_is_noticed(book: TicketBook) -> None:
    ticket = book.issue(CALLER)
    signature_at = ticket.index(".") + 1
    for at in [*range(signature_at - 1), *range(signature_at, len(ticket) - 1)]:
        changed = ticket[:at] + ("A" if ticket[at] != "A" else "B") + ticket[at + 1 :]
        assert refusal(book, changed) == "ticket_forged", at


def test_another_secret_is_forged(book: TicketBook, clock: Clock) -> None:
    assert refusal(book, TicketBook(b"other", 60, clock).issue(CALLER)) == "ticket_forged"


def test_memory_of_used_tickets_is_bounded_and_forgets_only_the_expired(book: TicketBook, clock: Clock) -> None:
    first = book.issue(CALLER)
    book.redeem(first, "CA1")
    for _ in range(MAX_REMEMBERED // 2):
        book.redeem(book.issue(CALLER), "CA1")
    assert refusal(book, first) == "ticket_used"
    clock.now = START + timedelta(seconds=61)
    book.redeem(book.issue(CALLER), "CA1")
    assert refusal(book, first) == "ticket_expired"


def test_the_operator_token_and_no_other() -> None:
    desk = OperatorDesk("open sesame")
    assert desk.token_is_good("open sesame")
    assert not any(desk.token_is_good(wrong) for wrong in (None, "", "open sesam", "öpen sesame"))


def test_without_a_token_nobody_is_an_operator() -> None:
    desk = OperatorDesk("")
    assert not desk.token_is_good("")
    assert not desk.cookie_is_good(desk.issue_cookie(SECRET, START), SECRET, START)


def test_a_cookie_lasts_a_working_day() -> None:
    desk = OperatorDesk("t")
    cookie = desk.issue_cookie(SECRET, START)
    assert desk.cookie_is_good(cookie, SECRET, START + COOKIE_LIFE - timedelta(seconds=1))
    assert not desk.cookie_is_good(cookie, SECRET, START + COOKIE_LIFE)


def test_a_cookie_of_another_token_or_secret_or_kind_is_worthless(book: TicketBook) -> None:
    cookie = OperatorDesk("old").issue_cookie(SECRET, START)
    assert not OperatorDesk("new").cookie_is_good(cookie, SECRET, START)
    assert not OperatorDesk("old").cookie_is_good(cookie, b"other", START)
    assert not OperatorDesk("old").cookie_is_good(book.issue(CALLER), SECRET, START)
    assert refusal(book, cookie) == "ticket_forged"
    assert not any(OperatorDesk("old").cookie_is_good(bad, SECRET, START) for bad in (None, "", "x", "ü.1"))


def test_development_makes_up_secrets_and_production_insists() -> None:
    development = Settings(environment="development", secret_key="", operator_token="")
    assert len(secret_for(development)) >= 32
    assert secret_for(development) != secret_for(development)
    assert len(operator_token_for(development)) >= 32
    chosen = Settings(environment="production", secret_key="k", operator_token="t")
    assert (secret_for(chosen), operator_token_for(chosen)) == (b"k", "t")
    production = Settings(environment="production", secret_key="", operator_token="")
    for ask in (secret_for, operator_token_for):
        with pytest.raises(SettingsError, match="is not set"):
            ask(production)


def test_a_cookie_is_for_one_name_alone():
    """Also where one token serves two, so that the same key signs."""
    desk = OperatorDesk("token")
    cookie = desk.issue_cookie(SECRET, START, "operator")
    assert desk.cookie_is_good(cookie, SECRET, START, "operator")
    assert not desk.cookie_is_good(cookie, SECRET, START, "admin")
    assert not OperatorDesk("admin's").cookie_is_good(cookie, SECRET, START, "operator")
