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
WHERE a.id = d.alert_id AND a.state <> 'open' AND d.state = 'queued' AND d.trying_since IS NULL
    AND (%(alert_id)s::bigint IS NULL OR a.id = %(alert_id)s);

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

-- name: shown_alert_yields
-- What 90 days of each rule were worth, in a page of an auditor: of what people closed, how much was real.
SELECT rule, raised, closed_by_person, confirmed, false_alarms, closed_itself
FROM shown_alert_yields();

-- name: last_watch_beat
SELECT beat_at, clock_timestamp() - beat_at FROM watch_beat;

-- name: claim_touched_bands
-- Take what was touched, the newest first: live readings never wait behind a backlog.
-- A row's place names it: while it is locked it stays there.
WITH picked AS (
    SELECT ctid AS place FROM batch_queue
    ORDER BY max_at DESC
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM batch_queue AS q
WHERE q.ctid = ANY (ARRAY(SELECT place FROM picked))
RETURNING
    q.device_id,
    (extract(epoch FROM q.min_at) * 1000)::bigint,
    (extract(epoch FROM q.max_at) * 1000)::bigint,
    (extract(epoch FROM q.queued_at) * 1000)::bigint;

-- name: claim_edge_events
-- Take what gateways raised by themselves, each with the patient to whom the band was assigned when it
-- happened, the patient the gateway took the wearer for, and the assigned patient's ceiling of that day.
-- When it happened: as the box says, unless its age by the clock that nobody sets shows that the box's
-- wall clock was wrong; and never after it came.
WITH claimed AS (
    DELETE FROM edge_queue AS q
    WHERE edge_event_id IN (
        SELECT edge_event_id FROM edge_queue
        ORDER BY edge_event_id
        LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    )
    RETURNING edge_event_id
),
placed AS (
    SELECT
        e.*,
        least(e.onset_at + clock.off, e.came_at) AS was_onset_at,
        least(e.raised_at + clock.off, e.came_at) AS was_raised_at,
        least(e.last_at + clock.off, e.came_at) AS was_last_at
    FROM claimed AS c
    JOIN edge_event AS e ON e.id = c.edge_event_id
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN e.age_ms <= %(longest_age_ms)s THEN
                    e.came_at - e.age_ms * interval '1 millisecond'
                    - CASE e.state WHEN 'raised' THEN e.raised_at ELSE e.last_at END
            END AS behind
    ) AS said
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN said.behind > %(tolerance)s::interval
                    OR said.behind < - %(tolerance)s::interval THEN said.behind
                ELSE interval '0'
            END AS off
    ) AS clock
)
SELECT
    e.id, e.rule, e.state, d.id, a.patient_id, subject.id, ceiling.bpm,
    (extract(epoch FROM e.was_onset_at) * 1000)::bigint,
    (extract(epoch FROM e.was_raised_at) * 1000)::bigint,
    (extract(epoch FROM e.was_last_at) * 1000)::bigint,
    e.peak_bpm, e.samples, e.ceiling_bpm, e.age_ms,
    (extract(epoch FROM clock_timestamp() - e.came_at) * 1000)::bigint
FROM placed AS e
LEFT JOIN device AS d ON d.device_key = e.device_key
LEFT JOIN device_assignment AS a ON a.device_id = d.id AND a.worn @> e.was_raised_at
LEFT JOIN patient AS subject ON subject.pseudonym = e.subject
LEFT JOIN LATERAL (
    SELECT min(v.ceiling_bpm) AS bpm
    FROM enrolment AS n
    JOIN prescription AS v ON v.enrolment_id = n.id
    WHERE n.patient_id = a.patient_id
        AND daterange(n.starts_on, n.ends_on) * v.effective
        @> ((e.was_raised_at AT TIME ZONE 'UTC') + %(offset)s::interval)::date
) AS ceiling ON true
ORDER BY e.id;

