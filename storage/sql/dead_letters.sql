-- name: insert_dead_letter
-- The same bytes for the same reason on the same topic are one letter that came again.
INSERT INTO dead_letter (topic, reason, detail, bytes, full_length, sha256, gateway_id)
VALUES (
    %(topic)s, %(reason)s, %(detail)s, %(bytes)b, %(full_length)s, %(sha256)b,
    gateway_of_topic(%(topic)s)
)
ON CONFLICT (sha256, topic, reason) DO UPDATE
SET last_seen_at = clock_timestamp(), times_seen = dead_letter.times_seen + 1
RETURNING id;

-- name: latest_dead_letters
SELECT
    letter.id, topic, reason, detail, full_length, encode(sha256, 'hex'),
    first_seen_at, last_seen_at, times_seen, gateway.code, retried_at, retry_outcome, retry_detail,
    bytes_dropped_at
FROM dead_letter AS letter
LEFT JOIN gateway ON gateway.id = gateway_id
WHERE (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(gateway_ids)s::integer[] IS NULL OR gateway_id = ANY (%(gateway_ids)s))
ORDER BY last_seen_at DESC, letter.id DESC
LIMIT %(limit)s;

-- name: one_dead_letter
SELECT
    letter.id, topic, reason, detail, full_length, encode(sha256, 'hex'),
    first_seen_at, last_seen_at, times_seen, gateway.code, retried_at, retry_outcome, retry_detail,
    bytes_dropped_at
FROM dead_letter AS letter
LEFT JOIN gateway ON gateway.id = gateway_id
WHERE letter.id = %(letter_id)s;

-- name: dead_letter_bytes
SELECT bytes FROM dead_letter WHERE id = %(letter_id)s;

-- name: dead_letters_to_retry
-- Those of a reason that no retry has settled and whose bytes are here, in the order in which they
-- came first.
SELECT id
FROM dead_letter
WHERE reason = %(reason)s AND bytes_dropped_at IS NULL
    AND (retry_outcome IS NULL OR retry_outcome NOT IN ('stored', 'duplicate'))
ORDER BY first_seen_at, id;

-- name: dead_letter_to_retry
-- How old it is says the clock of the server, as everywhere.
SELECT
    topic, bytes, full_length,
    (extract(epoch FROM clock_timestamp() - first_seen_at) * 1000)::bigint, retry_outcome
FROM dead_letter
WHERE id = %(letter_id)s;

-- name: mark_retried
-- What is in the tables needs no letter: its bytes go. What was stored once stays stored, and the
-- letter says as which batch: the ledger takes that off what its box has given up.
UPDATE dead_letter
SET retried_at = now_is.at,
    retry_outcome = CASE WHEN retry_outcome = 'stored' THEN 'stored' ELSE %(outcome)s END,
    retry_detail = %(detail)s,
    bytes = CASE WHEN %(outcome)s NOT IN ('stored', 'duplicate') THEN bytes END,
    bytes_dropped_at = CASE
        WHEN %(outcome)s IN ('stored', 'duplicate')
            THEN coalesce(bytes_dropped_at, now_is.at)
        ELSE bytes_dropped_at
    END,
    batch_id = CASE
        WHEN %(outcome)s = 'stored' THEN (
            SELECT batch.id FROM batch
            WHERE batch.gateway_id = %(gateway_id)s AND boot = %(boot)s AND seq = %(seq)s
        )
        ELSE batch_id
    END
FROM (SELECT clock_timestamp() AS at) AS now_is
WHERE id = %(letter_id)s
RETURNING retry_outcome;

-- name: shown_dead_letters
-- For a page: nothing of what came. What came on topics of nobody is for operators of no centre.
SELECT
    letter.id, reason, gateway.code, first_seen_at, last_seen_at, times_seen, retry_outcome
FROM dead_letter AS letter
LEFT JOIN gateway ON gateway.id = gateway_id
WHERE (retry_outcome IS NULL OR retry_outcome NOT IN ('stored', 'duplicate'))
    AND (
        gateway_id = ANY (%(gateway_ids)s::integer[])
        OR gateway_id IS NULL AND EXISTS (
            SELECT FROM staff
            JOIN organisation AS own ON own.id = staff.organisation_id
            WHERE staff.id = %(staff_id)s AND own.kind <> 'centre'
        )
    )
ORDER BY last_seen_at DESC, letter.id DESC
LIMIT %(limit)s;
