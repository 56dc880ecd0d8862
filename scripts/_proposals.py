"""What a website says anew of a shop, and the word said to it: straight on the store or through a server."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from _found import show_proposal, write_json
from _site import Server
from pydantic import ValidationError

from agent.bus.local import LocalBus
from agent.errors import NotFound
from agent.knowledge.approval import ADMIN, Approval, Decided, Verdicts
from agent.model import Proposal
from agent.settings import Settings
from agent.stores.choice import open_store


class Desk(Protocol):
    """Where proposals are: `Approval`, or a server that has one."""

    async def open_proposal(self, location_id: int) -> Proposal | None: ...
    async def decide(self, location_id: int, proposal_id: str, verdicts: Verdicts, *, by: str) -> Decided: ...


class ServerDesk:
    """The proposals of a running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def open_proposal(self, location_id: int) -> Proposal | None:
        """As `Approval.open_proposal`. Raises AccessError, SetupError."""
        answer = await self._server.ask("GET", f"/shop/{location_id}/proposals")
        try:
            told = answer["proposal"]
            return None if told is None else Proposal.model_validate(told)
        except (KeyError, ValidationError) as why:
            raise self._server.odd() from why

    async def decide(self, location_id: int, proposal_id: str, verdicts: Verdicts, *, by: str) -> Decided:  # noqa: ARG002 - the server knows who asks
        """As `Approval.decide`. Raises AccessError, SetupError."""
        body: dict[str, Any] = verdicts.model_dump(mode="json")
        answer = await self._server.ask("POST", f"/shop/{location_id}/proposals/{proposal_id}", body)
        try:
            return Decided.model_validate(answer)
        except ValidationError as why:
            raise self._server.odd() from why


async def show_or_decide(location_id: int, arguments: argparse.Namespace, settings: Settings) -> None:
    """Show the open proposal, or say to it what the arguments say. Raises ChairsideError; then nothing is stored."""
    verdicts = Verdicts(approve=_ids(arguments.approve), reject=_ids(arguments.reject))
    async with _desk(arguments.server, settings) as desk:
        proposal = await desk.open_proposal(location_id)
        if arguments.json is not None:
            write_json({"proposal": proposal and proposal.model_dump(mode="json")}, arguments.json)
        elif arguments.approve is None and arguments.reject is None:
            _show(location_id, proposal)
        elif proposal is None:
            raise NotFound("proposal_unknown", f"Location {location_id} has no open proposal.")
        else:
            decided = await desk.decide(location_id, proposal.id, verdicts, by=ADMIN)
            show_proposal(decided.proposal)
            left = len(decided.proposal.undecided)
            print(f"Location {location_id}: version {decided.version}; {left} left to decide.")


def _show(location_id: int, proposal: Proposal | None) -> None:
    if proposal is None:
        print(f"Location {location_id}: nothing is proposed.")
        return
    show_proposal(proposal)
    print(
        f"Say --approve or --reject with the names in the first column, or all: --proposals {location_id} --approve all"
    )


def _ids(given: Sequence[str] | None) -> tuple[str, ...] | Literal["all"]:
    return "all" if given == ["all"] else tuple(given or ())


@asynccontextmanager
async def _desk(server_url: str | None, settings: Settings) -> AsyncGenerator[Desk]:
    if server_url:
        async with Server.at(server_url, settings.admin_token.get_secret_value()) as server:
            yield ServerDesk(server)
    else:
        async with open_store(settings) as store:  # nobody listens here; a running server looks into it by itself
            yield Approval(store, LocalBus(), clock=lambda: datetime.now(UTC))
