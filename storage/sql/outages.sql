-- name: lock_gateway_of_outage
-- Two messages of one outage are stored one after the other.
-- A lock on its row would ask for the right to change it.
SELECT pg_advisory_xact_lock(hashtextextended('adhere.outage', id)) FROM gateway
WHERE id = %(gateway_id)s;

-- name: told_outage
-- The times of a box without the hub's word may differ by seconds from one message to the next.
SELECT id FROM gateway_outage
WHERE gateway_id = %(gateway_id)s AND reason = %(ear)s
    AND lower(during) BETWEEN %(began)s::timestamptz - interval '1 minute'
        AND %(began)s::timestamptz + interval '1 minute';

-- name: insert_outage
INSERT INTO gateway_outage (gateway_id, during, reason)
VALUES (%(gateway_id)s, tstzrange(%(began)s, %(until)s), %(ear)s);

-- name: lengthen_outage
UPDATE gateway_outage SET during = tstzrange(lower(during), %(until)s)
WHERE id = %(id)s AND upper(during) < %(until)s;
