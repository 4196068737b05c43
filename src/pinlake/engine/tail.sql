-- The decoded rows of a table's tail, which go once a commit holds them

-- name: forget
DELETE FROM {batch} WHERE _topic = $f AND _partition = $n AND _offset <= $upto

-- name: forget_generic
DELETE FROM {batch} WHERE _stream = $f AND _shard = $n AND CAST(_position AS BIGINT) <= $upto