-- name: hot_spans
-- Which of these stretches of bands are worth a closer look: where a reading reaches a ceiling of the
-- wearer, or an episode is under way, or (late data) an episode is known in it. Nobody else's are read.
SELECT number
FROM rule_hot_spans(
    %(number)s::integer[], %(device_id)s::integer[], %(from_at)s::timestamptz[],
    %(to_at)s::timestamptz[], %(is_live)s::boolean[], %(rule)s, %(gap)s::interval,
    %(offset)s::interval, %(earliest)s::timestamptz, %(latest)s::timestamptz
) AS hot (number);

-- name: watched_readings
-- Heart rates of bands in stretches of time, of all gateways, with the patient who wore the band then
-- and the lowest ceiling in force for that patient on that local day. In order of time; of readings of
-- one moment the highest first.
SELECT number, patient_id, ceiling_bpm, at_ms, value, flags
FROM rule_readings(
    %(number)s::integer[], %(device_id)s::integer[], %(from_at)s::timestamptz[],
    %(to_at)s::timestamptz[], %(offset)s::interval, %(earliest)s::timestamptz,
    %(latest)s::timestamptz
);

-- name: known_episodes
-- Newest known episode of each of these bands.
SELECT DISTINCT ON (device_id)
    device_id,
    (extract(epoch FROM onset_at) * 1000)::bigint,
    (extract(epoch FROM last_at) * 1000)::bigint
FROM alert_episode
WHERE device_id = ANY (%(device_id)s::integer[]) AND rule = %(rule)s
ORDER BY device_id, last_at DESC;

-- name: find_episode
-- The known episode of this patient that this stretch is part of, the newest if there are several; and
-- whether it still goes on long after its alert was closed.
SELECT
    e.id, e.alert_id, e.is_over, e.heard_by,
    (extract(epoch FROM e.last_at) * 1000)::bigint,
    coalesce(%(last_at)s::timestamptz - a.closed_at > %(again)s::interval, false)
FROM alert_episode AS e
JOIN alert AS a ON a.id = e.alert_id
WHERE e.patient_id = %(patient_id)s AND e.rule = %(rule)s AND e.direction = %(direction)s
    AND e.onset_at <= %(last_at)s::timestamptz + %(gap)s::interval
    AND e.last_at >= %(onset_at)s::timestamptz - %(gap)s::interval
ORDER BY e.last_at DESC
LIMIT 1
FOR UPDATE OF e;

-- name: extend_episode
-- What is heard again of a known episode: its bounds only grow.
UPDATE alert_episode
SET onset_at = least(onset_at, %(onset_at)s),
    raised_at = least(raised_at, %(raised_at)s),
    last_at = greatest(last_at, %(last_at)s),
    peak_bpm = greatest(peak_bpm, %(peak_bpm)s),
    samples = greatest(samples + %(added)s, %(samples)s),
    is_over = %(is_over)s,
    heard_by = %(heard_by)s
WHERE id = %(episode_id)s;

-- name: put_episode
INSERT INTO alert_episode (
    alert_id, patient_id, device_id, rule, direction, onset_at, raised_at, last_at, is_over, peak_bpm,
    samples, ceiling_bpm, heard_by
)
VALUES (
    %(alert_id)s, %(patient_id)s, %(device_id)s, %(rule)s, %(direction)s, %(onset_at)s, %(raised_at)s,
    %(last_at)s, %(is_over)s, %(peak_bpm)s, %(samples)s, %(ceiling_bpm)s, %(heard_by)s
);

-- name: lock_unclosed_alert
SELECT id FROM alert
WHERE patient_id = %(patient_id)s AND rule = %(rule)s AND direction = %(direction)s
    AND state <> 'closed'
FOR UPDATE;

-- name: lock_alert
SELECT state, paged, next_step FROM alert WHERE id = %(alert_id)s FOR UPDATE;

