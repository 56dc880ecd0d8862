"""Somebody who was let in: their name, and what they may see and do in which shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, get_args

from starlette.requests import HTTPConnection
from starlette.responses import Response

from agent.model import Act, Role

_LOOKING: frozenset[Act] = frozenset({"listen", "unlisten"})
_ACTING: frozenset[Act] = frozenset(get_args(Act))
ACTS: dict[Role, frozenset[Act]] = {"viewer": _LOOKING, "operator": _ACTING, "owner": _ACTING}


@dataclass(frozen=True)
class Visitor:
    """`roles` is one role for every shop, or a role for each shop they may see."""

    name: str
    roles: Role | Mapping[int, Role]
    user_id: str = ""
    """Of a login; empty for the tokens of the house."""
    until: datetime | None = None
    """When their papers end, and have to be shown anew."""

    @property
    def locations(self) -> frozenset[int] | None:
        """The shops they may see; None means all, also those that come later."""
        return None if isinstance(self.roles, str) else frozenset(self.roles)

    def sees(self, location_id: int) -> bool:
        return self.locations is None or location_id in self.locations

    def may(self, act: Act, location_id: int) -> bool:
        """Whether their role in that shop allows an act."""
        role = self.role_in(location_id)
        return role is not None and act in ACTS[role]

    def role_in(self, location_id: int) -> Role | None:
        """What they are in that shop; None when they may not see it."""
        return self.roles if isinstance(self.roles, str) else self.roles.get(location_id)

    def owns(self, location_id: int) -> bool:
        return self.role_in(location_id) == "owner"

    @property
    def owns_any(self) -> bool:
        return self.roles == "owner" if isinstance(self.roles, str) else "owner" in self.roles.values()


class Doorkeeper(Protocol):
    """Who lets visitors in; `dashboard_bridge.door.Door` is the one of the house."""

    async def admits(self, visitor: HTTPConnection) -> Visitor | None:
        """Who comes, by the head of their request or socket; None without papers. Raises AccessError for wrong ones."""
        ...

    async def check_token(self, token: str) -> Visitor:
        """Whose token it is. Raises AccessError."""
        ...

    def hand_out_cookie(self, asking: HTTPConnection, response: Response, visitor: Visitor) -> None:
        """Put a fresh cookie for this visitor on a response."""
        ...

    def check_origin(self, visitor: HTTPConnection) -> None:
        """Raises AccessError origin_refused for what a page of another site sends."""
        ...

    def take_back_cookie(self, response: Response) -> None:
        """Have the browser forget its cookie."""
        ...
