"""Papers that are none, shown at a running server's doors: signatures through proxies, logins' tokens, other shops'."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from house import PLUMERIA, House, new_sid, open_house
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect

from agent.access import COOKIE_NAME, MemberCookies, OperatorDesk, TicketBook
from agent.model import Caller
from tests.dashboard_bridge.test_logins import FORGERIES, NOW, STRANGERS_KEY, Issuer, forged, open_issuer

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADMIN = "only the admin knows this"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with open_issuer() as issuer:
        yield issuer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(issuer: Issuer) -> AsyncIterator[House]:
    """A house whose people have logins; it is noon there."""
    async with open_house(clock=lambda: NOW, jwt_issuer=issuer.url, admin_token=ADMIN) as house:
        yield house


def signed(house: House, url: str, form: dict[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(house.stage.twilio.auth_token).compute_signature(url, form)}


FORWARDED = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Original-URL": "/voice/after"}


@pytest.mark.parametrize("proxies", ["", "127.0.0.1"])
async def test_a_signature_is_over_the_public_url_whatever_a_proxy_says(proxies: str) -> None:
    async with open_house(trusted_proxies=proxies) as house, httpx.AsyncClient(base_url=house.url) as client:
        form = {"CallSid": new_sid(), "To": PLUMERIA.phone_number, "From": "+12025550143"}
        for theirs in ("https://evil.example/voice", "http://evil.example/voice", house.url + "/voice"):
            answer = await client.post("/voice", data=form, headers={**FORWARDED, **signed(house, theirs, form)})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "bad_signature")
        ours = signed(house, house.settings.public_url + "/voice", form)
        answer = await client.post("/voice", data=form, headers={**FORWARDED, "Host": "10.0.0.7:5001", **ours})
        assert answer.status_code == 200
        assert "evil.example" not in answer.text


@pytest.mark.parametrize("kind", [*FORGERIES, "over", "an unknown key"])
async def test_a_forged_login_opens_no_door(office: House, issuer: Issuer, kind: str) -> None:
    token = issuer.token(STRANGERS_KEY, kid="nobody's") if kind == "an unknown key" else forged(issuer, kind)
    code = "token_expired" if kind == "over" else "token_refused"
    bearer = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=office.url) as client:
        for answer in (await client.get("/shops", headers=bearer), await client.post("/login", json={"token": token})):
            assert answer.status_code in (401, 422)
            assert answer.json()["error"]["code"] == (code if answer.status_code == 401 else "body_invalid")
            assert "set-cookie" not in answer.headers
    if kind == "endless":  # no head of a socket may hold so long a line
        return
    async with connect(office.url.replace("http", "ws", 1) + "/ops", additional_headers=bearer) as socket:
        assert json.loads(await socket.recv())["data"]["code"] == code
        await socket.wait_closed()
        assert socket.close_code == 4401


@pytest.mark.parametrize("role", ["viewer", "operator", "owner"])
async def test_a_token_of_one_shop_opens_no_other(office: House, issuer: Issuer, role: str) -> None:
    await office.services.members.set_role(2, json.loads(_claims(issuer.token()))["sub"], role)  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {issuer.token()}", "If-Match": '"1"'}
    async with httpx.AsyncClient(base_url=office.url, headers=headers) as client:
        for method, path in (
            ("GET", "/shop/1/config"),
            ("GET", "/shops/1/home"),
            ("GET", "/shops/1/knowledge"),
            ("GET", "/shop/1/proposals"),
            ("PATCH", "/shops/1/knowledge"),
            ("POST", "/shop/1/proposals/any"),
        ):
            answer = await client.request(method, path, json={})
            code = (answer.status_code, answer.json()["error"]["code"])
            writes = path.endswith("any") and role != "owner"
            assert code == ((403, "token_refused") if writes else (404, "location_unknown")), path
        assert (await client.get("/metrics")).json()["error"]["code"] == "not_allowed"


def _claims(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.split(".")[1] + "==")


async def test_papers_of_one_kind_are_none_of_another() -> None:
    """A ticket is no cookie, a cookie no token, and a cookie of another secret nothing at all."""
    async with open_house(admin_token=ADMIN) as house, httpx.AsyncClient(base_url=house.url) as client:
        secret = house.settings.secret_key.get_secret_value().encode()
        token, now = house.settings.operator_token.get_secret_value(), datetime.now(UTC)
        caller = Caller(call_sid="CA1", location_id=1, caller="+12025550143", called=PLUMERIA.phone_number)
        good = OperatorDesk(token).issue_cookie(secret, now)
        member = MemberCookies(secret, lambda: now).issue("nobody", "Nobody", NOW.replace(year=2099))
        for paper in (
            TicketBook(secret, 60, lambda: now).issue(caller),
            member,
            OperatorDesk(token).issue_cookie(b"another secret", now),
            OperatorDesk(token).issue_cookie(secret, now, "admin"),
            good[:-3] + "AAA",
            token,
        ):
            answer = await client.get("/shops", headers={"Cookie": f"{COOKIE_NAME}={paper}"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_missing"), paper
        for paper in (good, secret.decode()):
            answer = await client.get("/shops", headers={"Authorization": f"Bearer {paper}"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_refused"), paper


async def test_an_operator_changes_no_shop(office: House) -> None:
    headers = {"Authorization": f"Bearer {office.settings.operator_token.get_secret_value()}", "If-Match": '"1"'}
    async with httpx.AsyncClient(base_url=office.url, headers=headers) as client:
        changed = await client.patch("/shops/1/knowledge", json={"business_name": "Mine"})
        asked = await client.post("/shop/setup", json={"location_id": 1})
    assert (changed.status_code, changed.json()["error"]["code"]) == (403, "not_allowed")
    assert (asked.status_code, asked.json()["error"]["code"]) == (403, "token_refused")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:5001/metrics", "port_refused"),
        ("http://127.0.0.1/", "address_refused"),
        ("http://localhost/", "address_refused"),
        ("http://2130706433/", "address_refused"),
        ("http://0x7f.1/", "address_refused"),
        ("http://[::ffff:127.0.0.1]/", "address_refused"),
        ("http://169.254.169.254/latest/meta-data/", "address_refused"),
        ("http://10.0.0.1/", "address_refused"),
        ("http://[fd00::1]/", "address_refused"),
        ("https://admin:secret@10.0.0.1/", "credentials_refused"),
        ("file:///etc/passwd", "scheme_refused"),
        ("gopher://10.0.0.1/", "scheme_refused"),
        ("http://0177.0.0.1/", "url_invalid"),
    ],
)
async def test_a_set_up_reads_nothing_inside(office: House, url: str, code: str) -> None:
    asked = {"location_id": 7, "phone_number": "+12025550177", "website_url": url, "business_name": "Inside"}
    headers = {"Authorization": f"Bearer {ADMIN}"}
    async with httpx.AsyncClient(base_url=office.url, headers=headers, timeout=20) as client:
        answer = await client.post("/shop/setup?wait=true", json=asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
        assert (await client.get("/shop/7/config")).status_code == 404