-- name: open_alert
INSERT INTO alert (
    patient_id, rule, rule_version, tier, direction, onset_at, raised_at, last_at, device_id, peak_bpm,
    ceiling_bpm, samples, heard_by
)
VALUES (
    %(patient_id)s, %(rule)s, %(rule_version)s, %(tier)s, %(direction)s, %(onset_at)s, %(raised_at)s,
    %(last_at)s, %(device_id)s, %(peak_bpm)s, %(ceiling_bpm)s, %(samples)s, %(heard_by)s
)
RETURNING id;

-- name: sum_up_episodes
-- An alert says what its episodes say together; its last one's band and ceiling. A closed one too: it
-- stays closed, and what went on meanwhile stands in it.
UPDATE alert AS a
SET (
        onset_at, raised_at, last_at, occurrences, peak_bpm, samples, ended_at, heard_by
    ) = (
        SELECT
            min(e.onset_at), min(e.raised_at), max(e.last_at), count(*), max(e.peak_bpm),
            sum(e.samples),
            CASE WHEN bool_and(e.is_over) THEN max(e.last_at) END,
            CASE
                WHEN bool_and(e.heard_by = 'edge') THEN 'edge'
                WHEN bool_and(e.heard_by = 'district') THEN 'district'
                ELSE 'both'
            END
        FROM alert_episode AS e
        WHERE e.alert_id = a.id
    ),
    (device_id, ceiling_bpm) = (
        SELECT e.device_id, e.ceiling_bpm FROM alert_episode AS e
        WHERE e.alert_id = a.id
        ORDER BY e.last_at DESC
        LIMIT 1
    )
WHERE a.id = %(alert_id)s;

-- name: quiet_before
-- How long this alert had been quiet when something began; null before its first episode.
SELECT extract(epoch FROM %(onset_at)s::timestamptz - max(last_at))::float8
FROM alert_episode
WHERE alert_id = %(alert_id)s;

-- name: end_silent_episodes
-- Nothing has been heard of them for so long that they are over, as far as the district can know. What
-- only a gateway has heard ends by its word.
UPDATE alert_episode
SET is_over = true
WHERE NOT is_over AND heard_by <> 'edge' AND last_at < clock_timestamp() - %(gap)s::interval
RETURNING alert_id;

-- name: begin_round
UPDATE alert
SET paged = true, round = round + CASE WHEN paged THEN 1 ELSE 0 END, state = 'open',
    acknowledged_by = NULL, acknowledged_at = NULL, round_began_at = clock_timestamp(),
    next_step = 0, next_step_at = clock_timestamp()
WHERE id = %(alert_id)s;

-- name: lock_due_alerts
-- Alerts whose next step of escalation is due; one that a person has in hand at this moment waits.
SELECT a.id, a.patient_id, a.round, a.next_step, a.rule
FROM alert AS a
WHERE a.state = 'open' AND a.next_step_at <= clock_timestamp()
    AND (%(alert_id)s::bigint IS NULL OR a.id = %(alert_id)s)
ORDER BY a.next_step_at
FOR UPDATE SKIP LOCKED;

-- name: staff_to_tell
-- Who stands ready for a patient: the family doctor, then the centre's others. People whose account was
-- ended are not told.
SELECT s.code, s.email, s.id = p.family_doctor_id, s.role
FROM patient AS p
JOIN staff AS s ON s.id = p.family_doctor_id OR s.organisation_id = p.centre_id
WHERE p.id = %(patient_id)s
    AND s.role IN ('family_doctor', 'therapist', 'instructor', 'operator')
    AND NOT EXISTS (SELECT FROM login AS l WHERE l.staff_id = s.id AND l.disabled_at IS NOT NULL)
ORDER BY s.id;

