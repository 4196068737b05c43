-- The rows of a table's tail, look after look

-- name: make
CREATE TABLE {tail} AS SELECT *, {chunk} AS _chunk FROM ({rows})

-- name: add
INSERT INTO {tail} SELECT *, {chunk} AS _chunk FROM ({rows})

-- name: upto
SELECT * EXCLUDE (_chunk) FROM {tail} WHERE _chunk <= {chunk}
