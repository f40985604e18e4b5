-- name: insert_dead_letter
-- The same bytes for the same reason on the same topic are one letter that came again.
INSERT INTO dead_letter (topic, reason, detail, bytes, full_length, sha256)
VALUES (%(topic)s, %(reason)s, %(detail)s, %(bytes)b, %(full_length)s, %(sha256)b)
ON CONFLICT (sha256, topic, reason) DO UPDATE
SET last_seen_at = clock_timestamp(), times_seen = dead_letter.times_seen + 1
RETURNING id;

-- name: latest_dead_letters
SELECT
    id, topic, reason, detail, full_length, encode(sha256, 'hex'),
    first_seen_at, last_seen_at, times_seen
FROM dead_letter
WHERE %(reason)s::text IS NULL OR reason = %(reason)s
ORDER BY last_seen_at DESC, id DESC
LIMIT %(limit)s;

-- name: one_dead_letter
SELECT
    id, topic, reason, detail, full_length, encode(sha256, 'hex'),
    first_seen_at, last_seen_at, times_seen
FROM dead_letter
WHERE id = %(letter_id)s;

-- name: dead_letter_bytes
SELECT bytes FROM dead_letter WHERE id = %(letter_id)s;
