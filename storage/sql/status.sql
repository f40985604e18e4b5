-- name: server_versions
SELECT
    current_setting('server_version'),
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb');

-- name: stored_counts
SELECT
    (SELECT count(*) FROM batch),
    (SELECT coalesce(sum(reading_count), 0)::bigint FROM batch),
    (SELECT coalesce(sum(quarantined_count), 0)::bigint FROM batch),
    (SELECT max(committed_at) FROM batch),
    (SELECT count(*) FROM dead_letter),
    (SELECT count(*) FROM touched),
    (SELECT coalesce(sum(unsealed + sealed + released), 0)::bigint FROM spool_loss);