-- name: queue_delivery
INSERT INTO delivery (alert_id, round, step, channel, recipient)
SELECT %(alert_id)s, %(round)s, %(step)s, %(channel)s, %(recipient)s
WHERE %(channel)s = 'file' OR NOT EXISTS (
    SELECT FROM delivery
    WHERE alert_id = %(alert_id)s AND round = %(round)s AND recipient = %(recipient)s
)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: count_deliveries
SELECT count(*) FROM delivery WHERE alert_id = %(alert_id)s AND round = %(round)s;

-- name: set_next_step
UPDATE alert
SET next_step = %(step)s::integer,
    next_step_at = CASE WHEN %(step)s::integer IS NOT NULL
        THEN round_began_at + %(after)s::interval END
WHERE id = %(alert_id)s;

-- name: look_again_for_somebody
UPDATE alert
SET next_step = 0, next_step_at = clock_timestamp() + interval '1 minute'
WHERE id = %(alert_id)s;

-- name: has_event
SELECT EXISTS (
    SELECT FROM alert_event
    WHERE alert_id = %(alert_id)s AND kind = %(kind)s AND detail @> %(detail)s::jsonb
);

-- name: claim_delivery
-- The next message to hand over; marked before it is, so that a crash in between leaves a trace.
UPDATE delivery AS d
SET trying_since = clock_timestamp(), attempts = d.attempts + 1
FROM (
    SELECT waiting.id
    FROM delivery AS waiting
    JOIN alert AS a ON a.id = waiting.alert_id
    WHERE waiting.state = 'queued' AND waiting.trying_since IS NULL
        AND waiting.next_try_at <= clock_timestamp()
        AND waiting.channel = %(channel)s AND a.state = 'open'
    ORDER BY waiting.next_try_at
    LIMIT 1
    FOR UPDATE OF waiting SKIP LOCKED
) AS next, alert AS a
JOIN patient AS p ON p.id = a.patient_id
WHERE d.id = next.id AND a.id = d.alert_id
RETURNING
    d.id, d.alert_id, d.round, d.step, d.recipient, d.again, a.tier,
    CASE WHEN d.round = 0 THEN a.raised_at ELSE a.last_at END, initial_of_name(p.id),
    p.pseudonym, d.attempts;

-- name: settle_delivery
-- How a message fared; nothing is settled twice.
UPDATE delivery
SET state = %(state)s, trying_since = NULL, detail = %(detail)s,
    sent_at = CASE WHEN %(state)s = 'sent' THEN clock_timestamp() END,
    next_try_at = clock_timestamp() + %(wait)s::interval
WHERE id = %(delivery_id)s AND trying_since IS NOT NULL;

-- name: queue_again
-- One more message, which says that it may be the second; never a third.
INSERT INTO delivery (alert_id, finding_id, round, step, channel, recipient, again)
SELECT alert_id, finding_id, round, step, channel, recipient, true
FROM delivery
WHERE id = %(delivery_id)s AND state = 'unknown' AND NOT again
ON CONFLICT DO NOTHING;

-- name: hasten_escalation
-- Whatever this round has told was refused: there is nobody whose answer could be waited for.
UPDATE alert AS a
SET next_step_at = clock_timestamp()
FROM delivery AS d
WHERE d.id = %(delivery_id)s AND a.id = d.alert_id AND a.round = d.round
    AND a.state = 'open' AND a.next_step_at > clock_timestamp()
    AND NOT EXISTS (
        SELECT FROM delivery AS told
        WHERE told.alert_id = a.id AND told.round = a.round AND told.state <> 'refused'
    );

-- name: interrupted_deliveries
-- Handed over, or not, when an earlier life of the watch ended.
SELECT id FROM delivery WHERE trying_since IS NOT NULL AND channel = %(channel)s ORDER BY id;

