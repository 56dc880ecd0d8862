"""When a vendor has failed the last calls, the next callers are put through while it still rings."""

from __future__ import annotations

from agent.breaker import FAILURES
from agent.telephony.webhook import TROUBLE
from tests.house import PLUMERIA, open_house


async def test_callers_are_put_through_until_it_is_time_to_try_again():
    alone = PLUMERIA.model_copy(update={"location_id": 7, "phone_number": "+18085550177", "transfer_to": None})
    async with open_house(shops=(PLUMERIA, alone)) as house:
        breaker = house.services.speech.breakers["deepgram"]
        for _ in range(FAILURES):
            assert "<Stream" in (await house.post("/voice")).text
            breaker.failed()
        answer = (await house.post("/voice")).text
        assert TROUBLE in answer
        assert f">{PLUMERIA.transfer_to}</Dial>" in answer
        assert "<Stream" in (await house.post("/voice", To=alone.phone_number)).text  # better a try than nobody
        breaker.worked()
        assert "<Stream" in (await house.post("/voice")).text
