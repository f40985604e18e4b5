-- name: count_batches
-- What the ledger holds of the gateways of these centres.
SELECT
    count(*), coalesce(sum(reading_count), 0)::bigint,
    coalesce(sum(quarantined_count), 0)::bigint
FROM batch
JOIN gateway ON gateway.id = gateway_id
JOIN organisation ON organisation.id = centre_id
WHERE organisation.code = ANY (%(centres)s);

-- name: count_readings
-- Rows of these bands in the reading tables, whatever batch they came in.
SELECT
    (SELECT count(*) FROM heart_rate WHERE device_id = ANY (ids))
    + (SELECT count(*) FROM steps WHERE device_id = ANY (ids))
    + (SELECT count(*) FROM steps_counter WHERE device_id = ANY (ids))
    + (SELECT count(*) FROM rr_interval WHERE device_id = ANY (ids))
    + (SELECT count(*) FROM battery WHERE device_id = ANY (ids))
FROM (SELECT array_agg(id) AS ids FROM device WHERE device_key = ANY (%(device_keys)s)) AS asked;
