-- The statements of the embedded log, each stands under its name.

-- name: log_id
SELECT id FROM log;

-- name: set_log_id
INSERT INTO log (id) VALUES (?);

-- name: names
SELECT name FROM topics WHERE kind = ? AND NOT deleted ORDER BY name;

-- name: all_names
SELECT kind, name FROM topics WHERE NOT deleted;

-- name: topic
SELECT topics.created, topics.attributes, partitions.number, partitions.beginning,
       partitions.next_position, partitions.closed, partitions.attributes, partitions.id,
       partitions.latest, partitions.origin
FROM topics
LEFT JOIN partitions ON partitions.topic = topics.id AND NOT partitions.deleted
WHERE topics.kind = ? AND topics.name = ? AND NOT topics.deleted
ORDER BY partitions.number;

-- name: partition
SELECT partitions.id, partitions.beginning, partitions.next_position
FROM topics
JOIN partitions ON partitions.topic = topics.id AND partitions.number = ?
WHERE topics.kind = ? AND topics.name = ? AND NOT topics.deleted AND NOT partitions.deleted;

-- name: read
SELECT id, records, time, times, lengths, nulls, key_lengths, key_nulls, headers, keys, data
FROM batches
WHERE id >= coalesce((SELECT max(id) FROM batches WHERE id BETWEEN :partition AND :start), :start)
  AND id < :stop
ORDER BY id;

-- name: batch_at
SELECT id, records, latest FROM batches
WHERE id BETWEEN :partition AND :position
ORDER BY id DESC LIMIT 1;

-- name: add_batch
INSERT INTO batches (id, records, time, latest, times, lengths, nulls, key_lengths, key_nulls,
                     headers, keys, data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: move_end
UPDATE partitions SET next_position = ?, latest = ? WHERE id = ?;

-- name: create_topic
INSERT INTO topics (kind, name, created, attributes) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, name) DO UPDATE
SET created = excluded.created, attributes = excluded.attributes, deleted = 0;

-- name: create_partition
INSERT INTO partitions (topic, number, attributes)
VALUES ((SELECT id FROM topics WHERE kind = ? AND name = ?), ?, ?)
ON CONFLICT (topic, number) DO UPDATE
SET attributes = excluded.attributes, beginning = next_position, origin = next_position,
    closed = 0, deleted = 0;

-- name: skip
UPDATE partitions SET beginning = ?, next_position = ?, origin = ? WHERE id = ?;

-- name: set_attributes
UPDATE topics SET attributes = ? WHERE kind = ? AND name = ?;

-- name: close_partition
UPDATE partitions SET closed = 1 WHERE id = ?;

-- name: delete_topic
UPDATE topics SET deleted = 1 WHERE kind = ? AND name = ?;

-- name: delete_partition
UPDATE partitions SET deleted = 1, beginning = next_position WHERE id = ?;

-- name: delete_batches
DELETE FROM batches WHERE id >= ? AND id < ?;

-- name: batch_after
SELECT id FROM batches WHERE id BETWEEN :partition AND :position
ORDER BY id LIMIT 1 OFFSET :count;

-- name: beginnings
SELECT id, beginning FROM partitions;

-- name: sweep
DELETE FROM batches WHERE id IN
  (SELECT id FROM batches WHERE id >= :partition AND id < :stop ORDER BY id LIMIT :count);

-- name: segments
SELECT id, stop, latest, bytes FROM segments WHERE id >= :partition AND id < :next ORDER BY id;

-- name: add_segment
INSERT INTO segments (id, stop, latest, bytes) VALUES (?, ?, ?, ?);

-- name: delete_segments
DELETE FROM segments WHERE id >= ? AND id < ? AND stop <= ?;

-- name: sizes
SELECT id, records, time, times, length(data) + coalesce(length(keys), 0) FROM batches
WHERE id >= :start AND id < :next
ORDER BY id;

-- name: move_beginning
UPDATE partitions SET beginning = ? WHERE id = ?;
