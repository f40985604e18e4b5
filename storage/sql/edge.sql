-- name: insert_edge_event
-- Once each; a replayed or resent event changes nothing.
INSERT INTO edge_event (
    gateway_id, boot, number, rule, rule_version, device_key, subject, onset_at, raised_at,
    last_at, state, age_ms, peak_bpm, samples, ceiling_bpm
)
VALUES (
    %(gateway_id)s, %(boot)b, %(number)s, %(rule)s, %(rule_version)s, %(device_key)s, %(subject)s,
    timestamptz 'epoch' + %(onset_utc_ms)s * interval '1 millisecond',
    timestamptz 'epoch' + %(raised_utc_ms)s * interval '1 millisecond',
    timestamptz 'epoch' + %(last_utc_ms)s * interval '1 millisecond',
    %(state)s, %(age_ms)s, %(peak_bpm)s, %(samples)s, %(ceiling_bpm)s
)
ON CONFLICT (gateway_id, boot, number) DO NOTHING
RETURNING id;

-- name: is_same_edge_event
-- The age is that of one sending: it differs from one to the next, the rest does not.
SELECT EXISTS (
    SELECT FROM edge_event
    WHERE gateway_id = %(gateway_id)s AND boot = %(boot)b AND number = %(number)s
        AND (rule, rule_version, device_key, subject, onset_at, raised_at, last_at, state,
             peak_bpm, samples, ceiling_bpm)
            = (%(rule)s, %(rule_version)s, %(device_key)s, %(subject)s,
               timestamptz 'epoch' + %(onset_utc_ms)s * interval '1 millisecond',
               timestamptz 'epoch' + %(raised_utc_ms)s * interval '1 millisecond',
               timestamptz 'epoch' + %(last_utc_ms)s * interval '1 millisecond',
               %(state)s, %(peak_bpm)s, %(samples)s, %(ceiling_bpm)s)
);

-- name: put_gateway_state
-- Whether there is such a gateway. A retained state may be old: it is of the time it says itself,
-- and never newer than now. Every hub hears every state; one that was long in storing it writes
-- over none that came later.
WITH known AS (
    SELECT gateway.id
    FROM gateway
    JOIN organisation ON organisation.id = gateway.centre_id
    WHERE organisation.code = %(centre)s AND gateway.code = %(gateway)s
), came AS (
    SELECT
        timestamptz 'epoch' + %(said_utc_ms)s::bigint * interval '1 millisecond' AS said_at,
        clock_timestamp() - %(waited_ms)s * interval '1 millisecond' AS came_at
), put AS (
    INSERT INTO gateway_state (gateway_id, online, said_at, came_at, said)
    SELECT
        known.id, %(online)s, said_at,
        CASE WHEN %(is_retained)s THEN least(said_at, came_at) ELSE came_at END,
        %(said)s::jsonb
    FROM known CROSS JOIN came
    ON CONFLICT (gateway_id) DO UPDATE
    SET online = excluded.online,
        said_at = coalesce(excluded.said_at, gateway_state.said_at),
        came_at = excluded.came_at,
        said = CASE WHEN excluded.said_at IS NULL THEN gateway_state.said ELSE excluded.said END
    WHERE gateway_state.came_at <= (SELECT came_at FROM came)
)
SELECT id FROM known;

-- name: roster_gateways
-- Every gateway with its keys in force, the newest first, and the roster it was last issued.
SELECT
    gateway.id, centre.id, centre.code, gateway.code,
    (
        SELECT coalesce(array_agg(encryption_key ORDER BY gateway_key.id DESC), '{}')
        FROM gateway_key WHERE gateway_id = gateway.id AND revoked_at IS NULL
    ),
    issue.version, issue.content_sha256, issue.sealed,
    issue.issued_at < clock_timestamp() - %(renew_after)s::interval
FROM gateway
JOIN organisation AS centre ON centre.id = gateway.centre_id
LEFT JOIN roster_issue AS issue ON issue.gateway_id = gateway.id
WHERE %(gateway_id)s::integer IS NULL OR gateway.id = %(gateway_id)s
ORDER BY gateway.id;

-- name: roster_bands
-- Who of a centre wears which band, now, lately or later, with every version that may hold then; a
-- version with phases has a row for each.
-- Times are milliseconds since 1970 or null for no end; days are null for no end.
SELECT
    patient.centre_id, device.device_key, device.family, patient.pseudonym,
    CASE WHEN isfinite(lower(worn)) THEN (1000 * extract(epoch FROM lower(worn)))::bigint END,
    CASE WHEN isfinite(upper(worn)) THEN (1000 * extract(epoch FROM upper(worn)))::bigint END,
    held.from_day, held.until_day, held.ceiling_bpm, held.rest_hr_bpm, held.hr_max_bpm,
    held.intensity_kind, held.zone_lo, held.zone_hi, band_claim.gateway_id, band_key.irk
