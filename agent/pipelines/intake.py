"""Where recognised words come in: what must not be kept is taken out here, once, and only then are they on the tape."""

from __future__ import annotations

import json
from typing import Any

from agent.recording.tape import Tape
from agent.redaction import Redactor, is_withheld


class Intake:
    """One call's. Vendors' messages pass through it on their way to whoever reads them."""

    def __init__(self, redactor: Redactor, tape: Tape | None) -> None:
        self._redactor = redactor
        self._tape = tape
        self._name = ""
        self._audio_bytes = 0
        self._controls = 0
        self._sent_at = 0.0
        self._dialled_at = 0.0
        self._unfinished = ""
        """Digits at the end of nova's last piece: they may go on in the next."""
        self._took_out = False
        """Something of the turn so far is not to be kept."""

    # The connection

    def dialling(self) -> None:
        if self._tape is not None:
            self._dialled_at = self._tape.now()

    def opened(self, *, is_open: bool) -> None:
        """The vendor has answered the dial, or has not."""
        self._audio_bytes = self._controls = 0
        if self._tape is not None:
            self._name = self._tape.connection("deepgram")
            self._sent_at = self._tape.now()
            took = self._sent_at - self._dialled_at
            self._tape.note(self._name, "open" if is_open else "refused", took=took)

    def closed(self) -> None:
        """The vendor has ended the connection."""
        self._note("close")

    def leaving(self) -> None:
        self.dialling()

    def left(self) -> None:
        """The vendor has let go of a connection that we ended."""
        if self._tape is not None:
            self._tape.note(self._name, "left", took=self._tape.now() - self._dialled_at)

    def sent(self, audio: bytes) -> None:
        self._audio_bytes += len(audio)
        if self._tape is not None:
            self._sent_at = self._tape.now()

    def asked(self, message: dict[str, Any]) -> None:
        """A control message goes out."""
        self._controls += 1
        if self._tape is not None:
            self._sent_at = self._tape.now()
        self._note("out", message)

    # What comes in

    def flux(self, data: dict[str, Any]) -> dict[str, Any]:
        """A message of Flux as it may be read."""
        if data.get("type") == "TurnInfo":
            words, event = str(data.get("transcript") or ""), data.get("event")
            if event == "StartOfTurn" and self._tape is not None:
                self._tape.turn_began()
            kept = self._final(words, ends_turn=True) if event == "EndOfTurn" else self._interim(words)
            if kept != words:
                told = [{"word": word, "confidence": 1.0} for word in kept.split()]
                data = {**data, "transcript": kept, "words": told}
        self._note("in", data)
        return data

    def nova(self, transcript: str, *, is_final: bool, ends_turn: bool) -> str:
        """A piece of a transcript as it may be read.

        A final piece that ends in the middle of a number waits for the next one, unless it `ends_turn`.
        """
        if not is_final:
            return self._interim(transcript)
        whole, self._unfinished = f"{self._unfinished} {transcript}".strip(), ""
        if not ends_turn:
            whole, self._unfinished = self._redactor.split(whole)
            if self._unfinished:
                self._withhold()
        return self._final(whole, ends_turn=ends_turn)

    def nova_said(self, message: dict[str, Any]) -> None:
        self._note("in", message)

    def turn_began(self) -> None:
        """For ears whose vendor does not tell of it."""
        if self._tape is not None:
            self._tape.turn_began()

    def keyed(self, digits: str) -> str:
        """A number the caller keyed in."""
        return self._redactor.final(digits)

    def _interim(self, words: str) -> str:
        kept = self._redactor.interim(words)
        if is_withheld(kept):
            self._withhold()
        return kept

    def _final(self, words: str, *, ends_turn: bool) -> str:
        """The sound of a turn is kept or not as a whole, when all its words are known."""
        kept = self._redactor.final(words)
        self._took_out = self._took_out or kept != words
        if ends_turn:
            if self._tape is not None:
                self._tape.turn_over(mute=self._took_out)
            self._took_out = False
        return kept

    def _withhold(self) -> None:
        if self._tape is not None:
            self._tape.digits_began()

    def _note(self, what: str, message: dict[str, Any] | None = None) -> None:
        if self._tape is None:
            return
        raw = None if message is None else json.dumps(message, ensure_ascii=False)
        self._tape.note(
            self._name,
            what,
            raw,
            audio=self._audio_bytes,
            controls=self._controls,
            since=self._tape.now() - self._sent_at,
        )
