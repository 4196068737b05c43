-- From format 1 to 2. Segments of what is there are made when the log is opened.
ALTER TABLE partitions ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;

CREATE TABLE segments (
    id     INTEGER PRIMARY KEY,
    stop   INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;
