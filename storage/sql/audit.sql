-- The audit trail as a chain of sealed blocks.

-- name: seal_audit
SELECT seal_audit();

-- name: newest_audit_block
SELECT number, sha256 FROM audit_block ORDER BY number DESC LIMIT 1;

-- name: read_audit_blocks
SELECT
    number, from_id, to_id, row_count, (extract(epoch FROM sealed_at) * 1000)::bigint, previous_sha256,
    sha256
FROM audit_block
ORDER BY number;

-- name: read_audit_rows
-- Every field as the text that is sealed.
SELECT
    id, (extract(epoch FROM at) * 1000000)::bigint::text, actor, action, subject, detail::text
FROM audit
ORDER BY id;

-- name: count_unsealed_audit
SELECT count(*) FROM audit WHERE id > (SELECT coalesce(max(to_id), 0) FROM audit_block);

-- name: knows_reported_anchors
-- Not in a backup of before they were kept with their hash.
SELECT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass('nightly_run') AND attname = 'audit_sha256' AND NOT attisdropped
);

-- name: read_reported_anchors
-- What the covers of reports name.
SELECT DISTINCT audit_block, audit_sha256 FROM nightly_run
WHERE audit_sha256 IS NOT NULL
ORDER BY audit_block;
