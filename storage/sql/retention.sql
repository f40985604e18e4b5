-- name: list_reading_days
-- The UTC days there are in each reading table, oldest first.
SELECT reading_table, day, state, bytes FROM list_reading_days() ORDER BY day, reading_table;

-- name: compress_reading_day
SELECT compress_reading_day(%(reading_table)s, %(day)s);

-- name: drop_reading_day
SELECT drop_reading_day(%(day)s);

-- name: drop_payloads
SELECT drop_payloads(%(came_before)s, %(most)s);

-- name: drop_letter_bytes
SELECT drop_letter_bytes(%(came_before)s, %(most)s);

-- name: note_unowned_spans
-- What the night has claimed of bands in times in which nobody was assigned. Pieces less than an hour
-- apart are one: who deletes looks at each reading's own time.
INSERT INTO unowned_span (device_id, came_on, until_batch_id, during)
SELECT heard.device_id, heard.came_on, heard.newest, piece.during
FROM (
    SELECT
        claimed.device_id,
        (batch.committed_at AT TIME ZONE 'UTC')::date AS came_on,
        max(batch.id) AS newest,
        range_agg(tstzrange(claimed.min_at, claimed.max_at + interval '1 hour')) AS spans
    FROM claimed
    JOIN batch ON batch.id = claimed.batch_id
    GROUP BY 1, 2
) AS heard
CROSS JOIN LATERAL unnest(
    heard.spans - coalesce(
        (
            SELECT range_agg(held.worn) FROM device_assignment AS held
            WHERE held.device_id = heard.device_id
        ),
        '{}'
    )
) AS piece (during);

-- name: due_for_purge
-- The bands with spans of nobody's that came before a day.
SELECT DISTINCT device_id FROM unowned_span WHERE came_on < %(came_before)s ORDER BY device_id;

-- name: purge_unowned
SELECT readings, payloads FROM purge_unowned(%(device_id)s, %(came_before)s);

-- name: purge_quarantined
SELECT purge_quarantined(%(came_before)s);

-- name: count_unowned
-- How many bands have spans of nobody's waiting, and since when the oldest does.
SELECT count(DISTINCT device_id), min(came_on) FROM unowned_span;

-- name: count_purged
SELECT coalesce(sum(readings), 0)::bigint, count(*) FROM purged;

-- name: last_day_gone
-- The newest UTC day whose readings are gone for good.
SELECT max(day) FROM dropped_day WHERE NOT is_exported;

-- name: has_compression
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
