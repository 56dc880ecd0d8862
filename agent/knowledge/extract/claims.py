"""What a language model says of a page, in the form it must answer in. Claims, not facts: `proof.py` decides.

No value is taken from the model where the page has words for it: it points at words, and our own rules read them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PolicyKind = Literal[
    "cancellation", "deposit", "late_arrival", "no_show", "patch_test", "children", "refund", "payment"
]


class Claim(BaseModel):
    """Every field is asked for: the strict form of structured answers knows no optional ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quote: str = Field(description="The words on the page that say all of this, copied exactly, in one piece.")


class ServiceClaim(Claim):
    name: str = Field(description="As it stands in the quote.")
    price_text: str = Field(description="The price as it stands in the quote, with its sign; empty when none is told.")
    duration_text: str = Field(description="The length of time as it stands in the quote; empty when none is told.")


class PersonClaim(Claim):
    name: str = Field(description="As it stands in the quote.")
    role: str = Field(description="As it stands in the quote; empty when none is told.")


class FaqClaim(Claim):
    question: str = Field(description="As it stands in the quote.")
    answer: str = Field(description="As it stands in the quote, after the question.")


class HoursClaim(Claim):
    """Days and times are read from the quote."""


class PolicyClaim(Claim):
    """The quote is the rule."""

    kind: PolicyKind


class Claims(BaseModel):
    """All that a model claims of one page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    services: list[ServiceClaim]
    people: list[PersonClaim]
    faq: list[FaqClaim]
    hours: list[HoursClaim]
    policies: list[PolicyClaim]
