"""What a tape is of, and under which circumstances it was made."""

from __future__ import annotations

import asyncio
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import AwareDatetime

from agent.model import Caller, Model, Shop
from agent.settings import Settings

FORMAT = 1
"""Grows when older readers would misunderstand a tape."""
TAPED_SETTINGS = (
    "stt",
    "flux_model",
    "nova_model",
    "eager_end_of_turn",
    "guess_after_quiet_ms",
    "guess_while_speaking",
    "openai_model",
    "openai_hedge_after_ms",
    "openai_second_model",
    "cartesia_model",
    "cartesia_voice",
    "playout_lead_ms",
    "user_idle_s",
    "max_call_s",
)
"""Those a call's course depends on."""


class MadeBy(Model):
    """Which versions recorded it."""

    chairside: str
    pipecat: str
    loop: str
    """The kind of event loop: on a virtual one all moments are exact, on others a machine's work is in them."""


class Manifest(Model):
    """Written when the call begins."""

    format: int = FORMAT
    made_by: MadeBy
    began_at: AwareDatetime
    """When the media stream began, by the house's clock: time 0 of the tape."""
    loop_s: float
    """The same by the event loop's: a replay begins at the same, so that floating point rounds the same."""
    caller: Caller
    shop: Shop
    """As it was pinned for this call."""
    settings: dict[str, Any]
    settings_sha256: str


class Seal(Model):
    """Written when the call is over: nothing is missing, nothing was changed."""

    duration_s: float
    sha256: dict[str, str]
    """By the name of the file."""


def manifest_of(caller: Caller, shop: Shop, settings: Settings, began_at: AwareDatetime, loop_s: float) -> Manifest:
    """The circumstances of a call that begins now."""
    taped = taped_settings(settings)
    return Manifest(
        made_by=MadeBy(chairside=_version("chairside"), pipecat=_version("pipecat-ai"), loop=_loop()),
        began_at=began_at,
        loop_s=loop_s,
        caller=caller,
        shop=shop,
        settings=taped,
        settings_sha256=digest_of(taped),
    )


def taped_settings(settings: Settings) -> dict[str, Any]:
    """The settings a call's course depends on; no secret is among them."""
    return {name: getattr(settings, name) for name in TAPED_SETTINGS}


def digest_of(settings: dict[str, Any]) -> str:
    """The same for the same settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _loop() -> str:
    return type(asyncio.get_running_loop()).__name__


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
