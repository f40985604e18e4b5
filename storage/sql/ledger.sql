-- The completeness ledger: what boxes have sealed, what is here of it, what is missing and why.

-- name: ledger_catch_up
SELECT ledger_catch_up(%(most)s);

-- name: ledger_wait
-- For whoever must have it whole: until the transaction ends nobody else counts.
SELECT
    set_config('lock_timeout', %(patience)s, true),
    pg_advisory_xact_lock(hashtextextended('adhere.ledger', 0));

-- name: ledger_uncounted
SELECT count(*) FROM ledger_due;

-- name: ledger_anew
SELECT ledger_anew();

-- name: read_ledger_hours
-- By centre, gateway and hour, the newest first.
SELECT
    centre.code, gateway.code, hour, expected, stored, lost, pending, unknown_batches, batches,
    quarantined, clock_suspect
FROM ledger
JOIN gateway ON gateway.id = gateway_id
JOIN organisation AS centre ON centre.id = gateway.centre_id
WHERE hour >= %(since)s AND hour < %(until)s
    AND (%(gateway_ids)s::integer[] IS NULL OR gateway_id = ANY (%(gateway_ids)s))
ORDER BY hour DESC, centre.code, gateway.code
LIMIT %(limit)s;

-- name: read_ledger_gateways
-- Every enrolled gateway with its sums, those of which nothing came too; what it says to have on its
-- disk stands beside, null where nobody knows: it is there now, so it is pending in any time. Of one
-- that is silent in that time nothing is known, and that is not zero; nor is it of one that is down,
-- from its last batch on.
SELECT
    gateway.id, centre.code, gateway.code, centre.name,
    CASE
        WHEN coalesce(of_hours.unknown_batches, 0) = 0
            AND coalesce(down.since, 'infinity') >= %(until)s
            AND (of_hours.gateway_id IS NOT NULL OR on_box.gateway_id IS NOT NULL)
            THEN coalesce(of_hours.stored + of_hours.lost + of_hours.pending, 0)
                + before.pending
    END,
    coalesce(of_hours.stored, 0), coalesce(of_hours.lost, 0),
    coalesce(of_hours.pending, 0) + before.pending,
    coalesce(of_hours.unknown_batches, 0), coalesce(of_hours.batches, 0),
    coalesce(of_hours.quarantined, 0), coalesce(of_hours.clock_suspect, 0),
    state.online, state.came_at, on_box.pending,
    (SELECT max(newest_came_at) FROM ledger_spool AS spool WHERE spool.gateway_id = gateway.id),
    coalesce(of_gaps.gaps, 0),
    (
        SELECT count(*) FROM ledger_finding AS finding
        WHERE finding.gateway_id = gateway.id AND seen_at IS NULL
    ),
    (
        SELECT count(*) FROM dead_letter
        WHERE dead_letter.gateway_id = gateway.id AND first_seen_at >= %(since)s
            AND first_seen_at < %(until)s
    )
FROM gateway
JOIN organisation AS centre ON centre.id = gateway.centre_id
LEFT JOIN (
    SELECT
        gateway_id, sum(stored)::bigint AS stored, sum(lost)::bigint AS lost,
        sum(pending)::bigint AS pending, sum(unknown_batches)::bigint AS unknown_batches,
        sum(batches)::bigint AS batches,
        sum(quarantined)::bigint AS quarantined, sum(clock_suspect)::bigint AS clock_suspect
    FROM ledger
    WHERE hour >= %(since)s AND hour < %(until)s
    GROUP BY gateway_id
) AS of_hours ON of_hours.gateway_id = gateway.id
LEFT JOIN (
    SELECT gateway_id, count(*) AS gaps FROM ledger_gap GROUP BY gateway_id
) AS of_gaps ON of_gaps.gateway_id = gateway.id
LEFT JOIN gateway_state AS state ON state.gateway_id = gateway.id
LEFT JOIN ledger_on_box AS on_box ON on_box.gateway_id = gateway.id
LEFT JOIN ledger_down AS down ON down.gateway_id = gateway.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN on_box.hour < %(since)s THEN on_box.pending ELSE 0 END AS pending
) AS before
WHERE %(gateway_ids)s::integer[] IS NULL OR gateway.id = ANY (%(gateway_ids)s)
ORDER BY centre.code, gateway.code;

-- name: read_ledger_days
-- By gateway and local day: every enrolled gateway has a row for each day on which anything of it
-- was sealed, missed or refused.
SELECT
    centre.code, gateway.code, of_day.day,
    CASE
        WHEN bool_and(is_known) THEN sum(stored) + sum(lost) + sum(pending)
    END::bigint,
    sum(stored)::bigint, sum(lost)::bigint, sum(pending)::bigint, sum(unknown_batches)::bigint,
    sum(batches)::bigint, sum(quarantined)::bigint, sum(clock_suspect)::bigint,
    sum(refused)::bigint
FROM (
    SELECT
        gateway_id, (hour AT TIME ZONE %(time_zone)s)::date AS day, stored, lost, pending,
        unknown_batches, batches, quarantined, clock_suspect, 0 AS refused,
        expected IS NOT NULL AS is_known
    FROM ledger
    WHERE hour >= %(since)s AND hour < %(until)s
    UNION ALL
    SELECT
        gateway_id, (first_seen_at AT TIME ZONE %(time_zone)s)::date, 0, 0, 0, 0, 0, 0, 0, 1, true
    FROM dead_letter
    WHERE gateway_id IS NOT NULL AND first_seen_at >= %(since)s AND first_seen_at < %(until)s
) AS of_day
JOIN gateway ON gateway.id = gateway_id
JOIN organisation AS centre ON centre.id = gateway.centre_id
GROUP BY centre.code, gateway.code, of_day.day
ORDER BY centre.code, gateway.code, of_day.day;

