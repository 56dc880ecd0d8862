"""A scene played in an open house, and the account of it."""

from __future__ import annotations

from _account import CallAccount, error_of, greeting_of, read_back, turns_of
from _house import Backstage
from _ops_client import Operator

from agent.emulators.scenario import Scenario
from agent.emulators.theatre import Theatre
from agent.stores.embedded import EmbeddedStore

OVER_S = 10.0


class Performance:
    """The open house: puts a call through and gives account of it."""

    def __init__(self, theatre: Theatre, backstage: Backstage, operator: Operator) -> None:
        self._theatre, self._backstage, self._operator = theatre, backstage, operator

    async def call(self, scene: Scenario) -> CallAccount:
        """Play a scene to its end."""
        report = await self._theatre.caller.call(scene)
        await self._operator.call_over(report.call_sid, OVER_S)
        path = self._theatre.settings.database_path
        async with EmbeddedStore.open(path) as store:
            location_id = await store.get_location_from_phone_number(scene.to)
        record, stored = await read_back(path, location_id or 0, report.call_sid)
        finals = self._operator.finals[report.call_sid]
        return CallAccount(
            call_sid=report.call_sid,
            location_id=location_id,
            scene=scene.name,
            greeting_ms=greeting_of(report),
            turns=turns_of(finals, report.exchanges),
            tools=tuple(self._backstage.tools[report.call_sid]),
            end_reason=record.end_reason if record else None,
            ops_transcripts=len(finals),
            stored_turns=stored,
            error=error_of(report),
            outcome=self._backstage.outcomes.get(report.call_sid),
        )
