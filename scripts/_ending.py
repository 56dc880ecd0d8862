"""How a scene is to end: what a scene file says under `expect`, and what is found in the book afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from _account import BookingAccount, CallAccount
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agent.emulators.scenario import Scenario, ScenarioError
from agent.model import WEEKDAYS


class ExpectedRow(BaseModel):
    """An appointment as it has to stand in the book."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    staff: str
    at: Annotated[str, StringConstraints(pattern=r"^(mon|tue|wed|thu|fri|sat|sun) \d\d:\d\d$")]
    """Weekday and time of day of the shop."""
    name: str
    state: Literal["booked", "cancelled"]

    def fits(self, row: BookingAccount) -> bool:
        """Whether a row is this one, as it should be."""
        at = f"{WEEKDAYS[row.starts.weekday()]} {row.starts:%H:%M}"
        found = (row.service, row.staff, at, row.customer_name, row.state)
        return found == (self.service, self.staff, self.at, self.name, self.state)

    def __str__(self) -> str:
        return f"{self.service} with {self.staff}, {self.at}, {self.name}, {self.state}"


class Ending(BaseModel):
    """`expect` of a scene of the demo."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: int = Field(default=1, ge=1)
    """Acts follow one another: callers of the second know what came of the first."""
    at_once: bool = False
    """This caller rings at the same moment as the one before."""
    outcome: str = ""
    """What the call has to come to (CallSummarised); empty: anything."""
    row: ExpectedRow | None = None
    inside: str = ""
    """The scene within whose appointment, with the same person, this one's has to lie."""


def ending_of(scene: Scenario) -> Ending:
    """Raises ScenarioError."""
    try:
        return Ending.model_validate(scene.expect)
    except ValidationError as why:
        problems = [f"expect.{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in why.errors()]
        raise ScenarioError(scene.name, problems) from why


def check_endings(scenes: Sequence[Scenario]) -> None:
    """Whether every `expect` can be read and names scenes there are. Raises ScenarioError."""
    names = {scene.name for scene in scenes}
    for scene in scenes:
        inside = ending_of(scene).inside
        if inside and inside not in names:
            raise ScenarioError(scene.name, [f"expect.inside: there is no scene {inside!r}"])


def missed_endings(
    scenes: Mapping[str, Scenario], calls: Sequence[CallAccount], book: Sequence[BookingAccount]
) -> list[str]:
    """What did not end as it should, a sentence each. `scenes` by name; of a later call the row may have changed."""
    last = {str(row) for call in calls if (row := ending_of(scenes[call.scene]).row) and row.state == "cancelled"}
    problems: list[str] = []
    for call in calls:
        ending = ending_of(scenes[call.scene])
        name = f"call {call.call_sid} ({call.scene})"
        if ending.outcome and call.outcome != ending.outcome:
            problems.append(f"{name} came to {call.outcome or 'nothing'}, not {ending.outcome}")
        if ending.row is None or _cancelled(ending.row) in last - {str(ending.row)}:
            continue
        row = _find(ending.row, book)
        if row is None:
            problems.append(f"{name}: the book does not hold: {ending.row}")
        elif ending.inside and not _lies_inside(row, ending_of(scenes[ending.inside]).row, book):
            problems.append(f"{name}: its appointment does not lie within that of {ending.inside!r}")
    return problems


def _cancelled(row: ExpectedRow) -> str:
    return str(row.model_copy(update={"state": "cancelled"}))


def _find(wanted: ExpectedRow, book: Sequence[BookingAccount]) -> BookingAccount | None:
    return next((row for row in book if wanted.fits(row)), None)


def _lies_inside(row: BookingAccount, around: ExpectedRow | None, book: Sequence[BookingAccount]) -> bool:
    outer = _find(around, book) if around else None
    return outer is not None and outer.staff == row.staff and outer.starts <= row.starts <= row.ends <= outer.ends
