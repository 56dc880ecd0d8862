"""What reads strangers' bytes first, under atheris, which looks for bytes that reach further into the code.

`fuzz.py` starts this process: arguments are the runs and the seed. It prints `{"runs": N}` and exits with 0, or with
what libFuzzer says of the input that made something raise what it must not.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import atheris

with cast(Any, atheris).instrument_imports(include=["agent.access", "agent.pipelines.line", "agent.telephony.forms"]):
    from loguru import logger

    from agent.access import MemberCookies, TicketBook

    logger.remove()
    from agent.pipelines.line import Line
    from agent.pipelines.line_messages import LineSerializer

from fastapi import WebSocket
from pydantic import ValidationError

from agent.errors import AccessError
from agent.knowledge.jobs import SetupRequest
from dashboard_bridge.wire import OPS_COMMAND

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOOK = TicketBook(b"nobody knows this", 60, lambda: NOW)
COOKIES = MemberCookies(b"nobody knows this", lambda: NOW)


async def _nothing(*_: object) -> Any:
    return {"type": "websocket.disconnect", "code": 1000}


async def _serializer() -> LineSerializer:
    socket = WebSocket({"type": "websocket"}, _nothing, _nothing)
    return LineSerializer(Line(socket, stream_sid="MZ1", call_sid="CA1", lead_ms=200))


LOOP = asyncio.new_event_loop()
SERIALIZER = LOOP.run_until_complete(_serializer())


def read(data: bytes) -> None:
    """Every reader reads it. Raises what none of them may raise."""
    text = data.decode("utf-8", "replace")
    LOOP.run_until_complete(SERIALIZER.deserialize(text))
    LOOP.run_until_complete(SERIALIZER.deserialize(data))
    with suppress(AccessError):
        BOOK.redeem(text, "CA1")
        raise AssertionError("a ticket nobody signed was redeemed")
    assert COOKIES.read(text) is None  # noqa: S101 - what is proved
    with suppress(ValidationError):
        OPS_COMMAND.validate_json(data)
    with suppress(ValidationError):
        SetupRequest.model_validate_json(data)


def main() -> None:
    runs, of_seed = int(sys.argv[1]), int(sys.argv[2])
    print(json.dumps({"runs": runs}), flush=True)  # libFuzzer ends the process itself
    cast(Any, atheris).Setup([sys.argv[0], f"-runs={runs}", f"-seed={of_seed}", "-max_len=4096", "-verbosity=0"], read)
    cast(Any, atheris).Fuzz()


if __name__ == "__main__":
    main()
