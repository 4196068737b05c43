-- What `doctor --deep` asks of rows that were made once more (_made, _cleaned) and those of a table (_held)

-- The raw rows of some objects.
-- name: of_objects
CREATE TABLE _held AS FROM _raw WHERE list_contains($keys, _object)

-- name: lost_rows
SELECT _topic, _partition, _offset, _element FROM _made
EXCEPT ALL
SELECT _topic, _partition, _offset, _element FROM _held

-- name: more_rows
SELECT _topic, _partition, _offset, _element FROM _held
EXCEPT ALL
SELECT _topic, _partition, _offset, _element FROM _made

-- Rows that say something else. NULL says nothing: a column may have come after the row.
-- name: other_rows
SELECT _topic, _partition, _offset, _element
FROM _held JOIN _made USING (_topic, _partition, _offset, _element)
WHERE {other}

-- name: is_other
(_held.{column} IS NOT NULL AND _held.{column} IS DISTINCT FROM _made.{column})

-- name: uncleaned_rows
SELECT {columns} FROM _held EXCEPT SELECT {columns} FROM _cleaned

-- name: lost_keys
SELECT {key} FROM _cleaned WHERE {key} IS NOT NULL EXCEPT SELECT {key} FROM _held

-- name: more_keys
SELECT {key} FROM _held EXCEPT SELECT {key} FROM _cleaned WHERE {key} IS NOT NULL

-- name: double_keys
SELECT {key} FROM _held GROUP BY {key} HAVING count(*) > 1

-- The records of a stream that no data set claims.
-- name: lost_records
SELECT _stream, _shard, _position, _element FROM _made
EXCEPT
SELECT _stream, _shard, _position, _element FROM _held

-- One number of all values in a file: reading them is what counts.
-- name: read_file
SELECT bit_xor(hash(rows)) FROM read_parquet($file) AS rows

-- What was made of the batches of a stream.
-- name: begin_to_keep
CREATE TABLE _kept AS FROM _cleaned

-- name: keep
INSERT INTO _kept FROM _cleaned

-- name: other_stream_rows
SELECT {columns} FROM _held EXCEPT SELECT {columns} FROM _kept
