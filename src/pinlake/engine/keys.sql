-- The key index: which keys a table of cleaned rows holds already

-- name: create
CREATE OR REPLACE TEMP TABLE {index} (key {type})

-- The smallest and largest key of each file, from its footer; NULL where the file does not tell.
-- name: ranges
SELECT
  file_name,
  CASE WHEN count(*) = count(stats_min_value) THEN min(CAST(stats_min_value AS {type})) END,
  CASE WHEN count(*) = count(stats_max_value) THEN max(CAST(stats_max_value AS {type})) END
FROM parquet_metadata($files)
WHERE path_in_schema = $key
GROUP BY file_name

-- name: load
INSERT INTO {index} SELECT {key} FROM found WHERE {key} IS NOT NULL

-- name: add
INSERT INTO {index} SELECT key FROM {keys}

-- name: scan
CREATE OR REPLACE TEMP TABLE {held} AS SELECT key FROM {index} SEMI JOIN {keys} USING (key)

-- In order, so that storing the keys goes through the file from its start to its end.
-- name: sort
CREATE OR REPLACE TEMP TABLE {index} AS SELECT key FROM {index} ORDER BY key

-- name: part
SELECT {stored} FROM {index} WHERE rowid >= $first AND rowid < $last ORDER BY 1

-- name: asked
SELECT {stored} FROM {keys} ORDER BY 1

-- Those of a batch's keys that were found stored, or that are not stored yet.
-- name: held
CREATE OR REPLACE TEMP TABLE {held} AS
SELECT key FROM {keys} WHERE {stored} IN (SELECT unnest(CAST($found AS {as_stored}[])))
UNION ALL
SELECT key FROM {keys} SEMI JOIN {index} AS unstored USING (key)
