"""Twilio's own signature vectors, and forms as Twilio posted them."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from house import PLUMERIA, House
from twilio.request_validator import RequestValidator

from agent.telephony.forms import Form
from agent.telephony.twilio import Signatures

WIRE = Path(os.environ["CHAIRSIDE_FIXTURES"]) / "traces" / "twilio"
VECTORS: dict[str, Any] = json.loads((WIRE / "signature_vectors.json").read_text())
FORMS: list[str] = [at["form"] for at in json.loads((WIRE / "webhook_forms.json").read_text()) if "form" in at]


def is_good(url: str, pairs: list[tuple[str, str]], signature: str) -> bool:
    """Whether a house at that host takes the signature for that path and form."""
    parts = urlsplit(url)
    signatures = Signatures(VECTORS["auth_token"], f"{parts.scheme}://{parts.netloc}")
    return signatures.is_good(f"{parts.path}?{parts.query}", Form(urlencode(pairs)), signature)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector.get("note", vector["url"]))
def test_a_signature_vector_is_good_for_its_form_alone(vector: dict[str, Any]):
    pairs = list(VECTORS["params"].items())
    assert is_good(vector["url"], pairs, vector["signature"])
    assert not is_good(vector["url"], [*pairs, ("More", "1")], vector["signature"])


def test_fields_that_come_twice_are_signed_as_twilio_does():
    twice = VECTORS["duplicate_params"]
    assert is_good(twice["url"], [(name, value) for name, value in twice["pairs"]], twice["signature"])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("recorded", FORMS, ids=range(len(FORMS)))
@pytest.mark.parametrize(
    "path", ["/voice", "/voice/status", "/voice/after", "/voice/recording", "/voice/recording/stored"]
)
async def test_a_recorded_form_is_read_as_it_was_signed(house: House, path: str, recorded: str):
    pairs = [(k, PLUMERIA.phone_number if k == "To" else v) for k, v in parse_qsl(recorded, keep_blank_values=True)]
    signature = RequestValidator(house.stage.twilio.auth_token).compute_signature(
        "https://chairside.test" + path, dict(pairs)
    )
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    async with house.caller.session.post(house.url + path, data=urlencode(pairs), headers=headers) as answer:
        assert answer.status in (200, 204)
