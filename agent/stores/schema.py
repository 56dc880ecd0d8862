"""The tables of the embedded store. Table and column names are the customer's own.

Moments are ISO 8601 text in UTC with microseconds: they sort as they read, and survive a round trip exactly.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schema:
    """What a file holds. `version` is kept in its user_version; a newer file is refused, never guessed at."""

    version: int
    tables: str
    """Statements that make what is missing, and leave what is there as it is."""
    later_columns: tuple[tuple[str, str, str], ...] = ()
    """(table, name, type) of columns that files of an older version lack."""


_TABLES = """
CREATE TABLE IF NOT EXISTS salon_static_data (
    key         TEXT PRIMARY KEY,
    location_id INTEGER NOT NULL UNIQUE CHECK (location_id > 0),
    data        TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version > 0),
    CHECK (key = 'location_' || location_id)
);
-- What has changed is asked every few seconds: answered from here, without a look at the shops themselves.
CREATE INDEX IF NOT EXISTS salon_static_data_versions ON salon_static_data (location_id, version);

CREATE TABLE IF NOT EXISTS phone_numbers (
    phone_number TEXT PRIMARY KEY,
    location_id  INTEGER NOT NULL REFERENCES salon_static_data (location_id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS phone_numbers_by_location ON phone_numbers (location_id);

-- What an approved shop names, for appointments to refer to. No row is ever deleted: `active` says whether it counts.
CREATE TABLE IF NOT EXISTS services (
    id          TEXT PRIMARY KEY,
    location_id INTEGER NOT NULL REFERENCES salon_static_data (location_id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    category    TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    price       TEXT,
    duration    INTEGER,
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    position    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS services_by_location ON services (location_id);

CREATE TABLE IF NOT EXISTS professionals (
    id          TEXT PRIMARY KEY,
    location_id INTEGER NOT NULL REFERENCES salon_static_data (location_id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL DEFAULT '',
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);
CREATE INDEX IF NOT EXISTS professionals_by_location ON professionals (location_id);

-- What would change in a shop's knowledge, until somebody of the shop has said yes or no.
CREATE TABLE IF NOT EXISTS knowledge_proposals (
    id           TEXT PRIMARY KEY,
    location_id  INTEGER NOT NULL CHECK (location_id > 0),
    base_version INTEGER NOT NULL,
    data         TEXT NOT NULL,
    scraped      TEXT,
    revision     INTEGER NOT NULL DEFAULT 1 CHECK (revision > 0),
    state        TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'rejected', 'superseded')),
    created_at   TEXT,
    decided_at   TEXT,
    decided_by   TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS knowledge_proposals_open ON knowledge_proposals (location_id) WHERE state = 'open';

-- The shop as its website told it when it was last approved.
CREATE TABLE IF NOT EXISTS approved_scrapes (
    location_id INTEGER PRIMARY KEY CHECK (location_id > 0),
    data        TEXT NOT NULL
);

-- The last scrape, a fact a row. It comes before the shop is approved, so it refers to none.
CREATE TABLE IF NOT EXISTS scraped_services (
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    position    INTEGER NOT NULL,
    data        TEXT NOT NULL,
    PRIMARY KEY (location_id, position)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS scraped_professionals (
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    position    INTEGER NOT NULL,
    data        TEXT NOT NULL,
    PRIMARY KEY (location_id, position)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS salon_info (
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    position    INTEGER NOT NULL,
    data        TEXT NOT NULL,
    PRIMARY KEY (location_id, position)
) WITHOUT ROWID;

-- A call is kept even when its shop is not (any more): no reference to salon_static_data.
CREATE TABLE IF NOT EXISTS customer_interactions (
    id          INTEGER PRIMARY KEY,
    call_sid    TEXT NOT NULL UNIQUE,
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    caller      TEXT NOT NULL,
    called      TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    greeting    TEXT NOT NULL DEFAULT '',
    ended_at    TEXT,
    end_reason  TEXT,
    outcome     TEXT,
    summary     TEXT NOT NULL DEFAULT '',
    mismatches  TEXT NOT NULL DEFAULT '[]',
    unanswered  TEXT NOT NULL DEFAULT '[]',
    UNIQUE (call_sid, location_id)
);
CREATE INDEX IF NOT EXISTS customer_interactions_recent
    ON customer_interactions (location_id, started_at DESC);
CREATE INDEX IF NOT EXISTS customer_interactions_by_time ON customer_interactions (started_at DESC, call_sid DESC);

CREATE TABLE IF NOT EXISTS call_turns (
    call_sid          TEXT NOT NULL,
    location_id       INTEGER NOT NULL,
    turn_index        INTEGER NOT NULL CHECK (turn_index >= 1),
    heard             TEXT NOT NULL,
    said              TEXT NOT NULL,
    spoken            TEXT NOT NULL,
    interrupted       INTEGER NOT NULL CHECK (interrupted IN (0, 1)),
    voice_to_voice_ms REAL,
    at                TEXT NOT NULL,
    PRIMARY KEY (call_sid, turn_index),
    FOREIGN KEY (call_sid, location_id)
        REFERENCES customer_interactions (call_sid, location_id) ON DELETE CASCADE
) WITHOUT ROWID;

-- A message may be stored before the record of its call is, so it refers to no row.
CREATE TABLE IF NOT EXISTS messages (
    id              INTEGER PRIMARY KEY,
    call_sid        TEXT NOT NULL,
    location_id     INTEGER NOT NULL CHECK (location_id > 0),
    tool_call_id    TEXT NOT NULL,
    caller_name     TEXT NOT NULL,
    callback_number TEXT NOT NULL,
    text            TEXT NOT NULL,
    at              TEXT NOT NULL,
    UNIQUE (call_sid, tool_call_id)
);
CREATE INDEX IF NOT EXISTS messages_recent ON messages (location_id, at DESC);

-- An appointment, or a hold that waits for a caller's yes. Who is busy when is in booking_segments.
CREATE TABLE IF NOT EXISTS bookings (
    id             TEXT PRIMARY KEY,
    location_id    INTEGER NOT NULL CHECK (location_id > 0),
    state          TEXT NOT NULL CHECK (state IN ('held', 'booked', 'cancelled')),
    visit          TEXT NOT NULL,
    start_time     TEXT NOT NULL,
    end_time       TEXT NOT NULL,
    busy_from      TEXT NOT NULL,
    busy_until     TEXT NOT NULL,
    customer_name  TEXT NOT NULL,
    customer_phone TEXT NOT NULL,
    notes          TEXT NOT NULL,
    call_sid       TEXT NOT NULL,
    moves          TEXT,
    expires_at     TEXT,
    created_at     TEXT NOT NULL,
    changed_at     TEXT NOT NULL,
    revision       INTEGER NOT NULL CHECK (revision >= 1)
);
CREATE INDEX IF NOT EXISTS bookings_by_time ON bookings (location_id, busy_until);
CREATE INDEX IF NOT EXISTS bookings_by_customer ON bookings (location_id, customer_phone, end_time);
CREATE INDEX IF NOT EXISTS bookings_by_expiry ON bookings (location_id, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS bookings_by_call ON bookings (call_sid) WHERE call_sid <> '';
CREATE INDEX IF NOT EXISTS bookings_by_moves ON bookings (moves) WHERE moves IS NOT NULL;

-- A number for everybody who can be busy. The name is folded; '' is the one chair of a shop that names nobody.
CREATE TABLE IF NOT EXISTS booking_staff (
    staff_no    INTEGER PRIMARY KEY,
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    name        TEXT NOT NULL,
    UNIQUE (location_id, name)
);

CREATE TABLE IF NOT EXISTS booking_segments (
    staff_no    INTEGER NOT NULL REFERENCES booking_staff (staff_no),
    starts      TEXT NOT NULL,
    ends        TEXT NOT NULL CHECK (ends > starts),
    booking_id  TEXT NOT NULL REFERENCES bookings (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    PRIMARY KEY (staff_no, starts)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS booking_segments_by_booking ON booking_segments (booking_id);

-- Stretches of one person never overlap, so only the last one that starts before another's end can reach into it.
CREATE TRIGGER IF NOT EXISTS booking_segments_never_overlap BEFORE INSERT ON booking_segments
WHEN NEW.starts < (
    SELECT ends FROM booking_segments WHERE staff_no = NEW.staff_no AND starts < NEW.ends ORDER BY starts DESC LIMIT 1)
BEGIN SELECT RAISE(ABORT, 'slot_taken'); END;
CREATE TRIGGER IF NOT EXISTS booking_segments_stay BEFORE UPDATE ON booking_segments
BEGIN SELECT RAISE(ABORT, 'a busy stretch is not changed: it is deleted, and another made'); END;

-- What a write made, under the key it was asked with, so that asking again makes nothing. Kept for a day.
CREATE TABLE IF NOT EXISTS booking_keys (
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    verb        TEXT NOT NULL CHECK (verb IN ('hold', 'confirm', 'cancel')),
    key         TEXT NOT NULL,
    result      TEXT NOT NULL,
    made_at     TEXT NOT NULL,
    PRIMARY KEY (location_id, verb, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS booking_keys_by_age ON booking_keys (location_id, made_at);

-- A text that a change of an appointment makes due: written in the same transaction as the change.
CREATE TABLE IF NOT EXISTS text_messages (
    id           INTEGER PRIMARY KEY,
    location_id  INTEGER NOT NULL CHECK (location_id > 0),
    booking_id   TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('booked', 'moved', 'cancelled')),
    revision     INTEGER NOT NULL CHECK (revision >= 1),
    to_number    TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'due'
        CHECK (state IN ('due', 'sending', 'sent', 'failed', 'stopped', 'skipped')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    provider_sid TEXT NOT NULL DEFAULT '',
    last_error   TEXT NOT NULL DEFAULT '',
    not_before   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    changed_at   TEXT NOT NULL,
    UNIQUE (booking_id, kind, revision)
);
CREATE INDEX IF NOT EXISTS text_messages_due ON text_messages (not_before) WHERE state IN ('due', 'sending');
CREATE INDEX IF NOT EXISTS text_messages_recent ON text_messages (location_id, changed_at DESC);

CREATE TABLE IF NOT EXISTS text_optouts (
    location_id  INTEGER NOT NULL CHECK (location_id > 0),
    phone_number TEXT NOT NULL,
    since        TEXT NOT NULL,
    PRIMARY KEY (location_id, phone_number)
) WITHOUT ROWID;

-- Who belongs to which shop: user_id is the `sub` of a login.
CREATE TABLE IF NOT EXISTS shop_members (
    user_id     TEXT NOT NULL,
    location_id INTEGER NOT NULL CHECK (location_id > 0),
    role        TEXT NOT NULL CHECK (role IN ('owner', 'operator', 'viewer')),
    PRIMARY KEY (user_id, location_id)
) WITHOUT ROWID;
"""

SCHEMA = Schema(
    version=7,
    tables=_TABLES,
    later_columns=(
        ("customer_interactions", "outcome", "TEXT"),
        ("customer_interactions", "summary", "TEXT NOT NULL DEFAULT ''"),
        ("customer_interactions", "mismatches", "TEXT NOT NULL DEFAULT '[]'"),
        ("customer_interactions", "unanswered", "TEXT NOT NULL DEFAULT '[]'"),
    ),
)
