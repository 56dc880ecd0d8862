"""The caller's sound reaches Flux in packets that end where a voice begins or ends."""

from __future__ import annotations

from pipecat.frames.frames import InputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection

from agent.pipelines.hearing import DeepgramOnLine

BLOCK = b"\0" * 320


class Listening(DeepgramOnLine):
    """Keeps what would go to the vendor."""

    def __init__(self) -> None:
        super().__init__(api_key="none")
        self.packets_ms: list[int] = []

    async def process_audio_frame(self, frame: InputAudioRawFrame, direction: FrameDirection) -> None:  # noqa: ARG002
        self.packets_ms.append(len(frame.audio) // 16)


async def heard(voices: str) -> list[int]:
    """Lengths of the packets of blocks that are voiced (v) or not (.)."""
    service = Listening()
    for voice in voices:
        await service.hear(BLOCK, sample_rate=8000, voiced=voice == "v")
    return service.packets_ms


async def test_silence_and_voice_go_in_packets_of_eighty_ms():
    assert await heard("........") == [80, 80]
    assert await heard("vvvvvvvv") == [80, 80]


async def test_a_voice_does_not_wait_for_the_silence_before_it_nor_silence_for_the_voice():
    assert await heard("..vvvvv....") == [40, 80, 20, 80]