FROM device_assignment
JOIN device ON device.id = device_assignment.device_id
JOIN patient ON patient.id = device_assignment.patient_id
LEFT JOIN band_claim ON band_claim.assignment_id = device_assignment.id
LEFT JOIN band_key ON band_key.device_id = device.id
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN isfinite(lower(days)) THEN lower(days) END AS from_day,
        CASE WHEN isfinite(upper(days)) THEN upper(days) END AS until_day,
        prescription.id, prescription.ceiling_bpm, prescription.rest_hr_bpm,
        prescription.hr_max_bpm, prescription.intensity_kind, prescribed.zone_lo,
        prescribed.zone_hi, enrolment.starts_on
    FROM enrolment
    JOIN prescription ON prescription.enrolment_id = enrolment.id
    JOIN prescribed ON prescribed.prescription_id = prescription.id
    WHERE enrolment.patient_id = patient.id
        AND (upper_inf(days) OR upper(days) > (now() - interval '3 days')::date)
) AS held ON true
WHERE (%(centre_id)s::integer IS NULL OR patient.centre_id = %(centre_id)s)
    AND (upper_inf(worn) OR upper(worn) > now() - interval '1 day')
ORDER BY patient.centre_id, device.device_key, lower(worn) NULLS FIRST, held.starts_on, held.id,
    held.from_day;

-- name: roster_claimers
-- Who of a centre may claim a band, with the hash of their code and every version that may hold now
-- or later; whoever has no version in force has one row of nulls.
SELECT
    patient.centre_id, patient.pseudonym, claim_code.salt, claim_code.hash,
    held.from_day, held.until_day, held.ceiling_bpm, held.rest_hr_bpm, held.hr_max_bpm,
    held.intensity_kind, held.zone_lo, held.zone_hi
FROM claim_code
JOIN patient ON patient.id = claim_code.patient_id
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN isfinite(lower(days)) THEN lower(days) END AS from_day,
        CASE WHEN isfinite(upper(days)) THEN upper(days) END AS until_day,
        prescription.id, prescription.ceiling_bpm, prescription.rest_hr_bpm,
        prescription.hr_max_bpm, prescription.intensity_kind, prescribed.zone_lo,
        prescribed.zone_hi, enrolment.starts_on
    FROM enrolment
    JOIN prescription ON prescription.enrolment_id = enrolment.id
    JOIN prescribed ON prescribed.prescription_id = prescription.id
    WHERE enrolment.patient_id = patient.id
        AND (upper_inf(days) OR upper(days) > (now() - interval '3 days')::date)
) AS held ON true
WHERE (%(centre_id)s::integer IS NULL OR patient.centre_id = %(centre_id)s)
    AND EXISTS (
        SELECT FROM enrolment
        WHERE enrolment.patient_id = patient.id
            AND starts_on <= (now() + interval '1 day')::date
            AND (ends_on IS NULL OR ends_on > (now() - interval '1 day')::date)
    )
ORDER BY patient.centre_id, patient.pseudonym, held.starts_on, held.id, held.from_day;

-- name: lock_gateway
-- One hub at a time issues a gateway's roster; what refers to the gateway is not held up. A lock on
-- its row would ask for the right to change it.
SELECT id, pg_advisory_xact_lock(hashtextextended('adhere.roster', id)) FROM gateway
WHERE id = %(gateway_id)s;

-- name: next_roster
SELECT
    greatest(
        coalesce((SELECT version FROM roster_issue WHERE gateway_id = %(gateway_id)s), 0) + 1,
        floor(extract(epoch FROM clock_timestamp()))::bigint
    ),
    (1000 * extract(epoch FROM clock_timestamp()))::bigint,
    (1000 * extract(epoch FROM clock_timestamp() + %(valid_for)s::interval))::bigint;

-- name: put_roster_issue
INSERT INTO roster_issue (gateway_id, version, content_sha256, sealed, issued_at, expires_at)
VALUES (
    %(gateway_id)s, %(version)s, %(content_sha256)b, %(sealed)b,
    timestamptz 'epoch' + %(issued_utc_ms)s * interval '1 millisecond',
    timestamptz 'epoch' + %(expires_utc_ms)s * interval '1 millisecond'
)
ON CONFLICT (gateway_id) DO UPDATE
SET version = excluded.version, content_sha256 = excluded.content_sha256,
    sealed = excluded.sealed, issued_at = excluded.issued_at, expires_at = excluded.expires_at
WHERE roster_issue.version < excluded.version;
