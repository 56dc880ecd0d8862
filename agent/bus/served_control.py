"""Acts that operators of other processes ask of the calls held here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from loguru import logger
from pydantic import ValidationError

from agent.bus.acts_wire import Link, Parcel, packed, sound_of, told_of, unpacked
from agent.errors import ChairsideError, NotFound, Unavailable
from agent.model import OperatorCommand
from agent.ports import CallControl

GONE_S = 13.0
"""A listener that has not said for so long that it still listens is sent nothing more."""


@dataclass
class _Ear:
    task: asyncio.Task[None]
    asked_at: float


class ServedControl:
    """Answers for `home`, the calls of this process. Enter it; leaving ends the sound that is sent."""

    def __init__(self, home: CallControl, link: Link) -> None:
        self._home = home
        self._link = link
        self._ears: dict[str, _Ear] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def connected(self) -> None:
        """Nothing is to be told."""

    def pulsed(self) -> None:
        """Nothing is to be done."""

    def received(self, sender: str, message: bytes) -> None:
        """A question, or an operator's voice."""
        parcel = unpacked(message)
        if parcel is not None and parcel.kind == "ask":
            self._start(self._answer(sender, parcel))
        elif parcel is not None and parcel.kind == "voice":
            self._start(self._speak(parcel.body))

    async def _answer(self, sender: str, parcel: Parcel) -> None:
        told: dict[str, Any] = {}
        try:
            await self._obey(sender, parcel.facts)
        except ChairsideError as why:
            told = told_of(why)
        except (json.JSONDecodeError, KeyError, ValidationError):
            told = told_of(Unavailable("act_unknown", "The process that holds the call does not know that act."))
        except Exception:
            logger.exception("an act that another process asked for broke")
            told = told_of(Unavailable("act_broke", "The act failed where the call is."))
        self._link.send(packed("answer", parcel.number, told), sender)

    async def _obey(self, sender: str, asked: dict[str, Any]) -> None:
        match asked["act"]:
            case "command":
                await self._home.send(OperatorCommand.model_validate(asked["command"]))
            case "listen":
                await self._listen(sender, asked["ear"], asked["location_id"], asked["call_sid"])
            case "still":
                self._ear(asked["ear"]).asked_at = _now()
            case "unlisten":
                self._ear(asked["ear"]).task.cancel()
            case _:
                raise Unavailable("act_unknown", "The process that holds the call does not know that act.")

    def _ear(self, name: str) -> _Ear:
        if name not in self._ears:
            raise NotFound("call_not_live", "Nothing is listened to any more.")
        return self._ears[name]

    async def _listen(self, sender: str, name: str, location_id: int, call_sid: str) -> None:
        """Returns once sound flows. Raises NotFound for a call that is not here."""
        began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._start(self._send_sound(sender, name, location_id, call_sid, began))
        await began

    async def _send_sound(
        self, sender: str, name: str, location_id: int, call_sid: str, began: asyncio.Future[None]
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it is what runs here
        ear = self._ears[name] = _Ear(task, _now())
        try:
            async with self._home.listen(location_id, call_sid) as frames:
                began.set_result(None)
                async for frame in frames:
                    if _now() - ear.asked_at > GONE_S:
                        break
                    self._link.send(packed("sound", name, sound=sound_of(frame)), sender)
            self._link.send(packed("sound", name, sound=b"\0"), sender)
        except ChairsideError as why:
            if not began.done():
                began.set_exception(why)
        finally:
            del self._ears[name]
            began.cancel()

    async def _speak(self, body: bytes) -> None:
        size = int.from_bytes(body[:2], "big")
        location_id, call_sid, operator = body[2 : 2 + size].decode().split(" ", 2)
        with suppress(ChairsideError):  # frames may cross a hand-back, or the end of the call
            await self._home.speak(int(location_id), call_sid, operator, body[2 + size :])

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work, name="served control")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _now() -> float:
    return asyncio.get_running_loop().time()
