-- Versions of prescriptions that the night judges nothing by.

-- name: note_refused_versions
-- Make the refused versions of these patients equal to those found now (lists side by side).
WITH found AS (
    SELECT * FROM unnest(
        %(prescriptions)s::integer[], %(from_days)s::date[], %(until_days)s::date[], %(reasons)s::text[]
    ) AS f (prescription_id, from_day, until_day, reason)
),
gone AS (
    DELETE FROM refused_version AS r
    USING prescription AS p, enrolment AS e
    WHERE p.id = r.prescription_id AND e.id = p.enrolment_id AND e.patient_id = ANY(%(patients)s)
        AND NOT EXISTS (
            SELECT FROM found AS f
            WHERE f.prescription_id = r.prescription_id AND f.from_day = r.from_day
        )
)
INSERT INTO refused_version AS old (prescription_id, from_day, until_day, reason)
SELECT prescription_id, from_day, until_day, reason FROM found
ON CONFLICT (prescription_id, from_day) DO UPDATE
SET (until_day, reason, found_at) = (excluded.until_day, excluded.reason, excluded.found_at)
WHERE (old.until_day, old.reason) IS DISTINCT FROM (excluded.until_day, excluded.reason);

-- name: refused_versions
-- Versions not judged on a day or after it: case, version, first day, reason.
SELECT e.case_label, p.version, r.from_day, r.reason
FROM refused_version AS r
JOIN prescription AS p ON p.id = r.prescription_id
JOIN enrolment AS e ON e.id = p.enrolment_id
WHERE r.until_day IS NULL OR r.until_day > %(night)s
ORDER BY e.case_label, p.version, r.from_day;
