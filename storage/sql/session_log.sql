-- The session log: what somebody says was done. A correction is another revision of its entry.

-- name: insert_session_entry
INSERT INTO session_log (
    entry_key, revision, enrolment_id, date, component, attended, minutes, rpe, supervised_by,
    withdrawn, correction_reason, noted_by
)
SELECT
    %(entry_key)s, %(revision)s, %(enrolment_id)s, %(date)s, %(component)s, %(attended)s,
    %(minutes)s, %(rpe)s, supervisor.id, %(withdrawn)s, %(reason)s, writer.id
FROM staff AS writer
LEFT JOIN staff AS supervisor ON supervisor.code = %(supervised_by)s
WHERE writer.code = %(noted_by)s
    AND (supervisor.id IS NOT NULL OR %(supervised_by)s::text IS NULL)
ON CONFLICT (entry_key, revision) DO NOTHING;

-- name: read_session_history
-- Every revision of an entry, the first one first.
SELECT
    first_value(session_log.id) OVER (ORDER BY session_log.revision), entry_key,
    session_log.revision, enrolment_id, date, component, attended, minutes, rpe, supervisor.code,
    withdrawn, correction_reason, writer.code, noted_at, supervisor.name, writer.name
FROM session_log
JOIN staff AS writer ON writer.id = noted_by
LEFT JOIN staff AS supervisor ON supervisor.id = supervised_by
WHERE entry_key = %(entry_key)s
ORDER BY session_log.revision;

-- name: find_session_key
-- The key of the entry whose first revision has this id.
SELECT entry_key FROM session_log WHERE id = %(entry_id)s AND revision = 1;

-- name: read_session_log
-- The newest revision of every entry of an enrolment between two local days, those withdrawn too.
SELECT
    entry_id, entry_key, revision, enrolment_id, date, component, attended, minutes, rpe,
    supervisor.code, withdrawn, correction_reason, writer.code, noted_at, supervisor.name,
    writer.name
FROM (
    SELECT DISTINCT ON (entry_key)
        *, first_value(id) OVER (PARTITION BY entry_key ORDER BY revision) AS entry_id
    FROM session_log
    WHERE enrolment_id = %(enrolment_id)s
    ORDER BY entry_key, revision DESC
) AS newest
JOIN staff AS writer ON writer.id = noted_by
LEFT JOIN staff AS supervisor ON supervisor.id = supervised_by
WHERE date BETWEEN %(since)s AND %(until)s
ORDER BY date DESC, newest.id DESC
LIMIT %(rows)s;
