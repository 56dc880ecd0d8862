"""The server of the relay's bench, in a process of its own, which also publishes the events it is asked for.

The first line on stdin is its settings; then each line asks for events, and the answer tells what they cost.
"""

from __future__ import annotations

import asyncio
import json
import resource
import secrets
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from _house import logger  # its import silences what Pipecat says of itself

from agent.call import Services
from agent.events import CallAnswered, CallEnded, TurnHeard
from agent.settings import Settings
from server import DrainingServer

SEND_BUFFER = 32 * 1024
"""The kernel's buffer for a browser. Left to itself it grows to megabytes, and a dead reader takes minutes to show."""


async def main() -> None:
    logger.add(sys.stderr, level="WARNING")
    settings = Settings(**json.loads(sys.stdin.readline()))
    server = DrainingServer(settings)
    app = server.application
    with socket.create_server(("127.0.0.1", settings.port)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
        tell({"started": server.started})
        while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            tell(await publish(app.state.services, app.state.relay, **json.loads(line)))
        server.should_exit = True
        await serving


async def publish(
    services: Services, relay: Any, *, seconds: float, rate: float, rooms: int, first_location: int, size: int
) -> dict[str, object]:
    """Final words to one room after the other, evenly spaced; late ones are not made up for."""
    loop = asyncio.get_running_loop()
    before, cpu, counters = rss_mb(), time.process_time(), relay.counters.copy()
    sent = [0] * rooms
    names = {"caller": "+442079460199", "called": "+442079460123", "business_name": "Bench", "greeting": "Hi"}
    calls = [BenchCall(services, first_location + room) for room in range(rooms)]
    for call in calls:
        call.publish(CallAnswered, **names)
    began = loop.time()
    for number in range(int(seconds * rate)):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        room = number % rooms
        sent[room] += 1
        stamp = f"@ns{time.monotonic_ns()};"
        text = stamp + "x" * max(0, size - len(stamp) - 250)  # 250 bytes are the message around it
        calls[room].publish(TurnHeard, turn=sent[room], text=text, final=True)
    for call, turns in zip(calls, sent, strict=True):
        call.publish(CallEnded, reason="caller_hung_up", duration_ms=seconds * 1000, turns=turns)
    await asyncio.sleep(0.5)  # the last ones are on their way
    spent = {name: relay.counters[name] - counters[name] for name in ("overflowed", "stuck", "events_failed")}
    return {
        "sent": sent,
        "cpu_s": time.process_time() - cpu,
        "rss_mb": rss_mb(),
        "rss_grown_mb": round(rss_mb() - before, 2),
        "waiting": relay.waiting,
        **spent,
    }


class BenchCall:
    """A call of which only words are known."""

    def __init__(self, services: Services, location_id: int) -> None:
        self._services = services
        self._head = {"call_sid": f"CA{secrets.token_hex(16)}", "location_id": location_id}
        self._seq = 0

    def publish(self, kind: type[Any], **facts: object) -> None:
        self._seq += 1
        now = datetime.now(UTC)
        self._services.bus.publish(kind.model_validate({**self._head, "seq": self._seq, "at": now, **facts}))


def rss_mb() -> float:
    """Resident now, not at most."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 2)


def tell(facts: dict[str, object]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
