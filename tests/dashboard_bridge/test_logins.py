"""People with logins of their own: what their tokens must be, and that they see their shops and no others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from agent.access import COOKIE_NAME
from agent.errors import AccessError
from agent.login_tokens import AGAIN_AFTER, KEPT, LoginTokens
from agent.model import Role
from tests.house import COPPER_LANE, PLUMERIA, House, open_house

KAI = str(uuid.uuid4())
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGERS_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Issuer:
    """A login service on loopback: its keys, and tokens it has signed."""

    url: str = ""
    fetched: int = 0
    away: bool = False
    keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def publish(self, kid: str, public: Any) -> None:
        algorithm: Any = ECAlgorithm if isinstance(public, ec.EllipticCurvePublicKey) else RSAAlgorithm
        name = "ES256" if algorithm is ECAlgorithm else "RS256"
        jwk = json.loads(algorithm.to_jwk(public))
        self.keys.append({**jwk, "kid": kid, "alg": name, "use": "sig"})

    def token(
        self, key: Any = EC_KEY, *, kid: str = "ec", alg: str = "ES256", now: datetime = NOW, **claims: Any
    ) -> str:
        told = {
            "iss": self.url,
            "aud": "authenticated",
            "sub": KAI,
            "email": "kai@example.com",
            "exp": int((now + timedelta(hours=1)).timestamp()),
            **claims,
        }
        payload = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(payload, key, algorithm=alg, headers={"kid": kid})

    async def answer(self, _: web.Request) -> web.Response:
        self.fetched += 1
        return web.Response(status=503) if self.away else web.json_response({"keys": self.keys})


@asynccontextmanager
async def open_issuer() -> AsyncGenerator[Issuer]:
    """An issuer that can be asked for its keys."""
    issuer = Issuer()
    issuer.publish("ec", EC_KEY.public_key())
    issuer.publish("rsa", RSA_KEY.public_key())
    app = web.Application()
    app.router.add_get("/.well-known/jwks.json", issuer.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    await runner.cleanup()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with open_issuer() as issuer:
        yield issuer


@dataclass
class Now:
    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
async def tokens(issuer: Issuer) -> AsyncIterator[LoginTokens]:
    async with LoginTokens(f"{issuer.url}/.well-known/jwks.json", issuer.url, "authenticated", Now()) as tokens:
        yield tokens


async def test_a_login_is_known_by_its_token(issuer: Issuer, tokens: LoginTokens) -> None:
    for token in (issuer.token(), issuer.token(RSA_KEY, kid="rsa", alg="RS256")):
        login = await tokens.check(token)
        assert (login.user_id, login.name, login.until) == (KAI, "kai@example.com", NOW + timedelta(hours=1))
    assert issuer.fetched == 1


def forged(issuer: Issuer, kind: str) -> str:
    public = EC_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    late, early = NOW - timedelta(minutes=1), NOW + timedelta(minutes=5)
    match kind:
        case "alg none":
            return _by_hand(issuer, {"alg": "none", "kid": "ec"}, b"")
        case "HS256 with the public key":
            return _by_hand(issuer, {"alg": "HS256", "kid": "ec"}, public)
        case "a stranger's key":
            return issuer.token(STRANGERS_KEY)
        case "the RSA key's name, EC's signature":
            return issuer.token(kid="rsa")
        case "another audience":
            return issuer.token(aud="anon")
        case "another issuer":
            return issuer.token(iss="https://elsewhere.example")
        case "over":
            return issuer.token(exp=int(late.timestamp()))
        case "not yet":
            return issuer.token(nbf=int(early.timestamp()))
        case "no end":
            return issuer.token(exp=None)
        case "nobody":
            return issuer.token(sub=None)
        case "changed":
            head, body, signature = issuer.token().split(".")
            other = json.loads(base64.urlsafe_b64decode(body + "==")) | {"sub": str(uuid.uuid4())}
            return ".".join((head, _b64(json.dumps(other).encode()), signature))
        case "time without end":
            return issuer.token(exp=10**20)
        case _:
            return {"no token": "eyJ.x.y", "endless": "ey" + "J" * 9000 + ".a.b"}[kind]


def _by_hand(issuer: Issuer, head: dict[str, str], secret: bytes) -> str:
    claims = json.loads(base64.urlsafe_b64decode(issuer.token().split(".")[1] + "=="))
    signed = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(claims).encode())}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
    return f"{signed}.{_b64(signature)}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


FORGERIES = [
    "alg none",
    "HS256 with the public key",
    "a stranger's key",
    "the RSA key's name, EC's signature",
    "another audience",
    "another issuer",
    "not yet",
    "no end",
    "nobody",
    "changed",
    "time without end",
    "no token",
    "endless",
]


@pytest.mark.parametrize("kind", FORGERIES)
async def test_no_other_token_is_good(issuer: Issuer, tokens: LoginTokens, kind: str) -> None:
    with pytest.raises(AccessError) as refused:
        await tokens.check(forged(issuer, kind))
    assert refused.value.code == "token_refused"


async def test_a_token_whose_time_is_over_is_told_so(issuer: Issuer, tokens: LoginTokens) -> None:
    with pytest.raises(AccessError) as refused:
        await tokens.check(forged(issuer, "over"))
    assert refused.value.code == "token_expired"


async def test_unknown_keys_are_asked_for_but_not_for_every_token(issuer: Issuer) -> None:
    now = Now()
    async with LoginTokens(f"{issuer.url}/.well-known/jwks.json", issuer.url, "authenticated", now) as tokens:
        for _ in range(20):
            with pytest.raises(AccessError, match="not one of its issuer's"):
                await tokens.check(issuer.token(STRANGERS_KEY, kid=uuid.uuid4().hex))
        assert issuer.fetched == 1
        issuer.publish("new", STRANGERS_KEY.public_key())
        now.at += AGAIN_AFTER + timedelta(seconds=1)
        assert (await tokens.check(issuer.token(STRANGERS_KEY, kid="new"))).user_id == KAI
        assert issuer.fetched == 2


async def test_an_issuer_that_is_away_lets_nobody_in(issuer: Issuer) -> None:
    now = Now()
    async with LoginTokens(f"{issuer.url}/.well-known/jwks.json", issuer.url, "authenticated", now) as tokens:
        issuer.away = True
        with pytest.raises(AccessError) as refused:
            await tokens.check(issuer.token())
        assert refused.value.code == "keys_unavailable"
        issuer.away = False
        await tokens.check(issuer.token())
        now.at += KEPT + timedelta(seconds=1)
        issuer.away = True
        with pytest.raises(AccessError) as refused:
            await tokens.check(issuer.token(now=now.at))
        assert refused.value.code == "keys_unavailable"


# In a whole house


@pytest.fixture
async def house(issuer: Issuer) -> AsyncIterator[House]:
    async with open_house(shops=(PLUMERIA, COPPER_LANE), operator_token="watch", jwt_issuer=issuer.url) as house:
        yield house


async def member(house: House, issuer: Issuer, role: Role, **claims: Any) -> dict[str, str]:
    """The header of a member of shop 2."""
    await house.services.members.set_role(2, KAI, role)
    return {"Authorization": f"Bearer {issuer.token(now=datetime.now(UTC), **claims)}"}


async def test_a_member_of_one_shop_sees_nothing_of_another(house: House, issuer: Issuer) -> None:
    headers = await member(house, issuer, "owner")
    async with httpx.AsyncClient(base_url=house.url, headers=headers) as client:
        assert [at["location_id"] for at in (await client.get("/shops")).json()["shops"]] == [2]
        me = (await client.get("/me")).json()
        assert me == {"name": "kai@example.com", "role_by_location": {"2": "owner"}, "roles": ["owner"]}
        assert (await client.get("/shop/2/config")).status_code == 200
        for path in ("/shop/1/config", "/shops/1/home", "/shops/1/knowledge", "/shop/1/proposals"):
            assert (await client.get(path)).status_code == 404, path
        assert (await client.get("/calls", params={"location_id": 1})).json().get("calls", []) == []
        assert (await client.patch("/shops/1/knowledge", json={"version": 1})).status_code == 404
        asked = {
            "location_id": 1,
            "phone_number": "+18085550101",
            "website_url": "https://a.example",
            "business_name": "x",
        }
        assert (await client.post("/shop/setup", json=asked)).status_code == 404
        assert (await client.get("/metrics")).status_code == 403
    async with connect(_ops(house), additional_headers=headers) as socket:
        told = [json.loads(await socket.recv()) for _ in range(2)]
        assert [(at["type"], at["data"].get("location_id")) for at in told] == [("hello", None), ("metrics", 2)]
        await socket.send(json.dumps({"type": "subscribe", "locations": [1]}))
        assert json.loads(await socket.recv())["data"]["code"] == "unknown_location"


async def test_a_token_is_traded_for_a_cookie_that_lasts_as_long(house: House, issuer: Issuer) -> None:
    headers = await member(house, issuer, "viewer")
    async with httpx.AsyncClient(base_url=house.url) as client:
        answer = await client.post("/login", json={"token": headers["Authorization"].split()[1]})
        assert answer.status_code == 204
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "SameSite=strict" in answer.headers["set-cookie"]
        cookie = {"Cookie": f"{COOKIE_NAME}={answer.cookies[COOKIE_NAME]}"}
        client.cookies.clear()
        assert [at["location_id"] for at in (await client.get("/shops", headers=cookie)).json()["shops"]] == [2]
        changed = cookie["Cookie"][:-2] + "xx"
        assert (await client.get("/shops", headers={"Cookie": changed})).status_code == 401


async def test_a_login_that_belongs_to_no_shop_is_told_so(house: House, issuer: Issuer) -> None:
    headers = {"Authorization": f"Bearer {issuer.token(now=datetime.now(UTC))}"}
    async with httpx.AsyncClient(base_url=house.url, headers=headers) as client:
        answer = await client.get("/shops")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_a_member")


async def test_a_socket_ends_with_its_papers_unless_they_are_renewed(house: House, issuer: Issuer) -> None:
    soon = {"exp": (datetime.now(UTC) + timedelta(seconds=2)).timestamp()}
    headers = await member(house, issuer, "viewer", **soon)
    async with (
        connect(_ops(house), additional_headers=headers) as ends,
        connect(_ops(house), additional_headers=headers) as stays,
    ):
        await stays.send(json.dumps({"type": "auth", "token": issuer.token(now=datetime.now(UTC))}))
        told: list[str] = []
        with suppress(ConnectionClosedError):
            async for line in ends:
                told.append(str(line))
        assert ends.close_code == 4401
        assert json.loads(told[-1])["data"]["code"] == "token_expired"
        await stays.send(json.dumps({"type": "subscribe", "locations": [2]}))
        while json.loads(await stays.recv())["type"] != "metrics":
            pass


def _ops(house: House) -> str:
    return house.url.replace("http", "ws", 1) + "/ops"
