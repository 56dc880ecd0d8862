"""What a request may read and write, by who sends it. Refusals are AccessErrors, or NotFound for shops not theirs."""

from __future__ import annotations

from loguru import logger
from starlette.requests import Request

from agent.errors import AccessError, NotFound
from dashboard_bridge.visitor import Doorkeeper, Visitor


class Rights:
    """Asked by every route before anything is read. Also the desk of the routes that set shops up."""

    def __init__(self, door: Doorkeeper) -> None:
        self._door = door

    async def visitor(self, request: Request) -> Visitor:
        """Who asks. Raises AccessError token_missing, token_refused, origin_refused."""
        visitor = await self._door.admits(request)
        if visitor is None:
            raise AccessError("token_missing", "Send a token as `Authorization: Bearer …`, or log in.")
        return visitor

    async def check_all(self, request: Request) -> None:
        """For what is not told shop by shop. Raises AccessError not_allowed for who does not see every shop."""
        if (await self.visitor(request)).locations is not None:
            raise AccessError("not_allowed", "This takes OPERATOR_TOKEN or ADMIN_TOKEN.")

    async def check_read(self, request: Request, location_id: int | None) -> str:
        """The name of who asks to read of a shop; None is none in particular. Raises NotFound location_unknown too."""
        visitor = await self.visitor(request)
        if location_id is not None and not visitor.sees(location_id):
            raise unknown(location_id)
        return visitor.name

    async def check_owner(self, request: Request, location_id: int) -> str:
        """The name of who asks to change a shop. Raises AccessError not_allowed, NotFound location_unknown too."""
        visitor = await self.visitor(request)
        if not visitor.sees(location_id):
            raise unknown(location_id)
        return _required(visitor.name, visitor.owns(location_id))

    async def check_write(self, request: Request, location_id: int | None) -> str:
        """As `check_owner`; None is any shop of theirs. Of a token that is good for less, token_refused is said."""
        try:
            if location_id is not None:
                return await self.check_owner(request, location_id)
            visitor = await self.visitor(request)
            return _required(visitor.name, visitor.owns_any)
        except AccessError as why:
            if why.code == "not_allowed" and "authorization" in request.headers:
                raise AccessError("token_refused", why.message) from why
            raise


def _required(name: str, is_owner: bool) -> str:
    if not is_owner:
        raise AccessError("not_allowed", "This takes the owner of the shop, or ADMIN_TOKEN.")
    return name


def audit(who: str, what: str, location_id: int, detail: str = "") -> None:
    """Write down who changed what of which shop."""
    logger.info("audit: {} {} of location {} {}", who, what, location_id, detail)


def unknown(location_id: object) -> NotFound:
    """A shop that is not, or not for whoever asks."""
    return NotFound("location_unknown", f"There is no shop with location {str(location_id)[:40]}.")
