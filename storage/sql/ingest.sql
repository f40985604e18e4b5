-- name: insert_batches
-- Enter batches into the ledger in one order, so that two hubs never wait for each other in a circle.
INSERT INTO batch (
    gateway_id, boot, seq, content_sha256, previous_sha256, lane, schema_version,
    sealed_at, sealed_mono_ms, reading_count, quarantined_count, readings_before, unread
)
SELECT
    gateway_id, boot, seq, content_sha256, previous_sha256, lane, schema_version,
    timestamptz 'epoch' + sealed_utc_ms * interval '1 millisecond', sealed_mono_ms,
    reading_count, quarantined_count, readings_before, unread
FROM unnest(
    %(gateway_id)s::integer[], %(boot)b::bytea[], %(seq)s::bigint[], %(content_sha256)b::bytea[],
    %(previous_sha256)b::bytea[], %(lane)s::text[], %(schema_version)s::smallint[],
    %(sealed_utc_ms)s::bigint[], %(sealed_mono_ms)s::bigint[],
    %(reading_count)s::integer[], %(quarantined_count)s::integer[],
    %(readings_before)s::bigint[], %(unread)s::text[]
) AS come (
    gateway_id, boot, seq, content_sha256, previous_sha256, lane, schema_version,
    sealed_utc_ms, sealed_mono_ms, reading_count, quarantined_count, readings_before, unread
)
ORDER BY gateway_id, boot, seq
ON CONFLICT (gateway_id, boot, seq) DO NOTHING
RETURNING id, gateway_id, boot, seq;

-- name: find_batches
-- What the ledger holds under these keys.
SELECT gateway_id, boot, seq, content_sha256
FROM batch
JOIN unnest(%(gateway_id)s::integer[], %(boot)b::bytea[], %(seq)s::bigint[])
    AS asked (gateway_id, boot, seq) USING (gateway_id, boot, seq);

-- name: insert_payloads
-- Keep the signed bytes, once per content.
INSERT INTO batch_payload (content_sha256, sealed)
SELECT content_sha256, sealed
FROM unnest(%(content_sha256)b::bytea[], %(sealed)b::bytea[]) AS come (content_sha256, sealed)
ORDER BY content_sha256
ON CONFLICT (content_sha256) DO NOTHING;

-- name: insert_declared_loss
-- Keep what a spool says it has lost up to this batch.
INSERT INTO declared_loss (batch_id, unsealed, sealed, released, released_batches)
VALUES (%(batch_id)s, %(unsealed)s, %(sealed)s, %(released)s, %(released_batches)s);

-- name: find_devices
SELECT device_key, id FROM device WHERE device_key = ANY (%(device_keys)s);

-- name: insert_devices
-- A band first heard is a device from then on; who wears it is decided elsewhere.
INSERT INTO device (device_key)
SELECT device_key FROM unnest(%(device_keys)s::text[]) AS heard (device_key)
ORDER BY device_key
ON CONFLICT (device_key) DO NOTHING;

-- name: find_devices_in_lines
-- As find_devices, for a hub's many: one long text costs it a tenth of what an array of texts does.
SELECT device_key, id FROM device
WHERE device_key = ANY (string_to_array(%(lines)s, E'\n'));

-- name: missing_reading_days
-- Of days of tables, those that stand nowhere yet; a hypertable makes its own.
SELECT wanted.reading_table, wanted.day
FROM unnest(%(reading_tables)s::text[], %(days)s::date[]) AS wanted (reading_table, day)
JOIN pg_class AS parent
    ON parent.relname = wanted.reading_table::name
    AND parent.relnamespace = 'public'::regnamespace AND parent.relkind = 'p'
WHERE NOT EXISTS (
    SELECT FROM pg_class AS made
    WHERE made.relname = (wanted.reading_table || to_char(wanted.day, '_YYYYMMDD'))::name
        AND made.relnamespace = 'public'::regnamespace
);

-- name: clock_of_server
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- name: ensure_reading_days
SELECT ensure_reading_days(%(reading_table)s, %(days)s::date[]);

-- name: copy_quarantined
COPY quarantined_reading (
    batch_id, device_key, quantity, value, at_utc_ms, span_ms, flags, device_ts_ms, reason
) FROM STDIN;
