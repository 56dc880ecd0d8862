"""Flux gets packets that end where a voice begins or ends; a short silence begins an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import EagerEndOfTurnCancelFrame, EagerTranscriptionFrame, Frame, InputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection

from agent.pipelines.hearing import DeepgramOnLine
from agent.pipelines.intake import Intake
from agent.redaction import Redactor

BLOCK = b"\0" * 320
SILENCE_AND_VOICE = st.lists(st.text("v", min_size=1, max_size=9) | st.text(".", min_size=1, max_size=90), max_size=6)


class Listening(DeepgramOnLine):
    """Keeps what would go to the vendor, and what is guessed: the words, or None for a withdrawal."""

    def __init__(self, guess_after_ms: int = 0, *, guess_while_speaking: bool = False) -> None:
        super().__init__(
            intake=Intake(Redactor(), None),
            api_key="none",
            enable_eager_end_of_turn=True,
            guess_after_ms=guess_after_ms,
            guess_while_speaking=guess_while_speaking,
        )
        self.is_open = True
        self.packets_ms: list[int] = []
        self.packets: list[bytes] = []
        self.kept = 0
        """Blocks for which nothing but `keep` was called."""
        self.guesses: list[str | None] = []

    @property
    def _is_connected(self) -> bool:
        return self.is_open

    async def process_audio_frame(self, frame: InputAudioRawFrame, direction: FrameDirection) -> None:  # noqa: ARG002
        self.packets_ms.append(len(frame.audio) // 16)
        self.packets.append(frame.audio)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:  # noqa: ARG002
        if isinstance(frame, EagerTranscriptionFrame):
            self.guesses.append(frame.text)
        elif isinstance(frame, EagerEndOfTurnCancelFrame):
            self.guesses.append(None)

    async def sound(self, voices: str) -> None:
        """Blocks that are voiced (v) or not (.)."""
        for voice in voices:
            await self.hear(BLOCK, sample_rate=8000, voiced=voice == "v")

    async def arrives(self, voices: str, *, at_once: bool) -> None:
        """Blocks, no two alike, heard or, where there is room for them, kept as they arrive."""
        for number, voice in enumerate(voices):
            block, how = number.to_bytes(2, "big") * 160, {"sample_rate": 8000, "voiced": voice == "v"}
            if at_once and self.has_room(block, **how):
                self.keep(block, **how)
                self.kept += 1
            else:
                await self.hear(block, **how)

    async def flux(self, event: str, words: str) -> None:
        await self._handle_turn_info({"event": event, "transcript": words})


async def heard(voices: str) -> list[int]:
    service = Listening()
    await service.sound(voices)
    return service.packets_ms


async def test_silence_and_voice_go_in_packets_of_eighty_ms():
    assert await heard("........") == [80, 80]
    assert await heard("vvvvvvvv") == [80, 80]


async def test_what_is_said_before_the_connection_is_open_is_heard_by_it_in_order():
    service = Listening()
    service.is_open = False
    await service.sound("vvvv..")
    assert service.packets_ms == []
    service.is_open = True
    await service._hear_what_was_kept()
    assert service.packets_ms == [80]
    await service.sound("..")
    assert service.packets_ms == [80, 80]


async def test_a_voice_does_not_wait_for_the_silence_before_it_nor_silence_for_the_voice():
    assert await heard("..vvvvv....") == [40, 80, 20, 80]


async def test_while_nobody_speaks_packets_are_longer_and_a_voice_ends_that_at_once():
    a_second = "." * 50
    assert (await heard(a_second + "." * 25 + "..vvvv"))[-4:] == [240, 240, 100, 80]


@given(voices=SILENCE_AND_VOICE.map("".join), in_turn=st.booleans())
async def test_sound_kept_as_it_arrives_is_heard_as_if_each_piece_had_been(voices: str, in_turn: bool):
    one, other = Listening(guess_after_ms=80), Listening(guess_after_ms=80)
    for service, at_once in ((one, False), (other, True)):
        if in_turn:
            await service.flux("StartOfTurn", "How")
            await service.flux("Update", "How much is it")
        await service.arrives(voices, at_once=at_once)
    assert (other.packets, other.guesses) == (one.packets, one.guesses)
    assert (other._held, other._quiet_ms) == (one._held, one._quiet_ms)


async def test_most_sound_is_only_kept():
    service = Listening(guess_after_ms=80)
    await service.arrives("v" * 40 + "." * 240, at_once=True)
    assert service.kept > 200


async def test_while_a_packet_is_being_sent_nothing_is_kept_past_it():
    service = Listening()
    service.is_open, seen = True, []

    async def slowly(frame: InputAudioRawFrame, direction: FrameDirection) -> None:
        seen.append(service.has_room(BLOCK, sample_rate=8000, voiced=True))

    service.process_audio_frame = slowly  # type: ignore[method-assign]
    await service.sound("vvvv")
    assert seen == [False]
    assert service.has_room(BLOCK, sample_rate=8000, voiced=True)


async def test_silence_inside_of_a_turn_goes_in_short_packets_however_long_it_is():
    service = Listening()
    await service.sound("vvvv")
    await service.flux("StartOfTurn", "How")
    await service.sound("." * 80)
    assert set(service.packets_ms) == {80}


async def test_silence_need_not_be_heard_again_by_a_new_connection():
    service = Listening()
    await service.sound("." * 50 + "." * 240 + "vvvv")
    assert sum(len(frame.audio) for frame in service._lately) // 16 < 1200


async def spoken_to(words: str) -> Listening:
    """A turn is under way, and these are its words so far."""
    service = Listening(guess_after_ms=80)
    await service.sound("vvvv")
    await service.flux("StartOfTurn", words.split()[0])
    await service.flux("Update", words)
    return service


async def test_a_short_silence_begins_an_answer_once_and_flux_adds_none_of_its_own():
    service = await spoken_to("How much is it?")
    await service.sound("...")
    assert service.guesses == []
    await service.sound(".....")
    await service.taken_up()
    await service.flux("Update", "how much is it")
    await service.flux("EagerEndOfTurn", "How much is it?")
    await service.flux("EndOfTurn", "How much is it?")
    assert service.guesses == ["How much is it?"]


async def test_while_a_caller_speaks_every_change_of_the_words_may_be_a_guess():
    service = Listening(guess_while_speaking=True)
    await service.sound("vvvv")
    await service.flux("StartOfTurn", "How")
    for words in ("How", "How much", "how much", "How much is it"):
        await service.flux("Update", words)
        await service.taken_up()
    assert service.guesses == ["How much", None, "How much is it"]
    await service.flux("EndOfTurn", "How much is it?")
    assert service.guesses == ["How much", None, "How much is it"]


async def test_more_words_withdraw_it_and_the_next_silence_begins_another():
    service = await spoken_to("How much")
    await service.sound("....")
    await service.taken_up()
    await service.sound("vv")
    await service.flux("Update", "How much is that")
    assert service.guesses == ["How much", None]
    await service.sound("....")
    assert service.guesses == ["How much", None, "How much is that"]


async def test_it_is_not_withdrawn_before_the_model_has_begun_on_it():
    service = await spoken_to("How much")
    await service.sound("....")
    await service.flux("Update", "How much is that")
    await service.flux("EagerEndOfTurn", "How much is that one?")
    assert service.guesses == ["How much"]
    await service.taken_up()
    assert service.guesses == ["How much", None, "How much is that one?"]


async def test_a_turn_that_is_over_settles_what_was_guessed_in_it():
    service = await spoken_to("How much")
    await service.sound("....")
    await service.flux("EndOfTurn", "How much")
    await service.taken_up()
    assert service.guesses == ["How much"]


async def test_one_word_or_a_noise_is_no_reason_to_answer():
    service = await spoken_to("How")
    await service.sound("....")
    assert service.guesses == []
    noise = Listening(guess_after_ms=80)
    await noise.sound("vvvv....")
    assert noise.guesses == []


async def test_without_guessing_flux_predicts_as_ever():
    service = Listening()
    await service.sound("vvvv")
    await service.flux("StartOfTurn", "How")
    await service.flux("Update", "How much")
    await service.sound("........")
    await service.flux("EagerEndOfTurn", "How much")
    await service.taken_up()
    await service.flux("TurnResumed", "How much is")
    assert service.guesses == ["How much", None]
