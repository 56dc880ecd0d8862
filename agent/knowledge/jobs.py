"""Setting a shop up takes a while: what was asked, and how far it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from agent.knowledge.extract.facts import SecondReading
from agent.knowledge.extract.missing import OpenQuestion
from agent.knowledge.owner import OwnerFacts
from agent.model import LocationId, Model, Name, PhoneNumber, Proposal, ZoneName

JobState = Literal["queued", "fetching", "reading", "storing", "done", "failed"]
Outcome = Literal["stored", "unchanged", "proposed"]


class SetupRequest(Model):
    """Set this shop up from this website. Everything in here is the admin's word and stands above the site's."""

    location_id: LocationId
    phone_number: PhoneNumber
    website_url: Annotated[str, Field(min_length=1, max_length=2_000)]
    business_name: Name
    timezone: ZoneName | None = None
    """Where the phone number does not tell it."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Where the website does not tell it."""
    accept_changes: bool = False
    """For a shop that is set up already: take what the site says now, instead of proposing it."""
    owner: OwnerFacts | None = None
    """What the website cannot know or leaves open. Without it, what was said before stands."""


class Problem(Model):
    """What went wrong: `code` for machines, `message` for people."""

    code: str
    message: str
    kind: str = ""
    """The class of error it was (`Conflict`, `ScrapeError`)."""


class MissingPage(Model):
    """A page that was wanted and could not be read, and why."""

    url: str
    code: str
    message: str


class Job(Model):
    """How far a set-up is; a snapshot, which never changes. Once `done` or `failed` it is over."""

    id: str
    request: SetupRequest
    state: JobState = "queued"
    pages_read: int = 0
    pages_wanted: int = 0
    error: Problem | None = None
    """Set when `failed`. Then nothing was stored."""
    outcome: Outcome | None = None
    """Set when `done`: stored, nothing new, or a proposal to approve."""
    version: int | None = None
    """Of the shop as it is stored now, when `done`."""
    proposal: Proposal | None = None
    missing: tuple[MissingPage, ...] = ()
    questions: tuple[OpenQuestion, ...] = ()
    """What neither the website nor the owner has said and a booking needs, when `done`."""
    second_reading: SecondReading | None = None
    """What became of asking a language model; None: it was not asked."""
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None

    @property
    def location_id(self) -> int:
        return self.request.location_id

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed")
