-- name: claim_touched
-- Take what was touched: it waits in `claimed` until the end of the transaction.
WITH gone AS (
    DELETE FROM touched RETURNING batch_id, device_id, min_at, max_at
)
INSERT INTO claimed (batch_id, device_id, min_at, max_at)
SELECT batch_id, device_id, min_at, max_at FROM gone;

-- name: touched_days
-- What was claimed, as patients' local days: a reading changes held time a little before and after
-- it, and flags of the minutes after it. `own` days have new readings in them; others lie next to
-- one: the new readings are before the day's start, after its end, or both. Days without an
-- assignment are nobody's.
WITH merged AS (
    SELECT
        device_id,
        unnest(range_agg(tstzrange(
            min_at - %(before)s::interval, max_at + %(after)s::interval, '[]'
        ))) AS reached
    FROM claimed
    GROUP BY device_id
),
worn AS (
    SELECT
        a.patient_id,
        greatest(lower(m.reached), lower(a.worn) - %(before)s::interval) AS reached_from,
        least(upper(m.reached), upper(a.worn) + %(after)s::interval) AS reached_to,
        greatest(lower(m.reached) + %(before)s::interval, lower(a.worn)) AS read_from,
        least(upper(m.reached) - %(after)s::interval, upper(a.worn)) AS read_to
    FROM merged AS m
    JOIN device_assignment AS a ON a.device_id = m.device_id AND a.worn && m.reached
),
local_days AS (
    SELECT
        patient_id,
        date_trunc('day', reached_from AT TIME ZONE 'UTC' + %(offset)s::interval) AS first_reached,
        date_trunc('day', reached_to AT TIME ZONE 'UTC' + %(offset)s::interval) AS last_reached,
        date_trunc('day', read_from AT TIME ZONE 'UTC' + %(offset)s::interval) AS first_read,
        date_trunc('day', read_to AT TIME ZONE 'UTC' + %(offset)s::interval) AS last_read,
        read_from > read_to AS beside_assignment
    FROM worn
)
SELECT
    l.patient_id,
    days.day::date,
    bool_or(l.beside_assignment OR days.day BETWEEN l.first_read AND l.last_read) AS own,
    bool_or(days.day > l.last_read) AS before_start,
    bool_or(days.day < l.first_read) AS after_end
FROM local_days AS l
CROSS JOIN LATERAL generate_series(
    l.first_reached, l.last_reached, interval '1 day'
) AS days (day)
GROUP BY l.patient_id, days.day;

-- name: claimed_near_midnight
-- The claimed batches that hold readings so near a local midnight.
SELECT DISTINCT batch_id
FROM claimed
WHERE date_trunc('day', (max_at + %(near)s::interval) AT TIME ZONE 'UTC' + %(offset)s::interval)
    > date_trunc('day', (min_at - %(near)s::interval) AT TIME ZONE 'UTC' + %(offset)s::interval);

-- name: claim_changed
-- Take what changed beside the readings: patient, first and last local day, null where open.
WITH claimed AS (
    DELETE FROM changed RETURNING patient_id, centre_id, during, days
),
of_patients AS (
    SELECT patient_id, during, days FROM claimed WHERE patient_id IS NOT NULL
    UNION ALL
    SELECT p.patient_id, c.during, c.days
    FROM claimed AS c
    JOIN patient_centre AS p ON p.centre_id = c.centre_id
    WHERE EXISTS (SELECT FROM enrolment AS e WHERE e.patient_id = p.patient_id AND e.mode = 'site')
)
SELECT DISTINCT
    patient_id,
    coalesce(
        lower(days),
        ((lower(during) - %(before)s::interval) AT TIME ZONE 'UTC' + %(offset)s::interval)::date
    ) AS first_day,
    coalesce(
        upper(days) - 1,
        ((upper(during) + %(after)s::interval) AT TIME ZONE 'UTC' + %(offset)s::interval)::date
    ) AS last_day
