-- name: find_centre
SELECT id FROM organisation WHERE code = %(centre)s AND kind = 'centre';

-- name: insert_gateway
INSERT INTO gateway (centre_id, code) VALUES (%(centre_id)s, %(gateway)s)
ON CONFLICT (centre_id, code) DO NOTHING;

-- name: find_gateway
SELECT id FROM gateway WHERE centre_id = %(centre_id)s AND code = %(gateway)s;

-- name: insert_gateway_key
INSERT INTO gateway_key (gateway_id, signing_key, encryption_key)
VALUES (%(gateway_id)s, %(signing_key)b, %(encryption_key)b)
ON CONFLICT (signing_key) DO NOTHING
RETURNING id;

-- name: find_key_holder
SELECT gateway_key.gateway_id, gateway_key.encryption_key, gateway_key.revoked_at IS NOT NULL
FROM gateway_key WHERE signing_key = %(signing_key)b;

-- name: find_gateway_keys
-- No row: no such gateway. A row with a null key: the gateway has no such key.
SELECT
    gateway.id, gateway_key.signing_key, gateway_key.encryption_key,
    gateway_key.revoked_at IS NOT NULL
FROM gateway
JOIN organisation ON organisation.id = gateway.centre_id
LEFT JOIN gateway_key ON gateway_key.gateway_id = gateway.id AND gateway_key.kid = %(kid)b
WHERE organisation.code = %(centre)s AND gateway.code = %(gateway)s
ORDER BY gateway_key.revoked_at IS NOT NULL, gateway_key.id;

-- name: revoke_gateway_key
UPDATE gateway_key SET revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE signing_key = %(signing_key)b
RETURNING id;

-- name: find_gateway_by_names
SELECT gateway.id FROM gateway
JOIN organisation ON organisation.id = gateway.centre_id
WHERE organisation.code = %(centre)s AND gateway.code = %(gateway)s;

-- name: revoke_gateway_keys
-- A key that was revoked before keeps its time.
UPDATE gateway_key SET revoked_at = clock_timestamp()
FROM gateway
JOIN organisation ON organisation.id = gateway.centre_id
WHERE gateway_key.gateway_id = gateway.id AND gateway_key.revoked_at IS NULL
AND organisation.code = %(centre)s AND gateway.code = %(gateway)s;

-- name: put_outage
INSERT INTO gateway_outage (gateway_id, during, reason)
SELECT gateway.id, tstzrange(%(since)s, %(until)s), %(reason)s
FROM gateway JOIN organisation AS centre ON centre.id = gateway.centre_id
WHERE centre.code = %(centre)s AND gateway.code = %(gateway)s
    AND NOT EXISTS (
        SELECT FROM gateway_outage
        WHERE gateway_id = gateway.id
            AND (during, reason) = (tstzrange(%(since)s, %(until)s), %(reason)s)
    );

-- name: hold_gateway_key
-- A key of this gateway that is in force, and stays so until the transaction ends.
SELECT gateway_key.id
FROM gateway_key
JOIN gateway ON gateway.id = gateway_key.gateway_id
JOIN organisation ON organisation.id = gateway.centre_id
WHERE organisation.code = %(centre)s AND gateway.code = %(gateway)s
    AND gateway_key.signing_key = %(signing_key)b AND gateway_key.revoked_at IS NULL
FOR SHARE OF gateway_key;

-- name: all_gateway_keys
SELECT
    gateway_key.signing_key, gateway_key.encryption_key, gateway_key.enrolled_at,
    gateway_key.revoked_at
FROM gateway_key
JOIN gateway ON gateway.id = gateway_key.gateway_id
JOIN organisation ON organisation.id = gateway.centre_id
WHERE organisation.code = %(centre)s AND gateway.code = %(gateway)s
ORDER BY gateway_key.id DESC;

-- name: newest_batches
SELECT batch_payload.sealed
FROM batch
JOIN batch_payload USING (content_sha256)
JOIN gateway ON gateway.id = batch.gateway_id
JOIN organisation ON organisation.id = gateway.centre_id
WHERE organisation.code = %(centre)s AND gateway.code = %(gateway)s
    AND batch.committed_at >= %(since)s
ORDER BY batch.id DESC
LIMIT %(limit)s;

-- name: retire_gateway_keys
-- All but the newest; a key that was revoked before keeps its time.
UPDATE gateway_key SET revoked_at = clock_timestamp()
FROM gateway
JOIN organisation ON organisation.id = gateway.centre_id
WHERE gateway_key.gateway_id = gateway.id AND gateway_key.revoked_at IS NULL
    AND organisation.code = %(centre)s AND gateway.code = %(gateway)s
    AND gateway_key.id < (
        SELECT max(newer.id) FROM gateway_key AS newer
        WHERE newer.gateway_id = gateway.id AND newer.revoked_at IS NULL
    );

-- name: revoked_keys
SELECT signing_key FROM gateway_key
WHERE gateway_id = %(gateway_id)s AND revoked_at IS NOT NULL
ORDER BY revoked_at, id;
