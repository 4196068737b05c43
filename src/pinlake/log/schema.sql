-- The embedded log: topics, their partitions, and one row a stored batch.
-- What a deleted topic's partitions reached stays here, so that no position is used twice.
CREATE TABLE log (
    id TEXT NOT NULL
) STRICT;

CREATE TABLE topics (
    id         INTEGER PRIMARY KEY,
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    deleted    INTEGER NOT NULL DEFAULT 0,
    attributes TEXT    NOT NULL,
    UNIQUE (kind, name)
) STRICT;

CREATE TABLE partitions (
    id            INTEGER PRIMARY KEY,
    topic         INTEGER NOT NULL REFERENCES topics,
    number        INTEGER NOT NULL,
    beginning     INTEGER NOT NULL DEFAULT 0,
    next_position INTEGER NOT NULL DEFAULT 0,
    latest        INTEGER NOT NULL DEFAULT 0,
    closed        INTEGER NOT NULL DEFAULT 0,
    deleted       INTEGER NOT NULL DEFAULT 0,
    attributes    TEXT    NOT NULL,
    origin        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number)
) STRICT;

-- id is that of the segment's first batch. The segment that still grows has no row.
CREATE TABLE segments (
    id     INTEGER PRIMARY KEY,
    stop   INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;

-- id is the partition's id * 2^44 + the first record's position, latest is the highest
-- time in the partition up to and with this batch, the other columns: docs/log.md.
CREATE TABLE batches (
    id          INTEGER PRIMARY KEY,
    records     INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    latest      INTEGER NOT NULL,
    times       BLOB,
    lengths     BLOB    NOT NULL,
    nulls       BLOB,
    key_lengths BLOB,
    key_nulls   BLOB,
    headers     BLOB,
    keys        BLOB,
    data        BLOB    NOT NULL
) STRICT;
