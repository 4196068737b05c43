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
INSERT INTO {index}
SELECT DISTINCT {key} FROM found ANTI JOIN {index} AS known ON known.key = {key}
WHERE {key} IS NOT NULL

-- name: add
INSERT INTO {index} SELECT key FROM {keys}
