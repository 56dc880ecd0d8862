"""What the emulated STT makes of audio: only what came through, as far as it came through."""

import audioop
import random
from pathlib import Path

import pytest

from agent.emulators.audio import frames, noise, silence
from agent.emulators.phrasebook import UNINTELLIGIBLE, BlockCutter, Ear, Phrasebook
from agent.emulators.voice import CALLER_RATE, CALLER_VOICE, speak

PRICE = "How much is a balayage, please?"
CUT = "How much is a haircut, please?"


@pytest.fixture
def book() -> Phrasebook:
    return Phrasebook()


def listen(book: Phrasebook, ulaw: bytes) -> str:
    ear = Ear(book)
    for block in frames(ulaw):
        ear.hear(block)
    return " ".join(word.text for word in ear.words())


def strange(ms: int, seed: int = 1) -> bytes:
    dice = random.Random(seed)
    return bytes(dice.choice(b"\x10\x90\x20\xa0") for _ in range(ms * 8))


def test_an_utterance_is_heard_word_for_word(book: Phrasebook) -> None:
    said = book.register_speech(PRICE)
    assert listen(book, silence(400) + said.ulaw + silence(400)) == PRICE


def test_a_cut_off_utterance_gives_its_first_words(book: Phrasebook) -> None:
    said = book.register_speech(PRICE)
    until = int(said.words[2].start_ms // 20 + 1) * 160

    assert listen(book, said.ulaw[:until]) == "How much is"


def test_words_are_heard_as_soon_as_they_start_and_not_before(book: Phrasebook) -> None:
    said = book.register_speech(PRICE)
    ear = Ear(book)
    for block in frames(said.ulaw):
        ear.hear(block)
        assert len(ear.words()) == sum(word.start_ms < ear.clock_ms for word in said.words)


def test_utterances_that_begin_alike_are_told_apart(book: Phrasebook) -> None:
    price, cut = book.register_speech(PRICE), book.register_speech(CUT)

    assert listen(book, price.ulaw) == PRICE
    assert listen(book, cut.ulaw) == CUT
    assert listen(book, price.ulaw + silence(300) + cut.ulaw) == f"{PRICE} {CUT}"


def test_the_same_words_twice_are_heard_twice(book: Phrasebook) -> None:
    said = book.register_speech("Hello?")
    assert listen(book, said.ulaw + silence(500) + said.ulaw) == "Hello? Hello?"


def test_a_pause_inside_an_utterance_loses_nothing(book: Phrasebook) -> None:
    text = "Yes, that works. My name is Anna."
    said = book.register_speech(text, max_pause_ms=None)
    assert listen(book, said.ulaw) == text


def test_lost_frames_lose_at_most_the_words_in_a_long_gap(book: Phrasebook) -> None:
    said = book.register_speech(PRICE)
    blocks = frames(said.ulaw)
    every_tenth_lost = b"".join(block for index, block in enumerate(blocks) if index % 10)
    much = said.words[1]
    gap = range(int(said.words[0].end_ms // 20), int(much.end_ms // 20) + 1)
    hole = b"".join(block for index, block in enumerate(blocks) if index not in gap)

    assert listen(book, every_tenth_lost) == PRICE
    assert listen(book, hole) == PRICE.replace("much ", "")


def test_who_listens_late_misses_the_beginning(book: Phrasebook) -> None:
    said = book.register_speech(PRICE)
    late = int(said.words[4].start_ms // 20 + 1) * 160
    assert listen(book, said.ulaw[late:]) == "balayage, please?"


def test_noise_has_no_words(book: Phrasebook) -> None:
    cough = book.register(noise("cough", 600)).ulaw
    assert listen(book, silence(100) + cough + silence(400) + noise("line", 2000)) == ""


def test_strangers_are_unintelligible_once_a_stretch(book: Phrasebook) -> None:
    assert listen(book, strange(280)) == ""
    assert listen(book, strange(1500)) == UNINTELLIGIBLE
    assert listen(book, strange(400) + silence(100) + strange(400, 2)) == UNINTELLIGIBLE
    assert listen(book, strange(400) + silence(400) + strange(400, 2)) == f"{UNINTELLIGIBLE} {UNINTELLIGIBLE}"


def test_word_times_count_from_the_start_of_the_stream(book: Phrasebook) -> None:
    said = book.register_speech(PRICE)
    ear = Ear(book)
    for block in frames(silence(1000) + said.ulaw):
        ear.hear(block)

    assert ear.words()[0].start_ms == 1000
    assert ear.words()[-1].end_ms == pytest.approx(1000 + said.words[-1].end_ms)


def test_registering_again_changes_nothing(book: Phrasebook) -> None:
    assert book.register_speech(PRICE) is book.register_speech(PRICE)
    assert listen(book, speak(PRICE, voice=CALLER_VOICE, rate=CALLER_RATE, max_pause_ms=120).ulaw) == PRICE


def test_a_recording_has_the_words_it_is_given(book: Phrasebook, tmp_path: Path) -> None:
    clip = tmp_path / "clip.ulaw"
    clip.write_bytes(silence(200) + speak("one two three four").ulaw + silence(200))

    assert book.register_file(clip, says="uno dos tres quattro").text == "uno dos tres quattro"
    (tmp_path / "clip.txt").write_text("eins zwei drei vier\n")
    beside = book.register_file(clip)
    assert beside.text == "eins zwei drei vier"
    assert beside.words[0].start_ms == 200
    assert beside.words[-1].end_ms < 200 + len(clip.read_bytes()) / 8 - 200


def test_a_recording_without_words_is_dictated_or_unintelligible(book: Phrasebook, tmp_path: Path) -> None:
    (tmp_path / "clip.ulaw").write_bytes(speak("seven").ulaw)
    (tmp_path / "quiet.ulaw").write_bytes(silence(400))

    assert book.register_file(tmp_path / "clip.ulaw").text
    assert book.register_file(tmp_path / "quiet.ulaw").text == ""


@pytest.mark.parametrize("encoding", ["linear16", "mulaw"])
@pytest.mark.parametrize("frame_ms", [20, 40, 60, 100])
def test_any_way_of_sending_gives_the_same_words(book: Phrasebook, encoding: str, frame_ms: int) -> None:
    said = book.register_speech(PRICE)
    wire = audioop.ulaw2lin(said.ulaw, 2) if encoding == "linear16" else said.ulaw
    size = frame_ms * (16 if encoding == "linear16" else 8)
    cutter, ear = BlockCutter(encoding, 8000), Ear(book)

    for at in range(0, len(wire), size):
        for block in cutter.cut(wire[at : at + size]):
            ear.hear(block)

    assert " ".join(word.text for word in ear.words()) == PRICE


def test_odd_bytes_do_not_shift_what_follows(book: Phrasebook) -> None:
    said = book.register_speech(PRICE)
    cutter, ear = BlockCutter("mulaw", 8000), Ear(book)

    blocks = cutter.cut(b"\xff" * 33)
    for frame in frames(said.ulaw):
        blocks += cutter.cut(frame)
    for block in blocks:
        ear.hear(block)

    assert " ".join(word.text for word in ear.words()) == PRICE


def test_another_sample_rate_is_heard_but_not_understood(book: Phrasebook) -> None:
    cutter, ear = BlockCutter("linear16", 16000), Ear(book)
    for block in cutter.cut(audioop.ulaw2lin(strange(800), 2)):
        assert len(block) == 160
        assert ear.hear(block)
    assert [word.text for word in ear.words()] == [UNINTELLIGIBLE]
