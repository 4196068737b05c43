-- From a batch's rows, in the view that has the table's name, to what its table takes

-- The first row of each key of the batch, but of the keys that the table holds already.
-- name: firsts
CREATE OR REPLACE TEMP TABLE _firsts AS
SELECT key, _topic, _partition, _offset, _element
FROM (
  SELECT
    {key} AS key,
    _topic,
    _partition,
    _offset,
    _element,
    row_number() OVER (
      PARTITION BY {key} ORDER BY _topic, _partition, _offset, _element
    ) AS place
  FROM ({cleaned})
  WHERE {key} IS NOT NULL
) AS batch
ANTI JOIN {index} AS known ON known.key = batch.key
WHERE place = 1

-- name: rows
SELECT {columns}
FROM ({cleaned}) AS cleaned
SEMI JOIN _firsts USING (_topic, _partition, _offset, _element)

-- How many rows there are and how many have a key, and the smallest and largest key.
-- name: extent
SELECT count(*), count({key}), min({key}), max({key}) FROM ({cleaned})

-- The rows that cleaning leaves without a key, for the quarantine.
-- name: keyless
SELECT _topic, _partition, _offset, _element, CAST(to_json(batch) AS VARCHAR)
FROM ({cleaned}) AS cleaned
JOIN {table} AS batch USING (_topic, _partition, _offset, _element)
WHERE cleaned.{key} IS NULL
ORDER BY _topic, _partition, _offset, _element
