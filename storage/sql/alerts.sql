-- name: lock_alert_of_team
-- The alert, if this person may see its patient; nobody else changes it meanwhile.
SELECT a.state, a.acknowledged_by, a.tier, a.rule
FROM alert AS a
WHERE a.id = %(alert_id)s
    AND EXISTS (
        SELECT FROM patient_team AS t
        WHERE t.patient_id = a.patient_id AND t.staff_id = %(staff_id)s
    )
FOR UPDATE;

-- name: acknowledge_alert
UPDATE alert
SET state = 'acknowledged', acknowledged_by = %(staff_id)s, acknowledged_at = clock_timestamp(),
    next_step = NULL, next_step_at = NULL
WHERE id = %(alert_id)s;

-- name: close_alert
-- Whoever closes what nobody has acknowledged has acknowledged it too.
UPDATE alert
SET state = 'closed', closed_by = %(staff_id)s, closed_at = clock_timestamp(),
    acknowledged_by = coalesce(acknowledged_by, %(staff_id)s),
    acknowledged_at = coalesce(acknowledged_at, clock_timestamp()),
    outcome = %(outcome)s, outcome_reason = %(reason)s, next_step = NULL, next_step_at = NULL
WHERE id = %(alert_id)s;

-- name: add_alert_event
INSERT INTO alert_event (alert_id, kind, staff_id, detail)
VALUES (%(alert_id)s, %(kind)s, %(staff_id)s, %(detail)s::jsonb);

-- name: drop_waiting_deliveries
-- Messages that nobody needs any more. One that is being handed over just now is not stopped.
UPDATE delivery AS d
SET state = 'dropped'
FROM alert AS a
WHERE a.id = d.alert_id AND a.state <> 'open' AND d.state = 'queued' AND d.trying_since IS NULL;

-- name: list_alerts
-- Alerts of the patients this person looks after: red first, what nobody has acknowledged first.
-- A message counts as undelivered when no row of it was sent and it has waited for 10 s or failed.
SELECT
    a.id, a.patient_id, p.pseudonym, p.name, centre.code, centre.name, doctor.name,
    a.rule, a.rule_version, a.tier, a.direction,
    a.onset_at, a.raised_at, a.last_at, a.opened_at, a.ended_at, a.week,
    a.occurrences, a.peak_bpm, a.ceiling_bpm, a.samples, a.heard_by, band.device_key,
    a.paged, a.next_step_at, a.state,
    ack.name, a.acknowledged_at, closer.name, a.closed_at,
    a.outcome, a.outcome_reason, a.closed_itself,
    told.sent, told.waiting, told.undelivered, a.paged AND told.messages = 0
FROM alert AS a
JOIN patient AS p ON p.id = a.patient_id
JOIN organisation AS centre ON centre.id = p.centre_id
JOIN staff AS doctor ON doctor.id = p.family_doctor_id
JOIN patient_team AS t ON t.patient_id = a.patient_id AND t.staff_id = %(staff_id)s
LEFT JOIN device AS band ON band.id = a.device_id
LEFT JOIN staff AS ack ON ack.id = a.acknowledged_by
LEFT JOIN staff AS closer ON closer.id = a.closed_by
CROSS JOIN LATERAL (
    SELECT
        count(*) AS messages,
        count(*) FILTER (WHERE one.was_sent) AS sent,
        count(*) FILTER (WHERE NOT one.was_sent AND one.is_waiting) AS waiting,
        count(*) FILTER (WHERE NOT one.was_sent AND one.has_failed) AS undelivered
    FROM (
        SELECT
            bool_or(d.state = 'sent') AS was_sent,
            bool_or(d.state = 'queued') AS is_waiting,
            bool_or(
                d.state IN ('refused', 'unknown')
                OR d.state = 'queued' AND d.queued_at < clock_timestamp() - interval '10 seconds'
            ) AS has_failed
        FROM delivery AS d
        WHERE d.alert_id = a.id AND d.round = a.round
        GROUP BY d.step, d.channel, d.recipient
    ) AS one
) AS told
WHERE (%(alert_id)s::bigint IS NULL OR a.id = %(alert_id)s)
    AND (%(patient_id)s::integer IS NULL OR a.patient_id = %(patient_id)s)
    AND (a.state <> 'closed' OR NOT %(only_unclosed)s)
ORDER BY
    array_position(ARRAY['red', 'yellow', 'blue', 'grey'], a.tier),
    a.state <> 'open',
    a.state <> 'acknowledged',
    a.last_at DESC,
    a.id DESC;

-- name: alert_history
SELECT e.at, e.kind, s.name, e.detail
FROM alert_event AS e
LEFT JOIN staff AS s ON s.id = e.staff_id
WHERE e.alert_id = %(alert_id)s
ORDER BY e.id;

-- name: alert_deliveries
SELECT round, step, channel, recipient, again, state, attempts, queued_at, sent_at, detail
FROM delivery
WHERE alert_id = %(alert_id)s
ORDER BY id;

-- name: alert_yields
-- What 90 days of each rule were worth: of what people closed, how much was real.
SELECT
    rule,
    count(*),
    count(*) FILTER (WHERE closed_by IS NOT NULL),
    count(*) FILTER (WHERE outcome IN ('called', 'prescription_adjusted', 'referred')),
    count(*) FILTER (WHERE outcome = 'false_alarm'),
    count(*) FILTER (WHERE state = 'closed' AND closed_itself)
FROM alert
WHERE opened_at >= clock_timestamp() - interval '90 days'
GROUP BY rule
ORDER BY rule;

-- name: last_watch_beat
SELECT beat_at, clock_timestamp() - beat_at FROM watch_beat;
