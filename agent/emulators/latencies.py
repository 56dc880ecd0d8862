"""How fast the emulated vendors are. All in milliseconds; measured or documented values are the defaults."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Speeds(BaseModel):
    """Frozen; a scenario may set some fields and keep the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DeepgramLatencies(Speeds):
    """Flux counts silence in the audio it receives, then needs `flux_result_ms` more for each message."""

    connect_ms: float = 0
    interim_every_ms: float = 300
    interim_ms: float = 150
    endpoint_ms: float = 250
    """End of voice to the final result; a longer `endpointing=` in the query makes it longer."""
    finalize_ms: float = 60
    idle_close_ms: float = 12_000
    """Nova closes a connection that sends neither audio nor text for this long."""
    flux_start_ms: float = 160
    flux_update_every_ms: float = 250
    flux_eager_ms: float = 160
    flux_end_ms: float = 400
    flux_result_ms: float = 120


class OpenAILatencies(Speeds):
    """Time to the first token, then a steady stream."""

    ttft_ms: float = 350
    tokens_per_s: float = Field(default=60, gt=0)


class CartesiaLatencies(Speeds):
    """Time to the first audio of a context, then faster than it plays."""

    connect_ms: float = 0
    first_chunk_ms: float = 90
    speed: float = Field(default=8, gt=0)
    """Seconds of audio sent in a second."""
    chunk_ms: int = Field(default=100, gt=0)


class Latencies(Speeds):
    """Every vendor's."""

    deepgram: DeepgramLatencies = DeepgramLatencies()
    openai: OpenAILatencies = OpenAILatencies()
    cartesia: CartesiaLatencies = CartesiaLatencies()