-- name: beat
INSERT INTO watch_beat (started_at, beat_at) VALUES (%(started_at)s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, beat_at = excluded.beat_at;

-- name: low_weeks
-- Finished weeks, counted to their Sunday, that are low and in no alert as such, or the other way
-- round (a week whose row is gone is not low): each patient's week once, whatever the programmes. A
-- week that cannot be judged is not low; neither is one that a later week has made good.
SELECT patient_id, week, coalesce(judged.is_low, false) AS is_low, was.alert_id
FROM (
    SELECT
        patient_id, week,
        is_low AND NOT coalesce(
            bool_or(is_judged AND NOT is_low) OVER (
                PARTITION BY patient_id ORDER BY week
                ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            ), false
        ) AS is_low
    FROM (
        SELECT
            e.patient_id, w.week,
            bool_or(w.state <> 'cannot_judge') AS is_judged,
            bool_or(w.state = 'not_met' AND w.adherence_pct < %(below_pct)s) AS is_low
        FROM week AS w
        JOIN enrolment AS e ON e.id = w.enrolment_id
        WHERE w.counted_to = w.week + 6 AND w.week + 6 < %(today)s::date
        GROUP BY e.patient_id, w.week
    ) AS finished
) AS judged
FULL JOIN (
    SELECT patient_id, week, alert_id, still_true FROM alert_week WHERE rule = %(rule)s
) AS was USING (patient_id, week)
WHERE coalesce(judged.is_low, false) <> coalesce(was.still_true, false)
    AND (was.alert_id IS NOT NULL OR week + 6 >= %(since)s::date)
ORDER BY patient_id, week;

-- name: open_week_alert
INSERT INTO alert (
    patient_id, rule, rule_version, tier, direction, onset_at, raised_at, last_at, week
)
VALUES (
    %(patient_id)s, %(rule)s, %(rule_version)s, %(tier)s, %(direction)s, %(begins_at)s, %(ends_at)s,
    %(ends_at)s, %(week)s
)
RETURNING id;

-- name: put_alert_week
INSERT INTO alert_week (rule, patient_id, week, alert_id)
VALUES (%(rule)s, %(patient_id)s, %(week)s, %(alert_id)s)
ON CONFLICT (rule, patient_id, week)
DO UPDATE SET alert_id = excluded.alert_id, still_true = true;

-- name: set_week_truth
UPDATE alert_week SET still_true = %(is_low)s
WHERE rule = %(rule)s AND patient_id = %(patient_id)s AND week = %(week)s;

-- name: sum_up_weeks
-- An alert of weeks says what its weeks say that are still low; without any it keeps what it said.
UPDATE alert AS a
SET occurrences = sums.count, week = sums.newest,
    onset_at = sums.oldest::timestamp AT TIME ZONE 'UTC' - %(offset)s::interval,
    raised_at = (sums.oldest + 7)::timestamp AT TIME ZONE 'UTC' - %(offset)s::interval,
    last_at = (sums.newest + 7)::timestamp AT TIME ZONE 'UTC' - %(offset)s::interval
FROM (
    SELECT count(*)::integer AS count, max(week) AS newest, min(week) AS oldest
    FROM alert_week
    WHERE alert_id = %(alert_id)s AND still_true
) AS sums
WHERE a.id = %(alert_id)s AND a.state <> 'closed' AND sums.count > 0;

-- name: has_low_week
SELECT EXISTS (SELECT FROM alert_week WHERE alert_id = %(alert_id)s AND still_true);

-- name: close_itself
UPDATE alert
SET state = 'closed', closed_at = clock_timestamp(), closed_itself = true, next_step = NULL,
    next_step_at = NULL
WHERE id = %(alert_id)s AND state <> 'closed'
RETURNING id;

-- name: reopen_alert
-- What closed itself, or was acknowledged, and is true again.
UPDATE alert
SET state = 'open', closed_at = NULL, closed_itself = false, acknowledged_by = NULL,
    acknowledged_at = NULL
WHERE id = %(alert_id)s AND (state = 'acknowledged' OR state = 'closed' AND closed_itself)
RETURNING id;

-- name: is_closed_itself
SELECT state = 'closed' AND closed_itself FROM alert WHERE id = %(alert_id)s;
