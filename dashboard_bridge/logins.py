"""People with a login of their own: what they are is asked of the shops' members, and not for long remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from agent.errors import AccessError, StoreError
from agent.login_tokens import LoginTokens
from agent.model import Role
from agent.ports import Clock, Members
from agent.settings import Settings
from dashboard_bridge.visitor import Visitor

REMEMBERED = timedelta(seconds=30)
"""So soon does somebody whose membership has ended see nothing more of new requests."""
MAX_REMEMBERED = 10_000


class Logins:
    """From a login's token, or the cookie it was traded for, to what its owner may see."""

    def __init__(self, tokens: LoginTokens, members: Members, clock: Clock) -> None:
        self._tokens = tokens
        self._members = members
        self._clock = clock
        self._roles: OrderedDict[str, tuple[datetime, dict[int, Role]]] = OrderedDict()

    async def visitor(self, token: str) -> Visitor:
        """Whose token it is. Raises AccessError token_refused, token_expired, keys_unavailable, not_a_member,
        members_unavailable."""
        login = await self._tokens.check(token)
        self._roles.pop(login.user_id, None)  # who logs in is looked up anew
        return await self.member(login.user_id, login.name, login.until)

    async def member(self, user_id: str, name: str, until: datetime) -> Visitor:
        """Somebody who is known already. Raises AccessError not_a_member, members_unavailable."""
        roles = await self._roles_of(user_id)
        if not roles:
            raise AccessError("not_a_member", "This login belongs to no shop.")
        return Visitor(name, roles, user_id, until)

    async def _roles_of(self, user_id: str) -> dict[int, Role]:
        known = self._roles.get(user_id)
        if known is not None and self._clock() - known[0] < REMEMBERED:
            return known[1]
        try:
            roles = await self._members.roles_of(user_id)
        except StoreError as why:
            raise AccessError("members_unavailable", "Who belongs to which shop cannot be read just now.") from why
        self._roles[user_id] = self._clock(), roles
        self._roles.move_to_end(user_id)
        while len(self._roles) > MAX_REMEMBERED:
            self._roles.popitem(last=False)
        return roles


@asynccontextmanager
async def open_logins(settings: Settings, members: Members | None, clock: Clock) -> AsyncGenerator[Logins | None]:
    """None where people have no logins of their own."""
    tokens = LoginTokens.of(settings, clock)
    if tokens is None or members is None:
        yield None
        return
    async with tokens:
        yield Logins(tokens, members, clock)
