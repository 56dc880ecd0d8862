"""Who sees and changes what, asked of PostgREST over every table the catalog knows, new project or old."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx
import psycopg
import pytest
from rig.project import Project, table_names

SALONS = {1: "00000000-0000-4000-8000-000000000001", 2: "00000000-0000-4000-8000-000000000002"}
MEMBER_OF_2 = "00000000-0000-4000-8000-0000000000f2"
STRANGER = "00000000-0000-4000-8000-0000000000ff"

# Rows of location {n}, salon {salon}. A new table needs a line here: the tests below say so.
SEEDS = {
    "profiles": "insert into profiles (id, location_id) values ('{salon}', {n})"
    " on conflict (id) do update set location_id = {n}",
    "services": "insert into services (salon_id, name) values ('{salon}', 'Fringe')",
    "professionals": "insert into professionals (salon_id, {professional}) values ('{salon}', 'Noa')",
    "bookings": "insert into bookings (salon_id, professional_id, start_time, end_time)"
    " select salon_id, id, now(), now() from professionals where salon_id = '{salon}' limit 1",
    "customer_interactions": "insert into customer_interactions (call_sid, location_id, caller, called, started_at)"
    " values ('CA{n}', {n}, '+18085550199', '+1808555010{n}', now())",
    "call_turns": "insert into call_turns (call_sid, location_id, turn_index, heard, at)"
    " values ('CA{n}', {n}, 1, 'hello', now())",
    "messages": "insert into messages (call_sid, location_id, tool_call_id, text, at)"
    " values ('CA{n}', {n}, 'call_1', 'Ring me', now())",
    "salon_static_data": "insert into salon_static_data (key, data) values ('location_{n}', '{{}}')"
    " on conflict (key) do nothing",
    "phone_numbers": "insert into phone_numbers values ('+1808555010{n}', {n})",
    "scraped_services": "insert into scraped_services (salon_id, service_name) values ('{salon}', 'Cut')",
    "scraped_professionals": "insert into scraped_professionals (salon_id, name) values ('{salon}', 'Ana')",
    "salon_info": "insert into salon_info (salon_id, business_name) values ('{salon}', 'Salon')",
    "knowledge_proposals": "insert into knowledge_proposals (location_id, data) values ({n}, '{{}}')",
    "shop_members": "insert into shop_members (user_id, salon_id, role)"
    " values ('00000000-0000-4000-8000-0000000000f{n}', '{salon}', 'owner')",
}


@pytest.fixture(scope="module", params=["new", "existing"])
def project(request: pytest.FixtureRequest) -> Project:
    """Two shops with a row in every table."""
    if request.param == "new":
        found: Project = request.getfixturevalue("supabase_project")
        found.empty()
    else:
        found = request.getfixturevalue("existing_project")
    professional = "name" if request.param == "new" else "full_name"
    with found.connect() as connection:
        for seed in SEEDS.values():
            for n, salon in SALONS.items():
                connection.execute(seed.format(n=n, salon=salon, professional=professional).encode())
    return found


@pytest.fixture(params=[*SEEDS])
def table(request: pytest.FixtureRequest) -> str:
    return request.param


def rows_of(connection: psycopg.Connection[Any], table: str, location_id: int) -> list[dict[str, Any]]:
    query = f"select to_jsonb(t) from public.{table} t order by to_jsonb(t)::text"
    return [row for (row,) in connection.execute(query.encode()) if location_of(row, table) == location_id]


def location_of(row: dict[str, Any], table: str) -> int | None:
    if row.get("location_id") is not None:
        return int(row["location_id"])
    salon = row["id"] if table == "profiles" else row.get("salon_id")
    return next((n for n, known in SALONS.items() if known == salon), None)


def ask(
    project: Project, method: str, path: str, token: str | None = None, body: object = None, key: str | None = None
) -> httpx.Response:
    key = key or project.gateway.publishable_key
    headers = {"apikey": key, "Authorization": f"Bearer {token or key}", "Prefer": "return=representation"}
    return project.http.request(method, path, headers=headers, json=body)


def signed_in(project: Project, user_id: str = MEMBER_OF_2) -> str:
    return project.gateway.token("authenticated", user_id)


def test_no_table_is_forgotten_here(project: Project):
    with project.connect() as connection:
        assert set(table_names(connection)) == SEEDS.keys()
        for table in SEEDS:
            for n in SALONS:
                assert rows_of(connection, table, n), f"{table} has no row of location {n}"


def test_a_member_sees_their_own_shop_and_no_other(project: Project, table: str):
    answer = ask(project, "GET", table, signed_in(project))

    assert answer.status_code == 200, answer.text
    assert {location_of(row, table) for row in answer.json()} == {2}
    with project.connect() as connection:
        assert len(answer.json()) == len(rows_of(connection, table, 2))


def rows_filter(table: str, location_id: int, columns: Iterable[str]) -> str:
    """What in a request names the rows of a shop."""
    if table == "profiles":
        return f"id=eq.{SALONS[location_id]}"
    return f"salon_id=eq.{SALONS[location_id]}" if "salon_id" in columns else f"location_id=eq.{location_id}"


def theft(table: str, columns: Iterable[str]) -> dict[str, object]:
    """A change that would make a row one of shop 2."""
    special = {"profiles": {"phone": "+18085550177"}, "salon_static_data": {"key": "location_2"}}
    return special.get(table) or ({"salon_id": SALONS[2]} if "salon_id" in columns else {"location_id": 2})


def test_a_member_changes_nothing_of_another_shop(project: Project, table: str):
    with project.connect() as connection:
        before = rows_of(connection, table, 1)
        token = signed_in(project)
        theirs = f"{table}?{rows_filter(table, 1, before[0])}"
        copied = {name: value for name, value in before[0].items() if not _is_made_by_the_database(table, name)}
        patched = ask(project, "PATCH", theirs, token, theft(table, before[0]))
        deleted = ask(project, "DELETE", theirs, token)
        inserted = ask(project, "POST", table, token, copied)

        for answer in (patched, deleted):
            assert answer.status_code == 403 or answer.json() == [], answer.text
        assert inserted.status_code == 403, inserted.text
        assert rows_of(connection, table, 1) == before


def _is_made_by_the_database(table: str, column: str) -> bool:
    return (column == "id" and table != "profiles") or (table, column) == ("salon_static_data", "location_id")


def test_a_stranger_with_a_login_sees_nothing(project: Project, table: str):
    answer = ask(project, "GET", table, signed_in(project, STRANGER))
    assert (answer.status_code, answer.json()) == (200, [])


def test_nobody_without_a_login_gets_in(project: Project, table: str):
    with project.connect() as connection:
        before = rows_of(connection, table, 1)
        theirs = f"{table}?{rows_filter(table, 1, before[0])}"
        for method, body in (("GET", None), ("PATCH", theft(table, before[0])), ("DELETE", None), ("POST", {})):
            answer = ask(project, method, table if method == "POST" else theirs, None, body)
            assert answer.status_code == 401, (method, answer.text)
        assert rows_of(connection, table, 1) == before


def test_nothing_is_granted_to_anybody_by_default(project: Project, table: str):
    with project.connect() as connection:
        for privilege in ("select", "insert", "update", "delete", "truncate"):
            ask_catalog = "select has_table_privilege(%s, %s, %s)"
            for role in ("anon", "service_role"):
                granted = connection.execute(ask_catalog, [role, f"public.{table}", privilege]).fetchone()
                if role == "anon" or privilege != "truncate":
                    assert granted == (role == "service_role",), (role, privilege)
            granted = connection.execute(ask_catalog, ["authenticated", f"public.{table}", "truncate"]).fetchone()
            assert granted == (False,)
        secured = connection.execute("select relrowsecurity from pg_class where oid = %s::regclass", [table])
        assert secured.fetchone() == (True,)


def test_the_secret_key_sees_every_shop(project: Project, table: str):
    answer = ask(project, "GET", table, key=project.gateway.secret_key)
    assert answer.status_code == 200, answer.text
    assert {location_of(row, table) for row in answer.json()} >= {1, 2}


def test_our_functions_are_the_servers_alone(project: Project):
    with project.connect() as connection:
        functions = connection.execute(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace"
        ).fetchall()
        assert len(functions) == 6
        for (function,) in functions:
            for role, may in (("anon", False), ("authenticated", False), ("service_role", True)):
                query = "select has_function_privilege(%s, %s, 'execute')"
                assert connection.execute(query, [role, function]).fetchone() == (may,), (role, function)
    answer = ask(project, "POST", "rpc/store_knowledge", signed_in(project), {"p_key": "location_2", "p_data": {}})
    assert answer.status_code == 403


@pytest.mark.parametrize("project", ["existing"], indirect=True)
def test_a_salons_login_does_what_it_did_but_chooses_no_location(project: Project):
    """Where a profile is its owner's login: their own policies go on, within their own rows."""
    token = signed_in(project, SALONS[1])
    mine = f"profiles?id=eq.{SALONS[1]}"
    renamed = ask(project, "PATCH", mine, token, {"salon_name": "Plumeria Hair"})
    moved = ask(project, "PATCH", mine, token, {"location_id": 3})
    everybody = ask(project, "GET", "profiles", token)
    stolen = ask(project, "PATCH", f"bookings?salon_id=eq.{SALONS[2]}", token, {"status": "cancelled"})

    assert renamed.json()[0]["salon_name"] == "Plumeria Hair"
    assert (moved.status_code, moved.json()["code"]) == (403, "42501")
    assert [row["id"] for row in everybody.json()] == [SALONS[1]]
    assert stolen.json() == []
