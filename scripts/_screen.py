"""The demo's screen: calls as operators see them, line by line, with what is half said below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from dashboard_bridge.wire import Call, CallData, OpsMessage, Transcript, TranscriptData

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
_HALF_SAID_CHARACTERS = 60


class Screen:
    """Shows the messages of `/ops`. Use as a context manager.

    `shops` names the locations, `answered_ms` tells how long the answer to a turn of a call took.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.shops: dict[int, str] = {}
        self.answered_ms: Mapping[tuple[str, int], float] = {}
        self._numbers: dict[str, int] = {}
        self._half_said: dict[str, Text] = {}
        self._below: RenderableType = Text("")
        # Without a terminal there is nothing to draw over: only whole lines are printed.
        self._live = Live(console=console, transient=True, refresh_per_second=12) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, message: OpsMessage) -> None:
        """Draw one message."""
        match message:
            case Call(data=data):
                self._half_said.pop(data.call_sid, None)
                self.console.print(self._event(data), soft_wrap=True)
            case Transcript(data=data) if data.final:
                self._half_said.pop(data.call_sid, None)
                if data.text or data.interrupted:
                    self.console.print(self._line(data), soft_wrap=True)
            case Transcript(data=data):
                self._half_said[data.call_sid] = self._head(data).append(_tail(data.text), "dim italic")
            case _:
                return
        self._draw()

    def tell(self, lines: Iterable[Text], below: RenderableType) -> None:
        """Print lines, and keep something on the screen below what is half said."""
        for line in lines:
            self.console.print(line, soft_wrap=True)
        self._below = below
        self._draw()

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(Group(Text("\n").join(self._half_said.values()), self._below))

    def _head(self, data: CallData | TranscriptData, speaker: str = "") -> Text:
        number = self._numbers.setdefault(data.call_sid, len(self._numbers) + 1)
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        shop = self.shops.get(data.location_id, f"location {data.location_id}").split()
        head = Text(f"{number:>3} ", f"bold {colour}").append(f"{' '.join(shop[:2]):<16} ", colour)
        return head.append(f"{speaker or getattr(data, 'speaker', ''):<7}", "bold" if speaker == "agent" else "")

    def _event(self, data: CallData) -> Text:
        if data.state == "answered":
            return self._head(data).append(f"{data.caller} is on the line", "dim")
        return self._head(data).append(f"call over: {(data.reason or '').replace('_', ' ')}", "dim")

    def _line(self, data: TranscriptData) -> Text:
        line = self._head(data, data.speaker).append(data.text, "" if data.speaker == "caller" else "bold")
        if data.interrupted:
            line.append(" … interrupted", "yellow")
        took = self.answered_ms.get((data.call_sid, data.turn))
        if data.speaker == "agent" and took is not None:
            line.append(f"  {took:.0f} ms", "dim")
        return line


def _tail(text: str) -> str:
    """The end of what is half said, short enough for one line."""
    return text if len(text) <= _HALF_SAID_CHARACTERS else "…" + text[-_HALF_SAID_CHARACTERS:]
