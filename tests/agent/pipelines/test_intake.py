"""What goes on the tape of words that come in, and what sound of them does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.emulators.stage import open_stage
from agent.model import Caller
from agent.pipelines.intake import Intake
from agent.recording.manifest import manifest_of
from agent.recording.tape import Tape
from agent.redaction import Redactor
from tests.house import PLUMERIA

VOICE = b"\x10" * 160


@pytest.fixture
async def tape() -> Tape:
    caller = Caller(call_sid="CA1", location_id=1, caller="+18085550111", called=PLUMERIA.phone_number)
    now = asyncio.get_running_loop().time()
    async with open_stage() as stage:
        return Tape(manifest_of(caller, PLUMERIA, stage.settings(), datetime.now(UTC), now), now)


def turn(event: str, words: str) -> dict[str, Any]:
    return {"type": "TurnInfo", "event": event, "transcript": words}


async def test_sound_waits_while_digits_do_and_is_taken_out_with_a_card(tape: Tape) -> None:
    intake = Intake(Redactor(), tape)
    tape.caller_sound(VOICE)
    intake.flux(turn("StartOfTurn", "It's"))
    intake.flux(turn("Update", "It's 4242 4242"))
    tape.caller_sound(VOICE)
    waiting = tape.take()
    assert (len(waiting.caller), waiting.muted) == (1, [])
    assert intake.flux(turn("EndOfTurn", "It's 4242 4242 4242 4242"))["transcript"] == "It's [card number]"
    over = tape.take()
    assert (len(over.caller), len(over.muted)) == (1, 1)
    assert "4242" not in str([waiting.notes, over.notes])


async def test_a_card_told_in_pieces_of_one_turn_of_novas_is_taken_out_with_all_its_sound(tape: Tape) -> None:
    intake = Intake(Redactor(), tape)
    intake.turn_began()
    tape.caller_sound(VOICE)
    assert intake.nova("My card is 4242 4242", is_final=True, ends_turn=False) == "My card is"
    tape.caller_sound(VOICE)
    assert (len((first := tape.take()).caller), first.muted) == (1, [])
    assert intake.nova("4242 4242", is_final=True, ends_turn=False) == ""
    assert tape.take().caller == []
    assert intake.nova("and that is all", is_final=True, ends_turn=True) == "[card number] and that is all"
    over = tape.take()
    assert (len(over.caller), len(over.muted)) == (1, 1)


async def test_what_is_no_card_is_kept_with_its_sound(tape: Tape) -> None:
    intake = Intake(Redactor(), tape)
    intake.turn_began()
    assert intake.nova("I am at 808 555", is_final=True, ends_turn=False) == "I am at"
    tape.caller_sound(VOICE)
    assert intake.nova("0143", is_final=True, ends_turn=True) == "808 555 0143"
    kept = tape.take()
    assert (len(kept.caller), kept.muted) == (1, [])


@pytest.mark.parametrize("keys", ["4242424242424242", "8085550143#"])
async def test_keys_are_noted_when_the_number_is_complete_and_a_cards_are_nobodys(tape: Tape, keys: str) -> None:
    for key in keys:
        tape.key_pressed(key)
    assert tape.take().notes == []
    tape.end()
    noted = "".join(str(note.facts["key"]) for note in tape.take().notes)
    assert noted == ("0" * 16 if keys.startswith("4242") else keys)