FROM of_patients;

-- name: recorded_range
-- The first and last local day of which these patients have readings or results.
SELECT patient_id, min(first_day), max(last_day)
FROM (
    SELECT
        a.patient_id,
        (r.first_at AT TIME ZONE 'UTC' + %(offset)s::interval)::date AS first_day,
        (r.last_at AT TIME ZONE 'UTC' + %(offset)s::interval)::date AS last_day
    FROM device_assignment AS a
    CROSS JOIN LATERAL (
        SELECT min(at) AS first_at, max(at) AS last_at FROM heart_rate WHERE device_id = a.device_id
        UNION ALL
        SELECT min(at), max(at) FROM steps WHERE device_id = a.device_id
        UNION ALL
        SELECT min(at), max(at) FROM steps_counter WHERE device_id = a.device_id
    ) AS r
    WHERE a.patient_id = ANY(%(patients)s)
    UNION ALL
    SELECT
        a.patient_id,
        (min(c.day)::timestamp + %(offset)s::interval)::date,
        (max(c.day)::timestamp + interval '1 day' + %(offset)s::interval)::date
    FROM device_assignment AS a
    JOIN cold_content AS c ON c.device_id = a.device_id
    WHERE a.patient_id = ANY(%(patients)s)
    GROUP BY a.patient_id
    UNION ALL
    SELECT e.patient_id, min(d.date), max(d.date)
    FROM enrolment AS e
    JOIN day AS d ON d.enrolment_id = e.id
    WHERE e.patient_id = ANY(%(patients)s)
    GROUP BY e.patient_id
    UNION ALL
    SELECT e.patient_id, min(d.date), max(d.date)
    FROM enrolment AS e
    JOIN side_day AS d ON d.enrolment_id = e.id
    WHERE e.patient_id = ANY(%(patients)s)
    GROUP BY e.patient_id
    UNION ALL
    SELECT patient_id, min(date), max(date) FROM rest_day
    WHERE patient_id = ANY(%(patients)s)
    GROUP BY patient_id
) AS ranges
GROUP BY patient_id
HAVING min(first_day) IS NOT NULL;

-- name: versions_in_force
-- The prescriptions of these patients, each with the local days on which it is in force.
SELECT
    e.patient_id,
    e.id AS enrolment_id,
    p.id AS prescription_id,
    greatest(lower(p.effective), e.starts_on) AS from_day,
    least(upper(p.effective), e.ends_on) AS until_day,
    p.hr_max_bpm AS hr_max,
    p.rest_hr_bpm AS rest_hr,
    p.zone_lo,
    p.zone_hi,
    p.session_min,
    p.sessions_per_week,
    p.weekly_min,
    p.intensity_kind,
    p.day_adds_up,
    p.resistance_per_week,
    p.resistance_min,
    p.rest_days,
    p.balance_per_week,
    p.balance_min,
    p.steps_per_day,
    p.sex,
    p.ceiling_bpm,
    e.starts_on AS start_day
FROM enrolment AS e
JOIN prescription AS p ON p.enrolment_id = e.id
WHERE e.patient_id = ANY(%(patients)s)
    AND greatest(lower(p.effective), e.starts_on)
        < coalesce(least(upper(p.effective), e.ends_on), 'infinity')
ORDER BY e.id, p.version;

-- name: phases_of
-- What these versions ask from some week of the programme on; null: as in the version.
SELECT
    prescription_id, phase, from_week, zone_lo, zone_hi, session_min, sessions_per_week, weekly_min
FROM prescription_phase
WHERE prescription_id = ANY(%(prescriptions)s)
ORDER BY prescription_id, from_week;

-- name: enrolments_of
SELECT patient_id, id AS enrolment_id FROM enrolment
WHERE patient_id = ANY(%(patients)s) ORDER BY id;

