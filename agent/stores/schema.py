"""The tables of the embedded store. Table and column names are the customer's own.

Moments are ISO 8601 text in UTC with microseconds: they sort as they read, and survive a round trip exactly.
"""

from __future__ import annotations

SCHEMA_VERSION = 3
"""Kept in the file's user_version. A file of a newer version is refused, never guessed at."""

SCHEMA = """
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
    UNIQUE (call_sid, location_id)
);
CREATE INDEX IF NOT EXISTS customer_interactions_recent
    ON customer_interactions (location_id, started_at DESC);

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
"""
