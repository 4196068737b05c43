-- Decoding plain records, and only those: the cheap way for almost all of them

-- The rows that are not plain. A plain one is an object with no other keys than the columns' own,
-- each once, each value of the column's own JSON type and in its range. DuckDB's parser takes NaN,
-- Infinity and a comma before a bracket, which are no JSON: so a number must be finite, and the
-- last sign before the closing bracket no comma, nor a blank that may hide one.
-- name: odd
SELECT row
FROM records
WHERE NOT coalesce(
  CASE
    WHEN len(try(json_keys(value))) = {count} AND try(json_type(value, {paths})) = {usual}
      THEN list_transform([try({numbers})], lambda numbers: {in_range})[1]
    ELSE {fits}
  END
  AND {closed},
  false
)
ORDER BY row

-- That each column's value fits: its type and number are looked up by name, so there are no other
-- keys, and none twice, where there are as many as were found.
-- name: fits
list_transform(
  [{{
    'keys': len(try(json_keys(value))),
    'types': try(json_type(value, {paths})),
    'numbers': try({numbers})
  }}],
  lambda record: {fitting}
)[1]

-- That the last sign before the closing bracket is no comma, nor a blank that may hide one.
-- name: closed
CASE
  WHEN suffix(value, '"}}') OR suffix(value, '"}}' || chr(10)) THEN true
  ELSE regexp_matches(right(value, 3), '[^,\s]\}}\n?\z')
END

-- The table's columns and where they come from, of the records in {records}.
-- name: rows
SELECT
  {columns},
  CAST($topics AS VARCHAR[])[source + 1] AS _topic,
  CAST($partitions AS INTEGER[])[source + 1] AS _partition,
  position AS _offset,
  element AS _element,
  CAST($objects AS VARCHAR[])[source + 1] AS _object,
  rescued AS _rescued_data
FROM ({records})

-- Records that are all plain.
-- name: known
SELECT *, from_json(value, {types}) AS fields FROM records

-- Records that fail with {error}, or since it is no JSON, at one that is not plain by {proof}.
-- name: hoped
SELECT * REPLACE (CASE {proof} ELSE error({error}) END AS position) FROM ({known})

-- That a record is what its own fields give, written as most producers do: in the columns' order,
-- without a blank, texts as they are. It then says nothing else: the first text that had a quote
-- or backslash in it would have ended, or gone on, somewhere else.
-- name: rewritten
WHEN NOT contains(value, '\') AND {finite} AND value = concat({pieces}) THEN position

-- name: end
CASE WHEN suffix(value, chr(10)) THEN {line} ELSE {end} END

-- That a record has as many values as columns, all found, so that these are its keys, each once,
-- and of the usual types: fields that are no texts are read as JSON, so that each shows that it is
-- a number or boolean in range. Only texts' columns are left to be text, and so each is.
-- name: usual
WHEN json_type(value, '$.*') = {usual} AND {proved} AND {closed} THEN position

-- That of a record with as many keys as columns each column has the usual type, by its name.
-- name: named
WHEN len(json_keys(value)) = {count} AND json_type(value, {paths}) = {usual} AND {in_range}
  AND {closed}
THEN position

-- name: fitting
WHEN {fits} AND {closed} THEN position

-- The rows that are no JSON, or may be taken for it by DuckDB alone.
-- name: odd_json
SELECT row
FROM records
WHERE NOT coalesce(try(json_valid(value)), false)
  OR regexp_matches(value, '(?i)nan|inf|,\s*[}}\]]')
  OR length(value) - length(replace(replace(value, '[', ''), '{{', '')) > {depth}
ORDER BY row

-- The records of a topic that no data set claims.
-- name: topic_rows
SELECT
  rtrim(value, chr(10)) AS value,
  CAST($topics AS VARCHAR[])[source + 1] AS _topic,
  CAST($partitions AS INTEGER[])[source + 1] AS _partition,
  position AS _offset,
  element AS _element,
  CAST($objects AS VARCHAR[])[source + 1] AS _object
FROM records

-- The records of a stream that no data set claims.
-- name: stream_rows
SELECT
  value,
  try(decode(key)) AS _partition_key,
  CAST($topics AS VARCHAR[])[source + 1] AS _stream,
  CAST($partitions AS INTEGER[])[source + 1] AS _shard,
  CAST(position AS VARCHAR) AS _position,
  element AS _element
FROM records POSITIONAL JOIN keys

-- The rows whose partition key the patterns leave to others: the longest pattern that fits takes
-- a key, of equally long ones the last by alphabet; the empty pattern takes what none fits.
-- name: not_taken
SELECT row
FROM (
  SELECT
    row_number() OVER () - 1 AS row,
    list_filter($patterns, lambda pattern: coalesce(try(decode(key)), '') GLOB pattern)[1] AS best
  FROM keys
)
WHERE coalesce(best, '') <> $takes
ORDER BY row
