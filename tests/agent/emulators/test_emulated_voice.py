"""The voice, telephone audio and files."""

import audioop
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.emulators.audio import (
    FRAME,
    AudioFileError,
    duration_ms,
    frames,
    is_voiced,
    load_wav,
    noise,
    resample,
    silence,
)
from agent.emulators.dictation import dictate
from agent.emulators.voice import speak

SENTENCE = "How much is a balayage, please?"


def wav(path: Path, fmt: tuple[int, int, int, int], data: bytes) -> Path:
    tag, channels, rate, width = fmt
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, 8 * width)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"LIST\x02\x00\x00\x00ab"
    body += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def test_speech_is_whole_frames_with_voice_at_both_ends() -> None:
    blocks = frames(speak(SENTENCE).ulaw)

    assert len(speak(SENTENCE).ulaw) == len(blocks) * FRAME
    assert is_voiced(blocks[0])
    assert is_voiced(blocks[-1])


def test_every_word_has_its_time_and_time_never_runs_back() -> None:
    text = "It costs $180 at 3:30 - ok? Thanks, Dr. Müller's naïve café."
    speech = speak(text)

    assert [word.text for word in speech.words] == text.split()
    starts = [word.start_ms for word in speech.words]
    assert starts == sorted(starts)
    assert starts[0] < 100
    assert speech.words[-1].end_ms == duration_ms(speech.ulaw)
    assert all(word.start_ms < duration_ms(speech.ulaw) for word in speech.words)


def test_longer_words_take_longer() -> None:
    a, balayage = speak(SENTENCE).words[3:5]
    assert balayage.end_ms - balayage.start_ms > a.end_ms - a.start_ms


def test_pauses_can_be_shortened_and_the_words_move_with_them() -> None:
    text = "Yes, that works. My name is Anna."
    slow, quick = speak(text), speak(text, max_pause_ms=60)

    gained = duration_ms(slow.ulaw) - duration_ms(quick.ulaw)
    assert gained > 100
    assert quick.words[-1].end_ms == slow.words[-1].end_ms - gained
    longest = max(len(run) for run in "".join("v" if is_voiced(f) else "." for f in frames(quick.ulaw)).split("v"))
    assert longest <= 3


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(ValueError, match="no voice 'klingonese'"):
        speak("Hello.", voice="klingonese")


def test_a_cough_is_loud_and_the_line_is_not() -> None:
    assert all(is_voiced(frame) for frame in frames(noise("cough", 300)))
    assert not any(is_voiced(frame) for frame in frames(noise("line", 300)))
    assert noise("line", 40) != silence(40)


def test_silence_is_whole_frames() -> None:
    assert len(silence(50)) == 3 * FRAME
    assert not is_voiced(silence(20))


@pytest.mark.parametrize(
    ("tag", "channels", "rate", "width"),
    [(1, 1, 8000, 2), (1, 2, 16000, 2), (1, 1, 22050, 1), (1, 1, 44100, 3), (6, 1, 8000, 1), (7, 1, 8000, 1)],
)
def test_wav_files_of_many_kinds_become_mulaw(tmp_path: Path, tag: int, channels: int, rate: int, width: int) -> None:
    speech = speak(SENTENCE).ulaw
    pcm = resample(audioop.ulaw2lin(speech, 2), 8000, rate)
    pcm = audioop.tostereo(pcm, 2, 1, 1) if channels == 2 else pcm
    encoded = {1: audioop.lin2lin(pcm, 2, width), 6: audioop.lin2alaw(pcm, 2), 7: speech}[tag]
    encoded = audioop.bias(encoded, 1, 128) if (tag, width) == (1, 1) else encoded

    heard = load_wav(wav(tmp_path / "clip.wav", (tag, channels, rate, width), encoded))

    assert duration_ms(heard) == pytest.approx(duration_ms(speech), abs=2)
    assert audioop.rms(audioop.ulaw2lin(heard, 2), 2) == pytest.approx(
        audioop.rms(audioop.ulaw2lin(speech, 2), 2), rel=0.1
    )


def test_headerless_mulaw_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "clip.ulaw").write_bytes(b"\x12\x34")
    assert load_wav(tmp_path / "clip.ulaw") == b"\x12\x34"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"ID3 not a wav", "not a WAV"),
        (b"RIFF\x04\x00\x00\x00WAVE", "without format"),
        (None, "No such file"),
    ],
)
def test_what_is_no_audio_is_refused_with_its_name(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "clip.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=rf"clip\.wav: .*{why}"):
        load_wav(path)


def test_an_odd_wav_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="WAV format 85"):
        load_wav(wav(tmp_path / "clip.wav", (85, 1, 8000, 1), b"\0\0"))


def test_dictation_hears_words_with_times() -> None:
    words = dictate(speak("seven").ulaw + silence(200))
    assert words
    assert all(word.start_ms < word.end_ms for word in words)


def test_the_same_words_are_the_same_bytes_in_every_process_whatever_was_said_before():
    words, voice = "Sixty six, please.", "en-us+f3"  # of the voices, one that breathes
    code = (
        "from agent.emulators.voice import speak\n"
        "import sys\n"
        "speak('Something else first.', voice='en-us+m3')\n"
        f"sys.stdout.buffer.write(speak({words!r}, voice={voice!r}).ulaw)"
    )
    time.sleep(1.1)  # espeak-ng's own seed is the second it is
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)  # noqa: S603
    assert elsewhere.stdout == speak(words, voice=voice).ulaw
