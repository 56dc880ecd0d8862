"""Everything that can go wrong, by stage. What a caller hears is chosen by `code`, never by message."""

from __future__ import annotations

from collections.abc import Iterable


class ChairsideError(Exception):
    """A failure with a stable `code` (for machines and metrics) and a `message` (one sentence for people)."""

    stage = "chairside"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"[{self.stage}/{self.code}] {self.message}"


class SettingsError(ChairsideError):
    """The process cannot start as configured; `problems` names every setting that is missing or wrong."""

    stage = "settings"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("settings_invalid", "Chairside cannot start: " + "; ".join(problems))
        self.problems = problems


class ShopFileError(ChairsideError):
    """A shop file was refused whole; `problems` holds one `path: what is wrong` line each."""

    stage = "knowledge"

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__("shop_file_invalid", f"{source}: " + "; ".join(problems))
        self.problems = problems


class ShopInvalid(ChairsideError):
    """A shop cannot be what it was to be changed to; `fields` holds the place and the fault of each mistake."""

    stage = "knowledge"

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self.fields = tuple(fields)
        super().__init__("shop_invalid", "; ".join(f"{place}: {fault}" for place, fault in self.fields))


class ScrapeError(ChairsideError):
    """A website, or one page of it, could not be fetched or is not what a shop's page is."""

    stage = "scrape"


class SetupError(ChairsideError):
    """A shop could not be set up as asked."""

    stage = "setup"


class StoreError(ChairsideError):
    """A store could not do what was asked."""

    stage = "store"


class Conflict(StoreError):
    """The write contradicts what is already stored (a phone number of another shop, for example)."""


class NotFound(StoreError):
    """What was named is not stored for this location."""


class Denied(StoreError):
    """The store refused the credentials or the row."""


class Unavailable(StoreError):
    """The store cannot be reached now; nothing is known about the write."""


class Unreadable(StoreError):
    """What is stored for a location is not a shop this Chairside can read; `version` is the stored one's."""

    def __init__(self, location_id: int, version: int) -> None:
        message = f"What is stored for location {location_id} is not a shop this Chairside can read."
        super().__init__("stored_shop_unreadable", message)
        self.location_id = location_id
        self.version = version


class AccessError(ChairsideError):
    """Somebody asked for what they may not have: tickets, tokens, signatures."""

    stage = "access"


class TelephonyError(ChairsideError):
    """The phone company refused or could not be reached."""

    stage = "telephony"


class OutcomeUnknown(TelephonyError):
    """No answer tells whether it was done: look before doing it again."""


class TooManyRequests(TelephonyError):
    """It was not done, because too much was asked for; `retry_after_s` when they said how long to wait."""

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class TextRefused(TelephonyError):
    """A text that will be refused however often it is tried. Codes: text_stopped (the customer has opted out),
    text_number_invalid, else `twilio_` and the number of Twilio's error."""


class VendorError(ChairsideError):
    """A speech or language vendor failed; `vendor` says which."""

    stage = "vendor"

    def __init__(self, vendor: str, code: str, message: str) -> None:
        super().__init__(code, message)
        self.vendor = vendor