-- name: bouts_over_midnight
-- Stored bouts that end on a later local day than they start: patient, first and last day.
SELECT
    e.patient_id,
    b.date AS first_day,
    ((b.end_at - interval '1 microsecond') AT TIME ZONE 'UTC' + %(offset)s::interval)::date AS last_day
FROM bout AS b
JOIN enrolment AS e ON e.id = b.enrolment_id
WHERE e.patient_id = ANY(%(patients)s)
    AND ((b.end_at - interval '1 microsecond') AT TIME ZONE 'UTC' + %(offset)s::interval)::date > b.date;

-- name: make_staging
-- With memory for this transaction: a bitmap of a block's readings has to name every row, or each row
-- of its pages is compared with every band asked for.
SET LOCAL work_mem = '64MB';
CREATE TEMPORARY TABLE new_day ON COMMIT DROP AS SELECT * FROM day WITH NO DATA;
CREATE TEMPORARY TABLE new_bout ON COMMIT DROP AS SELECT * FROM bout WITH NO DATA;
CREATE TEMPORARY TABLE new_week ON COMMIT DROP AS SELECT * FROM week WITH NO DATA;
CREATE TEMPORARY TABLE new_span (
    enrolment_id integer NOT NULL, first_day date NOT NULL, last_day date NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE changed_span (
    enrolment_id integer NOT NULL, first_day date, last_day date
) ON COMMIT DROP;
CREATE TEMPORARY TABLE stale_week (
    enrolment_id integer NOT NULL, week date NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE claimed (
    batch_id bigint NOT NULL, device_id integer NOT NULL,
    min_at timestamptz NOT NULL, max_at timestamptz NOT NULL
) ON COMMIT DROP;

-- name: clear_staging
TRUNCATE new_day, new_bout, new_week, new_span;

-- name: drop_vanished_days
DELETE FROM day AS d
USING new_span AS s
WHERE d.enrolment_id = s.enrolment_id AND d.date BETWEEN s.first_day AND s.last_day
    AND NOT EXISTS (
        SELECT FROM new_day AS n WHERE n.enrolment_id = d.enrolment_id AND n.date = d.date
    );

-- name: drop_vanished_bouts
DELETE FROM bout AS b
USING new_span AS s
WHERE b.enrolment_id = s.enrolment_id AND b.date BETWEEN s.first_day AND s.last_day
    AND NOT EXISTS (
        SELECT FROM new_bout AS n
        WHERE n.enrolment_id = b.enrolment_id AND n.start_at = b.start_at
    );

-- name: note_stale_weeks
-- Weeks whose days were looked at: they are rolled up again.
INSERT INTO stale_week (enrolment_id, week)
SELECT DISTINCT s.enrolment_id, w.week::date
FROM new_span AS s
CROSS JOIN LATERAL generate_series(
    date_trunc('week', s.first_day::timestamp), s.last_day::timestamp, interval '7 days'
) AS w (week);

-- name: note_changed_weeks
-- Weeks that a changed record touches, as far as there are rows; missing ones are listed anyway.
INSERT INTO stale_week (enrolment_id, week)
SELECT DISTINCT w.enrolment_id, w.week
FROM changed_span AS s
JOIN week AS w ON w.enrolment_id = s.enrolment_id
    AND w.week + 6 >= coalesce(s.first_day, '-infinity')
    AND w.week <= coalesce(s.last_day, 'infinity');

-- name: latest_counted
SELECT (SELECT max(counted_to) FROM week), (SELECT max(date) FROM day);

-- name: let_weeks_stand
-- A week with a day that cannot be computed anew would be judged by a mixture of then and now.
DELETE FROM stale_week WHERE week < %(kept_from)s::date;

-- name: weeks_to_roll
-- Enrolled weeks that have begun and whose row is missing, stale, or from before more days counted.
-- A week that begins before the first day that is kept stands as it is, or is not there.
WITH listed AS (
    SELECT e.id AS enrolment_id, e.patient_id, w.week::date AS week
    FROM enrolment AS e
    CROSS JOIN LATERAL generate_series(
        date_trunc('week', e.starts_on::timestamp),
        least(%(through)s::date, e.ends_on - 1)::timestamp,
        interval '7 days'
    ) AS w (week)
)
SELECT l.enrolment_id, l.patient_id, l.week, least(l.week + 6, %(through)s::date) AS counted_to
FROM listed AS l
LEFT JOIN week AS w ON w.enrolment_id = l.enrolment_id AND w.week = l.week
WHERE l.week >= coalesce(%(kept_from)s::date, '-infinity')
    AND (
        w.enrolment_id IS NULL
        OR w.counted_to < least(l.week + 6, %(through)s::date)
        OR EXISTS (
            SELECT FROM stale_week AS s WHERE s.enrolment_id = l.enrolment_id AND s.week = l.week
        )
    )
ORDER BY l.enrolment_id, l.week;

-- name: drop_unlisted_weeks
-- A week in which the patient is no longer enrolled, or has no prescription, has no row.
DELETE FROM week AS w
USING stale_week AS s
WHERE w.enrolment_id = s.enrolment_id AND w.week = s.week
    AND NOT EXISTS (
        SELECT FROM enrolment AS e
        JOIN prescription AS p ON p.enrolment_id = e.id
        WHERE e.id = w.enrolment_id
            AND daterange(e.starts_on, e.ends_on) * p.effective && daterange(w.week, w.week + 7)
    );

-- name: days_of_weeks
SELECT
    d.enrolment_id, d.date, d.valid_day, d.wear_ms, d.credit_ms, d.above_ms, d.moderate_ms,
    d.vigorous_ms, d.near_max_ms, d.steps, d.input_sha256
FROM unnest(%(enrolments)s::integer[], %(weeks)s::date[], %(until)s::date[])
    AS w (enrolment_id, week, counted_to)
JOIN day AS d
    ON d.enrolment_id = w.enrolment_id AND d.date BETWEEN w.week AND w.counted_to
ORDER BY d.enrolment_id, d.date;

-- name: bouts_of_weeks
SELECT
    b.enrolment_id, b.date, (extract(epoch FROM b.start_at) * 1000)::bigint AS start_ms,
    b.credit_ms, b.effort_ms, b.complete, b.input_sha256
FROM unnest(%(enrolments)s::integer[], %(weeks)s::date[], %(until)s::date[])
    AS w (enrolment_id, week, counted_to)
JOIN bout AS b
    ON b.enrolment_id = w.enrolment_id AND b.date BETWEEN w.week AND w.counted_to
ORDER BY b.enrolment_id, b.start_at;

-- name: log_of_weeks
-- What the session log says of each week; who did not come has an entry of no minutes.
SELECT
    s.enrolment_id, s.date, s.component, CASE WHEN s.attended THEN s.minutes ELSE 0 END, s.rpe,
    staff.code
FROM unnest(%(enrolments)s::integer[], %(weeks)s::date[], %(until)s::date[])
    AS w (enrolment_id, week, counted_to)
JOIN logged_session AS s
    ON s.enrolment_id = w.enrolment_id AND s.date BETWEEN w.week AND w.counted_to
LEFT JOIN staff ON staff.id = s.supervised_by
ORDER BY s.enrolment_id, s.date, s.id;

-- name: facts_of_weeks
-- What is known of each week beside its figures. The centre is the one of its Monday.
SELECT
    w.enrolment_id,
    w.week,
    e.mode,
    EXISTS (
        SELECT FROM pause AS p
        WHERE p.enrolment_id = e.id
            AND p.during * daterange(e.starts_on, e.ends_on) && daterange(w.week, w.week + 7)
    ) AS paused,
    EXISTS (
        SELECT FROM device_assignment AS a
        WHERE a.patient_id = e.patient_id AND a.worn && week_span.during
    ) AS has_band,
    EXISTS (SELECT FROM gateway AS g WHERE g.centre_id = p.centre_id)
    AND NOT EXISTS (
        SELECT FROM gateway AS g
        JOIN gateway_outage AS o ON o.gateway_id = g.id
        CROSS JOIN generate_series(0, 6) AS d (days)
        WHERE g.centre_id = p.centre_id
            AND o.during && week_span.during
            AND o.during && tstzrange(
                (w.week + d.days + %(opens)s::time - %(offset)s::interval) AT TIME ZONE 'UTC',
                (w.week + d.days + %(closes)s::time - %(offset)s::interval) AT TIME ZONE 'UTC'
            )
    ) AS site_observed
FROM unnest(%(enrolments)s::integer[], %(weeks)s::date[]) AS w (enrolment_id, week)
JOIN enrolment AS e ON e.id = w.enrolment_id
CROSS JOIN LATERAL (
    SELECT tstzrange(
        (w.week::timestamp - %(offset)s::interval) AT TIME ZONE 'UTC',
        (w.week::timestamp + interval '7 days' - %(offset)s::interval) AT TIME ZONE 'UTC'
    ) AS during
) AS week_span
JOIN patient_centre AS p
    ON p.patient_id = e.patient_id AND p.during @> lower(week_span.during)
ORDER BY w.enrolment_id, w.week;

-- name: stage_day
COPY new_day (
    enrolment_id, date, prescription_id, valid_day, very_light_ms, light_ms, moderate_ms,
    vigorous_ms, near_max_ms, credit_ms, above_ms, wear_ms, steps, cad100_min, cad130_min,
    hrless_cad100_min, still_min, lock_min, shake_min, fast_min, method_version, input_sha256
) FROM STDIN;

-- name: put_days
-- A row that is the same already is left alone.
INSERT INTO day AS old (
    enrolment_id, date, prescription_id, valid_day, very_light_ms, light_ms, moderate_ms,
    vigorous_ms, near_max_ms, credit_ms, above_ms, wear_ms, steps, cad100_min, cad130_min,
    hrless_cad100_min, still_min, lock_min, shake_min, fast_min, method_version, input_sha256
)
SELECT
    enrolment_id, date, prescription_id, valid_day, very_light_ms, light_ms, moderate_ms,
    vigorous_ms, near_max_ms, credit_ms, above_ms, wear_ms, steps, cad100_min, cad130_min,
    hrless_cad100_min, still_min, lock_min, shake_min, fast_min, method_version, input_sha256
FROM new_day
ON CONFLICT (enrolment_id, date) DO UPDATE
SET (
        prescription_id, valid_day, very_light_ms, light_ms, moderate_ms, vigorous_ms,
        near_max_ms, credit_ms, above_ms, wear_ms, steps, cad100_min, cad130_min,
        hrless_cad100_min, still_min, lock_min, shake_min, fast_min, method_version,
        input_sha256
    ) = (
        excluded.prescription_id, excluded.valid_day, excluded.very_light_ms,
        excluded.light_ms, excluded.moderate_ms, excluded.vigorous_ms, excluded.near_max_ms,
        excluded.credit_ms, excluded.above_ms, excluded.wear_ms, excluded.steps,
        excluded.cad100_min, excluded.cad130_min, excluded.hrless_cad100_min,
        excluded.still_min, excluded.lock_min, excluded.shake_min, excluded.fast_min,
        excluded.method_version, excluded.input_sha256
    )
WHERE old.* IS DISTINCT FROM excluded.*;

-- name: stage_bout
COPY new_bout (
    enrolment_id, start_at, end_at, date, prescription_id, span_ms, effort_ms, credit_ms,
    sparse, min_counted, min_zero, min_walk, complete, method_version, input_sha256
) FROM STDIN;

-- name: put_bouts
-- A row that is the same already is left alone.
INSERT INTO bout AS old (
    enrolment_id, start_at, end_at, date, prescription_id, span_ms, effort_ms, credit_ms,
    sparse, min_counted, min_zero, min_walk, complete, method_version, input_sha256
)
SELECT
    enrolment_id, start_at, end_at, date, prescription_id, span_ms, effort_ms, credit_ms,
    sparse, min_counted, min_zero, min_walk, complete, method_version, input_sha256
FROM new_bout
ON CONFLICT (enrolment_id, start_at) DO UPDATE
SET (
        end_at, date, prescription_id, span_ms, effort_ms, credit_ms, sparse, min_counted,
        min_zero, min_walk, complete, method_version, input_sha256
    ) = (
        excluded.end_at, excluded.date, excluded.prescription_id, excluded.span_ms,
        excluded.effort_ms, excluded.credit_ms, excluded.sparse, excluded.min_counted,
        excluded.min_zero, excluded.min_walk, excluded.complete, excluded.method_version,
        excluded.input_sha256
    )
WHERE old.* IS DISTINCT FROM excluded.*;

-- name: stage_week
COPY new_week (
    enrolment_id, week, prescription_id, wear_min, valid_days, valid_week, bouts,
    complete_sessions, session_days, bout_credit_min, all_credit_min, above_min, mod_eq_min,
    attendance, rdi, volume, intensity, duration, adherent, adherence_pct, aerobic_pct,
    resistance_pct, balance_pct, steps_pct, state, reason, method_version, input_sha256, counted_to
) FROM STDIN;

-- name: put_weeks
-- A row that is the same already is left alone.
INSERT INTO week AS old (
    enrolment_id, week, prescription_id, wear_min, valid_days, valid_week, bouts,
    complete_sessions, session_days, bout_credit_min, all_credit_min, above_min, mod_eq_min,
    attendance, rdi, volume, intensity, duration, adherent, adherence_pct, aerobic_pct,
    resistance_pct, balance_pct, steps_pct, state, reason, method_version, input_sha256, counted_to
)
SELECT
    enrolment_id, week, prescription_id, wear_min, valid_days, valid_week, bouts,
    complete_sessions, session_days, bout_credit_min, all_credit_min, above_min, mod_eq_min,
    attendance, rdi, volume, intensity, duration, adherent, adherence_pct, aerobic_pct,
    resistance_pct, balance_pct, steps_pct, state, reason, method_version, input_sha256, counted_to
FROM new_week
ON CONFLICT (enrolment_id, week) DO UPDATE
SET (
        prescription_id, wear_min, valid_days, valid_week, bouts, complete_sessions,
        session_days, bout_credit_min, all_credit_min, above_min, mod_eq_min, attendance,
        rdi, volume, intensity, duration, adherent, adherence_pct, aerobic_pct, resistance_pct,
        balance_pct, steps_pct, state, reason, method_version, input_sha256, counted_to
    ) = (
        excluded.prescription_id, excluded.wear_min, excluded.valid_days,
        excluded.valid_week, excluded.bouts, excluded.complete_sessions,
        excluded.session_days, excluded.bout_credit_min, excluded.all_credit_min,
        excluded.above_min, excluded.mod_eq_min, excluded.attendance, excluded.rdi,
        excluded.volume, excluded.intensity, excluded.duration, excluded.adherent,
        excluded.adherence_pct, excluded.aerobic_pct, excluded.resistance_pct,
        excluded.balance_pct, excluded.steps_pct, excluded.state, excluded.reason,
        excluded.method_version,
        excluded.input_sha256, excluded.counted_to
    )
WHERE old.* IS DISTINCT FROM excluded.*;

-- name: reported_weeks
-- Enrolled patient-weeks of the period, the newest one that has begun included. No patient's name.
SELECT
    p.pseudonym, e.case_label, w.week, w.complete_sessions, w.session_days,
    asked.sessions_per_week, w.bout_credit_min, asked.weekly_min, w.attendance, w.rdi,
    w.adherence_pct, w.aerobic_pct, w.resistance_pct, w.balance_pct, w.steps_pct, w.wear_min,
    w.valid_days, w.state, w.reason, v.version, w.method_version, w.input_sha256
FROM week AS w
JOIN enrolment AS e ON e.id = w.enrolment_id
JOIN patient AS p ON p.id = e.patient_id
JOIN prescription AS v ON v.id = w.prescription_id
LEFT JOIN LATERAL asked_in_week(w.prescription_id, w.week) AS asked ON true
WHERE w.week BETWEEN %(since)s AND %(night)s
ORDER BY e.case_label, w.week;

-- name: weeks_counted_further
-- Weeks whose row counts days after the night: the one the night lies in.
SELECT w.enrolment_id, e.patient_id, w.week, %(night)s::date, w.prescription_id
FROM week AS w
JOIN enrolment AS e ON e.id = w.enrolment_id
WHERE w.week <= %(night)s AND w.counted_to > %(night)s AND w.week + 6 > %(night)s
ORDER BY w.enrolment_id, w.week;

-- name: case_labels
SELECT id, case_label FROM enrolment;

-- name: reported_patients
SELECT p.pseudonym, s.code, o.code
FROM patient AS p
JOIN staff AS s ON s.id = p.family_doctor_id
JOIN organisation AS o ON o.id = p.centre_id
ORDER BY p.pseudonym;

-- name: reported_doctors
SELECT code, name FROM staff
WHERE role = 'family_doctor' OR id IN (SELECT family_doctor_id FROM patient)
ORDER BY code;

-- name: reported_centres
SELECT code, name FROM organisation
WHERE kind = 'centre' OR id IN (SELECT centre_id FROM patient)
ORDER BY code;

-- name: coverage
SELECT
    max(committed_at),
    count(*),
    coalesce(sum(reading_count), 0)::bigint,
    coalesce(sum(quarantined_count), 0)::bigint,
    (SELECT coalesce(sum(times_seen), 0) FROM dead_letter)::bigint
FROM batch;

-- name: find_run
-- The newest report of the night in this language, if it says the same: an older one that said so has
-- been revised since.
SELECT
    revision, workbook_name, workbook_sha256, quality, uncounted_batches, data_until, batches, readings, quarantined,
    dead_letters,
    (SELECT number || ':' || encode(sha256, 'hex') FROM audit_block AS block
        WHERE block.number = newest.audit_block)
FROM (
    SELECT * FROM nightly_run
    WHERE night = %(night)s AND language = %(language)s
    ORDER BY revision DESC
    LIMIT 1
) AS newest
WHERE input_sha256 = %(input_sha256)s;

-- name: next_revision
SELECT coalesce(max(revision), 0) + 1 FROM nightly_run WHERE night = %(night)s;

-- name: put_run
INSERT INTO nightly_run (
    night, revision, language, started_at, method_version, input_sha256, workbook_name, workbook_sha256,
    data_until, batches, readings, quarantined, dead_letters, quality, uncounted_batches,
    audit_block, audit_sha256
)
VALUES (
    %(night)s, %(revision)s, %(language)s, %(started_at)s, %(method_version)s, %(input_sha256)s,
    %(workbook_name)s, %(workbook_sha256)s,
    %(data_until)s, %(batches)s, %(readings)s, %(quarantined)s, %(dead_letters)s,
    %(quality)s::jsonb, %(uncounted_batches)s, %(audit_block)s,
    (SELECT sha256 FROM audit_block WHERE number = %(audit_block)s::bigint)
);

-- name: put_audit
INSERT INTO audit (actor, action, subject, detail)
VALUES ('nightly', %(action)s, %(subject)s, %(detail)s::jsonb);

-- name: last_night
SELECT max(night) FROM nightly_run;
