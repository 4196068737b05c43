-- From a batch's rows, in the view that has the table's name, to what its table takes

-- name: keep
CREATE OR REPLACE TEMP TABLE {kept} AS {rows}

-- How many rows there are, how many have a key, the smallest and the largest, and where the
-- batch's rows come from, in order.
-- name: extent
SELECT
  count(*),
  count({key}),
  min({key}),
  max({key}),
  (
    SELECT list({{'t': _topic, 'p': _partition}} ORDER BY _topic, _partition)
    FROM (SELECT DISTINCT _topic, _partition FROM {table})
  )
FROM ({cleaned})

-- A row's place in the order of (topic or stream, partition, position, element), as one number:
-- 63 bits of position and 32 of element, below the place of its source.
-- name: place
(CAST(list_position({sources}, {{'t': _topic, 'p': _partition}}) AS HUGEINT) << 95)
+ (CAST(_offset AS HUGEINT) << 32) + _element

-- The first place of each key of the batch.
-- name: places
SELECT {key} AS key, min({place}) AS place
FROM ({cleaned})
WHERE {key} IS NOT NULL
GROUP BY {key}

-- Those that the table does not hold already.
-- name: firsts
SELECT key, place FROM ({places}) ANTI JOIN {held} AS held USING (key)

-- name: rows
SELECT {columns}
FROM ({cleaned}) AS cleaned
SEMI JOIN {firsts} AS firsts ON firsts.place = {place}

-- The rows that cleaning leaves without a key, for the quarantine.
-- name: keyless
SELECT _topic, _partition, _offset, _element, CAST(to_json(batch) AS VARCHAR)
FROM ({cleaned}) AS cleaned
JOIN {table} AS batch USING (_topic, _partition, _offset, _element)
WHERE cleaned.{key} IS NULL

-- name: no_keys
(SELECT {key} AS key FROM ({cleaned}) WHERE false)

-- Nor the tail.
-- name: nor_tail
ANTI JOIN (SELECT {key} AS key FROM {tail}) AS tail USING (key)
