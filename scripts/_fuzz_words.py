"""What may come to the doors, right and wrong: strategies of Hypothesis for sockets, a description for requests."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

from hypothesis import strategies as st

from agent.model import Act

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
NUMBERS = ("+18084826296", "+442079460123", "+12025550143", "anonymous", "", "+266696687")


def shaped(
    required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[Any]:
    """Objects with these fields, and some of those."""
    return st.fixed_dictionaries(required, optional=optional or {})


def _written(value: object) -> str:
    # Text on a socket is UTF-8, so a lone surrogate travels escaped.
    return json.dumps(value)


def _message(event: str, inner: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    inside = shaped({}, {at: of | ANYTHING for at, of in fields.items()}) | ANYTHING
    return shaped({"event": st.just(event)}, {inner: inside, "streamSid": st.just("MZ1")})


AUDIO = st.binary(max_size=400).map(lambda sound: base64.b64encode(sound).decode())
MEDIA_OBJECT = st.one_of(
    _message("media", "media", payload=AUDIO | st.text(max_size=40), track=st.sampled_from(["inbound", "outbound"])),
    _message("mark", "mark", name=st.from_regex(r"\A[0-9]{1,4}:[0-9]{1,8}\Z") | st.text(max_size=20)),
    _message("dtmf", "dtmf", digit=st.sampled_from("0123456789*#") | st.text(max_size=3)),
    _message("start", "start", callSid=st.text(max_size=40), customParameters=ANYTHING),
    _message("connected", "protocol"),
    _message("clear", "clear"),
    ANYTHING,
)
MEDIA: st.SearchStrategy[str | bytes] = st.one_of(
    MEDIA_OBJECT.map(_written),
    st.tuples(MEDIA_OBJECT.map(_written), st.integers(0, 60)).map(lambda cut: cut[0][: cut[1]]),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace").decode()),
    st.binary(max_size=60),
)
"""What comes over a call's socket; never `stop`, which would end the call before the rest."""

TICKET = st.from_regex(r"\A[A-Za-z0-9_-]{1,80}(\.[A-Za-z0-9_-]{1,60})?\Z")
_TICKETS = shaped({}, {"ticket": TICKET | ANYTHING}) | ANYTHING
_SHOWN = shaped({"ticket": TICKET})
_STARTS = st.one_of(
    shaped(
        {"streamSid": st.just("MZ1"), "callSid": st.text(max_size=40), "customParameters": shaped({"ticket": TICKET})}
    ),
    shaped({}, {"streamSid": ANYTHING, "callSid": st.text(max_size=40) | ANYTHING, "customParameters": _TICKETS}),
    ANYTHING,
)
START = shaped({"event": st.just("start"), "start": _STARTS})
FIRST: st.SearchStrategy[str | bytes] = st.one_of(START.map(_written), st.just('{"event":"connected"}'), MEDIA)
"""What strangers begin with."""

SIDS = st.from_regex(r"\ACA[0-9a-f]{32}\Z") | st.text(max_size=70)
ACTS = (*get_args(Act), "unknown")
OPS_OBJECT = st.one_of(
    shaped(
        {"type": st.just("subscribe"), "locations": st.none() | st.lists(st.integers(1, 2), max_size=3) | ANYTHING},
        {"feed": st.sampled_from(["full", "plain"]) | st.none()},
    ),
    shaped({"type": st.just("resync")}, {"call_sid": SIDS | ANYTHING}),
    shaped(
        {"type": st.just("act"), "id": st.text(max_size=70), "act": st.sampled_from(ACTS), "call_sid": SIDS},
        {"text": st.text(max_size=60) | ANYTHING, "to": st.text(max_size=20) | ANYTHING},
    ),
    shaped({"type": st.just("auth")}, {"token": st.text(max_size=60) | ANYTHING}),
    ANYTHING,
)
OPS: st.SearchStrategy[str | bytes] = st.one_of(
    OPS_OBJECT.map(_written),
    st.just('{"type":"subscribe","locations":[1],"feed":"full"}'),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace").decode()),
    st.binary(max_size=80).map(lambda sound: b"\x01" + sound),
    st.binary(max_size=80),
)

TWILIO_DOORS = ("/voice", "/voice/status", "/voice/after", "/voice/recording", "/voice/recording/stored", "/sms")
_NAMES = (
    "CallSid",
    "MessageSid",
    "From",
    "To",
    "Body",
    "CallStatus",
    "DialCallStatus",
    "RecordingSid",
    "RecordingUrl",
    "RecordingDuration",
    "RecordingStatus",
    "OptOutType",
    "tries",
)
_WORDS = ("C", "C1", "C2", "STOP", "START", "completed", "in-progress", "busy", "answered", "0", "12", "\x00", "é")
_VALUES = st.sampled_from(NUMBERS + _WORDS) | st.text(max_size=80).map(
    lambda text: text.encode("utf-8", "replace").decode()
)
FIELDS = st.dictionaries(
    st.sampled_from(_NAMES) | st.text(min_size=1, max_size=12).filter(str.isascii), _VALUES, max_size=14
)

_TEXT = {"type": "string", "maxLength": 60}
_FORM = {
    "type": "object",
    "properties": {name: {"anyOf": [{"enum": list(NUMBERS)}, _TEXT]} for name in _NAMES},
    "required": ["CallSid", "MessageSid", "From", "To"],
}
_LOCATION = {
    "name": "location_id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": 4},
}
_SETUP = {
    "type": "object",
    "properties": {
        "location_id": {"type": "integer", "minimum": 1, "maximum": 9},
        "phone_number": {"type": "string", "pattern": r"^\+1202555[0-9]{4}$"},
        "website_url": {
            "enum": ["http://127.0.0.1/", "http://10.0.0.1/", "http://[::1]/", "ftp://10.0.0.1", "http://1:2:3/"]
        },
        "business_name": {"type": "string", "minLength": 1, "maxLength": 60},
        "timezone": {"enum": ["Europe/London", "Nowhere/None", None]},
        "currency": {"enum": ["USD", "usd", None]},
        "accept_changes": {"type": "boolean"},
        "owner": {"type": "object"},
    },
    "required": ["location_id", "phone_number", "website_url", "business_name"],
}


def _post(kind: str, schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    body = {"required": True, "content": {kind: {"schema": schema}}}
    return {"parameters": list(parameters), "requestBody": body, "responses": {"200": {"description": "done"}}}


HTTP_DOORS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Chairside's doors", "version": "1"},
    "paths": {
        **{door: {"post": _post("application/x-www-form-urlencoded", _FORM)} for door in TWILIO_DOORS},
        "/shop/setup": {"post": _post("application/json", _SETUP)},
        "/login": {"post": _post("application/json", {"type": "object", "properties": {"token": _TEXT}})},
        "/shops/{location_id}/knowledge": {
            "patch": _post(
                "application/json",
                {"type": "object", "properties": {"business_name": _TEXT, "services": {"type": "array"}}},
                _LOCATION,
            )
        },
        "/shop/{location_id}/proposals/any": {
            "post": _post(
                "application/json", {"type": "object", "properties": {"accept": {"type": "array"}}}, _LOCATION
            )
        },
    },
}
"""Requests as they should be; schemathesis makes up such, and such as break each rule of it."""