-- name: read_ledger_gaps
-- Open gaps, the newest first.
SELECT
    centre.code, gateway.code, encode(boot, 'hex'), first_seq, last_seq, batches, readings, lost,
    after_at, before_at, opened_at
FROM ledger_gap
JOIN gateway ON gateway.id = gateway_id
JOIN organisation AS centre ON centre.id = gateway.centre_id
WHERE %(gateway_ids)s::integer[] IS NULL OR gateway_id = ANY (%(gateway_ids)s)
ORDER BY opened_at DESC, ledger_gap.id DESC
LIMIT %(limit)s;

-- name: read_ledger_findings
-- What is held against boxes, the newest first.
SELECT
    finding.id, finding.kind, centre.code, gateway.code, encode(boot, 'hex'), seq, dead_letter_id, found_at,
    seen_at, seen.code
FROM ledger_finding AS finding
JOIN gateway ON gateway.id = gateway_id
JOIN organisation AS centre ON centre.id = gateway.centre_id
LEFT JOIN staff AS seen ON seen.id = seen_by
WHERE (%(gateway_ids)s::integer[] IS NULL OR gateway_id = ANY (%(gateway_ids)s))
    AND (seen_at IS NULL OR NOT %(unseen)s)
ORDER BY seen_at IS NULL DESC, found_at DESC, finding.id DESC
LIMIT %(limit)s;

-- name: see_finding
-- Once: who saw it first stays. Only who looks after the box.
UPDATE ledger_finding SET seen_at = clock_timestamp(), seen_by = %(staff_id)s
WHERE id = %(finding_id)s AND seen_at IS NULL
    AND gateway_id IN (SELECT gateways_looked_after(%(staff_id)s))
RETURNING kind;

-- name: gateways_looked_after
SELECT gateways_looked_after(%(staff_id)s);

-- name: find_gateway_by_code
-- Of a code alone, or of centre/code.
SELECT gateway.id
FROM gateway
JOIN organisation AS centre ON centre.id = gateway.centre_id
WHERE gateway.code = %(gateway)s AND (%(centre)s::text IS NULL OR centre.code = %(centre)s);

-- name: reported_quality
-- Each gateway on each local day since it was enrolled. A day without a row in the ledger is one on
-- which nothing was sealed, where a whole chain goes over it; elsewhere nobody knows. Nor does
-- anybody of the day of the last batch of a box that is down.
WITH box AS (
    SELECT
        gateway.id, centre.code AS centre_code, gateway.code AS gateway_code,
        (
            least(
                (SELECT min(enrolled_at) FROM gateway_key WHERE gateway_id = gateway.id),
                (SELECT min(first_at) FROM ledger_spool WHERE gateway_id = gateway.id)
            ) AT TIME ZONE %(time_zone)s
        )::date AS first_day
    FROM gateway
    JOIN organisation AS centre ON centre.id = centre_id
), of_day AS (
    SELECT
        gateway_id, (hour AT TIME ZONE %(time_zone)s)::date AS day,
        CASE WHEN bool_and(expected IS NOT NULL) THEN sum(expected) END AS expected,
        sum(stored) AS stored, sum(lost) AS lost, sum(pending) AS pending,
        sum(unknown_batches) AS unknown_batches, sum(quarantined) AS quarantined,
        sum(clock_suspect) AS clock_suspect
    FROM ledger
    WHERE hour >= %(since)s AND hour < %(until)s
    GROUP BY 1, 2
), refused AS (
    SELECT
        gateway_id, (first_seen_at AT TIME ZONE %(time_zone)s)::date AS day, count(*) AS letters,
        count(*) FILTER (WHERE reason = 'forked_spool') AS forked
    FROM dead_letter
    WHERE first_seen_at >= %(since)s AND first_seen_at < %(until)s
    GROUP BY 1, 2
)
SELECT
    centre_code, gateway_code, days.day,
    CASE
        WHEN of_day.day IS NOT NULL THEN of_day.expected
        WHEN EXISTS (
            SELECT FROM ledger_spool AS spool
            WHERE spool.gateway_id = box.id
                AND (spool.first_at AT TIME ZONE %(time_zone)s)::date <= days.day
                AND (spool.last_at AT TIME ZONE %(time_zone)s)::date >= days.day
        ) AND NOT EXISTS (
            SELECT FROM ledger_gap AS gap
            WHERE gap.gateway_id = box.id
                AND (coalesce(gap.after_at, gap.before_at) AT TIME ZONE %(time_zone)s)::date
                    <= days.day
                AND (gap.before_at AT TIME ZONE %(time_zone)s)::date >= days.day
        ) THEN 0
    END::bigint,
    coalesce(of_day.stored, 0)::bigint, coalesce(of_day.lost, 0)::bigint,
    coalesce(of_day.pending, 0)::bigint, coalesce(of_day.unknown_batches, 0)::bigint,
    coalesce(of_day.quarantined, 0)::bigint, coalesce(of_day.clock_suspect, 0)::bigint,
    coalesce(refused.letters, 0), coalesce(refused.forked, 0)
FROM box
JOIN (
    SELECT day::date
    FROM generate_series(%(first_day)s::date, %(night)s::date, interval '1 day') AS day
) AS days ON days.day >= box.first_day
LEFT JOIN of_day ON of_day.gateway_id = box.id AND of_day.day = days.day
LEFT JOIN refused ON refused.gateway_id = box.id AND refused.day = days.day
ORDER BY centre_code, gateway_code, days.day;
