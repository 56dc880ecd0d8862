"""What the bridge counts: everything it refused, gave up, or could not do."""

from __future__ import annotations

from collections import Counter

COUNTED = {
    "partials_coalesced": "Half-said words that newer ones took the place of before they were sent.",
    "partials_shed": "Half-said words dropped because a plain feed's queue was full.",
    "metrics_shed": "Metrics, bookings and vendors that newer ones took the place of before they were sent.",
    "audio_shed": "Stretches of sound dropped because a browser did not take them in time.",
    "audio_refused": "Stretches of an operator's sound that no call took.",
    "overflowed": "Queues that were full: the browser got a snapshot, or was closed on the plain feed.",
    "resynced": "Snapshots that browsers asked for.",
    "stuck": "Browsers closed because one send did not go through.",
    "oversized": "Commands larger than allowed.",
    "malformed": "Commands that could not be read, or not be followed.",
    "refused": "Visitors without good papers.",
    "flooded": "Sockets turned away because too many were open.",
    "acts": "Acts that were carried out.",
    "acts_refused": "Acts that were not.",
    "store_failures": "Reads that a store did not answer.",
    "events_failed": "Events the dashboards could not be told of.",
}
"""Each counter and what it means, for `GET /metrics`."""


def new_counters() -> Counter[str]:
    """All of them, at zero."""
    return Counter(dict.fromkeys(COUNTED, 0))
