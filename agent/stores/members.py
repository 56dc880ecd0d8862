"""What both stores ask of a member."""

from __future__ import annotations

from agent.errors import Conflict
from agent.stores.booking_forms import known_id


def require_user(user_id: str) -> str:
    """The id as stored. Raises Conflict user_invalid for what is no UUID."""
    known = known_id(user_id)
    if known is None:
        raise Conflict("user_invalid", f"{user_id[:60]!r} is not the id of a login (a UUID).")
    return known
