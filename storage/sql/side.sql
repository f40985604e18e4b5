-- Side figures: what the night reads and writes of them, and what the pages show. Never adherence.

-- name: make_side_staging
CREATE TEMPORARY TABLE new_side_day ON COMMIT DROP AS SELECT * FROM side_day WITH NO DATA;
CREATE TEMPORARY TABLE new_rest_day ON COMMIT DROP AS SELECT * FROM rest_day WITH NO DATA;
CREATE TEMPORARY TABLE new_side_week ON COMMIT DROP AS SELECT * FROM side_week WITH NO DATA;
CREATE TEMPORARY TABLE new_rest_span (
    patient_id integer NOT NULL, first_day date NOT NULL, last_day date NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE stale_side_week (
    enrolment_id integer NOT NULL, week date NOT NULL
) ON COMMIT DROP;

-- name: clear_side_staging
TRUNCATE new_side_day, new_rest_day, new_side_week, new_rest_span;

-- name: drop_vanished_side_days
DELETE FROM side_day AS d
USING new_span AS s
WHERE d.enrolment_id = s.enrolment_id AND d.date BETWEEN s.first_day AND s.last_day
    AND NOT EXISTS (
        SELECT FROM new_side_day AS n WHERE n.enrolment_id = d.enrolment_id AND n.date = d.date
    );

-- name: stage_side_day
COPY new_side_day (
    enrolment_id, date, prescription_id, impulse, over_ceiling_ms, method_version, side_version,
    input_sha256
) FROM STDIN;

-- name: put_side_days
-- A row that is the same already is left alone.
INSERT INTO side_day AS old (
    enrolment_id, date, prescription_id, impulse, over_ceiling_ms, method_version, side_version,
    input_sha256
)
SELECT
    enrolment_id, date, prescription_id, impulse, over_ceiling_ms, method_version, side_version,
    input_sha256
FROM new_side_day
ON CONFLICT (enrolment_id, date) DO UPDATE
SET (prescription_id, impulse, over_ceiling_ms, method_version, side_version, input_sha256) = (
        excluded.prescription_id, excluded.impulse, excluded.over_ceiling_ms,
        excluded.method_version, excluded.side_version, excluded.input_sha256
    )
WHERE old.* IS DISTINCT FROM excluded.*;

-- name: stage_rest_day
COPY new_rest_day (patient_id, date, rest_bpm, method_version, input_sha256) FROM STDIN;

-- name: put_rest_days
-- Make the stored days equal to the computed ones, and note the weeks that look at what changed:
-- their own, and those it is a baseline of.
WITH gone AS (
    DELETE FROM rest_day AS d
    USING new_rest_span AS s
    WHERE d.patient_id = s.patient_id AND d.date BETWEEN s.first_day AND s.last_day
        AND NOT EXISTS (
            SELECT FROM new_rest_day AS n WHERE n.patient_id = d.patient_id AND n.date = d.date
        )
    RETURNING d.patient_id, d.date
),
put AS (
    INSERT INTO rest_day AS old (patient_id, date, rest_bpm, method_version, input_sha256)
    SELECT patient_id, date, rest_bpm, method_version, input_sha256 FROM new_rest_day
    ON CONFLICT (patient_id, date) DO UPDATE
    SET (rest_bpm, method_version, input_sha256) = (
            excluded.rest_bpm, excluded.method_version, excluded.input_sha256
        )
    WHERE old.* IS DISTINCT FROM excluded.*
    RETURNING old.patient_id, old.date
)
INSERT INTO stale_side_week (enrolment_id, week)
SELECT DISTINCT e.id, date_trunc('week', other.date::timestamp)::date + 7 * later.weeks
FROM (SELECT * FROM gone UNION SELECT * FROM put) AS other
JOIN enrolment AS e ON e.patient_id = other.patient_id
CROSS JOIN generate_series(0, %(baseline_weeks)s::integer) AS later (weeks);

-- name: side_weeks_to_roll
-- Stored weeks whose side figures are missing, stale, or of another number of days than the week.
SELECT w.enrolment_id, e.patient_id, w.week, w.counted_to, w.prescription_id
FROM week AS w
JOIN enrolment AS e ON e.id = w.enrolment_id
LEFT JOIN side_week AS s ON s.enrolment_id = w.enrolment_id AND s.week = w.week
WHERE w.week >= coalesce(%(kept_from)s::date, '-infinity')
    AND (
        s.enrolment_id IS NULL
        OR s.counted_to <> w.counted_to
        OR EXISTS (
            SELECT FROM stale_week AS t WHERE t.enrolment_id = w.enrolment_id AND t.week = w.week
        )
        OR EXISTS (
            SELECT FROM stale_side_week AS t
            WHERE t.enrolment_id = w.enrolment_id AND t.week = w.week
        )
    )
ORDER BY w.enrolment_id, w.week;

-- name: zones_of_weeks
SELECT
    d.enrolment_id, d.date, d.very_light_ms, d.light_ms, d.moderate_ms, d.vigorous_ms,
    d.near_max_ms, d.input_sha256
FROM unnest(%(enrolments)s::integer[], %(weeks)s::date[], %(until)s::date[])
    AS w (enrolment_id, week, counted_to)
JOIN day AS d
    ON d.enrolment_id = w.enrolment_id AND d.date BETWEEN w.week AND w.counted_to
ORDER BY d.enrolment_id, d.date;

-- name: loads_of_weeks
SELECT d.enrolment_id, d.date, d.impulse, d.over_ceiling_ms, d.input_sha256
FROM unnest(%(enrolments)s::integer[], %(weeks)s::date[], %(until)s::date[])
    AS w (enrolment_id, week, counted_to)
JOIN side_day AS d
    ON d.enrolment_id = w.enrolment_id AND d.date BETWEEN w.week AND w.counted_to
ORDER BY d.enrolment_id, d.date;

-- name: rest_days_of_weeks
-- The resting heart rates of each week, and of the weeks before it that are its baseline.
SELECT DISTINCT d.patient_id, d.date, d.rest_bpm, d.input_sha256
FROM unnest(%(enrolments)s::integer[], %(weeks)s::date[], %(until)s::date[])
    AS w (enrolment_id, week, counted_to)
JOIN enrolment AS e ON e.id = w.enrolment_id
JOIN rest_day AS d
    ON d.patient_id = e.patient_id
    AND d.date BETWEEN w.week - 7 * %(baseline_weeks)s::integer AND w.counted_to
ORDER BY d.patient_id, d.date;

-- name: stage_side_week
COPY new_side_week (
    enrolment_id, week, prescription_id, very_light_min, light_min, moderate_min, vigorous_min,
    near_max_min, mod_eq_min, trimp, over_ceiling_min, rest_days, rest_bpm, rest_base_days,
    rest_base_bpm, rest_drift_bpm, method_version, side_version, input_sha256, counted_to
) FROM STDIN;

-- name: put_side_weeks
-- A row that is the same already is left alone.
INSERT INTO side_week AS old (
    enrolment_id, week, prescription_id, very_light_min, light_min, moderate_min, vigorous_min,
    near_max_min, mod_eq_min, trimp, over_ceiling_min, rest_days, rest_bpm, rest_base_days,
    rest_base_bpm, rest_drift_bpm, method_version, side_version, input_sha256, counted_to
)
SELECT
    enrolment_id, week, prescription_id, very_light_min, light_min, moderate_min, vigorous_min,
    near_max_min, mod_eq_min, trimp, over_ceiling_min, rest_days, rest_bpm, rest_base_days,
    rest_base_bpm, rest_drift_bpm, method_version, side_version, input_sha256, counted_to
FROM new_side_week
ON CONFLICT (enrolment_id, week) DO UPDATE
SET (
        prescription_id, very_light_min, light_min, moderate_min, vigorous_min, near_max_min,
        mod_eq_min, trimp, over_ceiling_min, rest_days, rest_bpm, rest_base_days, rest_base_bpm,
        rest_drift_bpm, method_version, side_version, input_sha256, counted_to
    ) = (
        excluded.prescription_id, excluded.very_light_min, excluded.light_min,
        excluded.moderate_min, excluded.vigorous_min, excluded.near_max_min, excluded.mod_eq_min,
        excluded.trimp, excluded.over_ceiling_min, excluded.rest_days, excluded.rest_bpm,
        excluded.rest_base_days, excluded.rest_base_bpm, excluded.rest_drift_bpm,
        excluded.method_version, excluded.side_version, excluded.input_sha256,
        excluded.counted_to
    )
WHERE old.* IS DISTINCT FROM excluded.*;

-- name: reported_side_weeks
-- Side figures of the weeks of a report. No patient's name.
SELECT
    p.pseudonym, e.case_label, s.week, s.very_light_min, s.light_min, s.moderate_min,
    s.vigorous_min, s.near_max_min, s.mod_eq_min, s.trimp, s.over_ceiling_min, s.rest_days,
    s.rest_bpm, s.rest_base_days, s.rest_base_bpm, s.rest_drift_bpm, v.version, s.method_version,
    s.side_version, s.input_sha256
FROM side_week AS s
JOIN enrolment AS e ON e.id = s.enrolment_id
JOIN patient AS p ON p.id = e.patient_id
JOIN prescription AS v ON v.id = s.prescription_id
WHERE s.week BETWEEN %(since)s AND %(night)s
ORDER BY e.case_label, s.week;

-- name: read_side_weeks_of
SELECT
    week, counted_to, very_light_min, light_min, moderate_min, vigorous_min, near_max_min,
    mod_eq_min, trimp, over_ceiling_min, rest_days, rest_bpm, rest_base_days, rest_base_bpm,
    rest_drift_bpm
FROM side_week
WHERE enrolment_id = %(enrolment_id)s AND (%(week)s::date IS NULL OR week = %(week)s)
ORDER BY week DESC
LIMIT %(rows)s;
