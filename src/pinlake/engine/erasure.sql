-- Finding what is to be erased

-- The places of the rows of one key.
-- name: of_key
SELECT _topic, _partition, _offset, _element
FROM ({cleaned})
WHERE CAST({key} AS VARCHAR) = ?
ORDER BY ALL

-- What a quarantine table holds, but for the rows that stand for erased ones.
-- name: refused
SELECT topic, partition, position, element, bytes FROM refused WHERE reason <> ?

-- The rows that stand for erased ones.
-- name: erased
SELECT topic, partition, position, element, bytes FROM refused WHERE reason = ?
