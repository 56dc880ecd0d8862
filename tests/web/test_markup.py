"""What a website told and what callers left behind is shown as it is written, in a real browser: it is never markup."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser

from agent.model import Booking, BusyStretch, Faq, Message, Policy, Visit, VisitPart
from tests.house import PLUMERIA, House, new_sid, open_house
from tests.servers import free_port
from tests.web.desk import Desk

OWNED = "document.title='owned'"
MARKUP = f'<img src=x onerror="{OWNED}"><script>{OWNED}</script><a href="javascript:{OWNED}">x</a>{{{{7*7}}}}'
FROM_WEBSITE = PLUMERIA.model_copy(
    update={
        "business_name": f"Salon {MARKUP}"[:120],
        "address": MARKUP,
        "faq": (Faq(question=MARKUP, answer=MARKUP),),
        "policies": (Policy(name="A <b>policy</b>", text=MARKUP),),
        "services": (PLUMERIA.services[0].model_copy(update={"name": f"Cut {MARKUP}"[:120]}), *PLUMERIA.services[1:]),
    }
)
VIEWS = ("/", "/calls", "/shops", "/shops/1", "/shops/1/changes", "/shops/1/knowledge", "/health")


@pytest.fixture
async def marked(dist: object) -> AsyncIterator[House]:
    """A house whose shop, book and messages are full of markup."""
    async with open_house(shops=(FROM_WEBSITE,), port=free_port()) as house:
        now = datetime.now(UTC)
        starts = now + timedelta(hours=1)
        ends = starts + timedelta(minutes=30)
        await house.services.bookings.put_booking(
            Booking(
                booking_id=str(uuid.uuid4()),
                location_id=1,
                state="booked",
                visit=Visit(
                    parts=(VisitPart(service=MARKUP[:80], staff=MARKUP[:60], starts=starts, ends=ends),),
                    busy=(BusyStretch(staff=MARKUP[:60], starts=starts, ends=ends),),
                ),
                customer_name=MARKUP[:100],
                customer_phone="+12025550143",
                created_at=now,
                changed_at=now,
            )
        )
        await house.services.calls.take_message(
            Message(
                call_sid=new_sid(),
                location_id=1,
                tool_call_id="m1",
                caller_name=MARKUP[:60],
                callback_number="+12025550143",
                text=MARKUP,
                at=now,
            )
        )
        yield house


async def test_what_websites_and_callers_left_is_only_ever_text(marked: House, browser: Browser) -> None:
    context = await browser.new_context()
    desk = await Desk.open(marked, context)
    await desk.log_in()
    seen = 0
    for view in VIEWS:
        await desk.go(view)
        await desk.page.locator("h1").first.wait_for()
        await desk.page.wait_for_timeout(400)
        values = "[...document.querySelectorAll('input, textarea')].map((at) => at.value).join(' ')"
        shown = await desk.page.inner_text("body") + str(await desk.page.evaluate(values))
        seen += "onerror" in shown
        assert await desk.page.locator("main img[src=x], main script, main a[href^=javascript]").count() == 0, view
        assert await desk.page.title() != "owned", view
    await context.close()
    assert seen >= 3, "what was planted was looked at"
    assert desk.complaints == []
