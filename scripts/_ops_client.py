"""An operator who watches: a client of `WS /ops`, as a dashboard is one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from agent.errors import AccessError
from dashboard_bridge.wire import OPS_MESSAGE, Call, Metrics, OpsMessage, Problem, Transcript, TranscriptData

_FIRST_WORD_S = 5.0


class Operator:
    """Watches every shop from entering on. `show` is given each message as it comes.

    Entering raises AccessError when the door stays closed.
    """

    def __init__(self, url: str, token: str, show: Callable[[OpsMessage], None] | None = None) -> None:
        self.finals: defaultdict[str, list[TranscriptData]] = defaultdict(list)
        """The final transcripts received, by call."""
        self._url, self._token = url, token
        self._show = show
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._watching = asyncio.Event()
        self._refusal: Problem | None = None
        self._ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            self._socket = await connect(self._url, additional_headers=headers, compression=None)
        except (OSError, WebSocketException) as why:
            raise AccessError("ops_unreachable", f"{self._url} does not open: {why}.") from why
        self._reading = asyncio.create_task(self._read(self._socket), name="operator")
        try:
            # The first metrics say that from here on nothing is missed.
            await asyncio.wait_for(self._watching.wait(), _FIRST_WORD_S)
        except TimeoutError as why:
            await self.__aexit__(None, None, None)
            raise AccessError("ops_silent", f"{self._url} shows no shop.") from why
        if self._refusal is not None:
            await self.__aexit__(None, None, None)
            raise AccessError(self._refusal.data.code, self._refusal.data.message)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await self._reading

    async def call_over(self, call_sid: str, timeout_s: float) -> bool:
        """Wait until the end of a call was shown; False when it was not in time."""
        try:
            await asyncio.wait_for(self._ended[call_sid].wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for line in socket:
                try:
                    self._take(OPS_MESSAGE.validate_json(line))
                except ValidationError:
                    continue  # a type of message that this client does not know
        except ConnectionClosed:
            pass
        finally:
            self._watching.set()

    def _take(self, message: OpsMessage) -> None:
        match message:
            case Metrics():
                self._watching.set()
            case Problem():
                self._refusal = self._refusal or message
            case Transcript(data=data) if data.final:
                self.finals[data.call_sid].append(data)
            case Call(data=data) if data.state == "ended":
                self._ended[data.call_sid].set()
            case _:
                pass
        if self._show is not None:
            self._show(message)
