"""How the vendors are doing, as far as the calls of the last minute tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, get_args

from agent.events import AnyEvent, VendorDegraded
from dashboard_bridge.call_state import Wire

WINDOW = timedelta(seconds=60)
DOWN_FROM = 3
"""Calls within the window that a vendor failed in; a single one may have been a hiccup of its own."""

Vendor = Literal["deepgram", "openai", "cartesia", "twilio", "store"]
VendorState = Literal["ok", "degraded", "down"]
VENDORS: dict[str, Vendor] = {vendor: vendor for vendor in get_args(Vendor)}


class VendorsData(Wire):
    deepgram: VendorState = "ok"
    openai: VendorState = "ok"
    cartesia: VendorState = "ok"
    twilio: VendorState = "ok"
    store: VendorState = "ok"


class VendorBoard:
    """Remembers, for each vendor, which calls it failed in and when last."""

    def __init__(self) -> None:
        self._failed: dict[Vendor, dict[str, datetime]] = {vendor: {} for vendor in VENDORS.values()}

    def note(self, event: AnyEvent) -> None:
        """Learn from an event; vendors of other names are none of those shown."""
        if isinstance(event, VendorDegraded) and event.vendor in VENDORS:
            self.failed(VENDORS[event.vendor], event.call_sid, event.at)

    def failed(self, vendor: Vendor, where: str, at: datetime) -> None:
        """A vendor failed in a call, or in reading something of ours: `where` tells one failure from another."""
        self._failed[vendor][where] = at

    def states(self, now: datetime) -> VendorsData:
        """As things stand; failures older than the window are forgotten."""
        states: dict[str, VendorState] = {}
        for vendor, calls in self._failed.items():
            recent = {where: at for where, at in calls.items() if now - at < WINDOW}
            self._failed[vendor] = recent
            states[vendor] = "down" if len(recent) >= DOWN_FROM else "degraded" if recent else "ok"
        return VendorsData.model_validate(states)
