-- Alerts: what was noticed, who was told, who answered. Times of readings are kept apart from ours.
CREATE TABLE alert (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id integer NOT NULL REFERENCES patient,
    rule text NOT NULL,
    rule_version integer NOT NULL CHECK (rule_version >= 1),
    tier text NOT NULL CHECK (tier IN ('red', 'yellow', 'blue', 'grey')),
    direction text NOT NULL CHECK (direction IN ('high', 'low')),
    onset_at timestamptz NOT NULL,
    raised_at timestamptz NOT NULL CHECK (raised_at >= onset_at),
    last_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    device_id integer REFERENCES device,
    week date CHECK (extract(isodow FROM week) = 1),
    occurrences integer NOT NULL DEFAULT 1 CHECK (occurrences >= 1),
    peak_bpm double precision,
    ceiling_bpm double precision,
    samples integer,
    heard_by text CHECK (heard_by IN ('edge', 'district', 'both')),
    ended_at timestamptz,
    paged boolean NOT NULL DEFAULT false,
    round integer NOT NULL DEFAULT 0 CHECK (round >= 0),
    round_began_at timestamptz,
    next_step integer CHECK (next_step >= 0),
    next_step_at timestamptz,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'closed')),
    acknowledged_by integer REFERENCES staff,
    acknowledged_at timestamptz,
    closed_by integer REFERENCES staff,
    closed_at timestamptz,
    outcome text CHECK (
        outcome IN ('called', 'prescription_adjusted', 'referred', 'false_alarm', 'no_action')
    ),
    outcome_reason text,
    closed_itself boolean NOT NULL DEFAULT false,
    CHECK ((next_step IS NULL) = (next_step_at IS NULL)),
    CHECK (next_step IS NULL OR state = 'open' AND round_began_at IS NOT NULL),
    CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL)),
    CHECK (state <> 'acknowledged' OR acknowledged_at IS NOT NULL),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (state <> 'closed' OR closed_itself = (closed_by IS NULL)),
    CHECK (state <> 'closed' OR closed_itself = (outcome IS NULL)),
    CHECK (outcome NOT IN ('false_alarm', 'no_action') OR outcome_reason <> '')
);
CREATE UNIQUE INDEX alert_one_open ON alert (patient_id, rule, direction) WHERE state <> 'closed';
CREATE INDEX ON alert (next_step_at) WHERE next_step_at IS NOT NULL;
CREATE INDEX ON alert (opened_at);
COMMENT ON TABLE alert IS 'Something that needs a person. One open per patient, rule and direction: a repeat adds to it.';
COMMENT ON COLUMN alert.onset_at IS 'The first reading of its first episode; of a week, its Monday 00:00 local.';
COMMENT ON COLUMN alert.raised_at IS 'The reading by which the condition became true, not when it came; of a week, its end.';
COMMENT ON COLUMN alert.last_at IS 'The newest reading for which the condition was true.';
COMMENT ON COLUMN alert.opened_at IS 'Our clock, when this row was written.';
COMMENT ON COLUMN alert.week IS 'The Monday of the newest week it is about; null for what is not about weeks.';
COMMENT ON COLUMN alert.occurrences IS 'Episodes or weeks that it holds.';
COMMENT ON COLUMN alert.ceiling_bpm IS 'Of the prescription in force at its last episode.';
COMMENT ON COLUMN alert.samples IS 'Readings at or above the ceiling, of all its episodes.';
COMMENT ON COLUMN alert.heard_by IS 'Whether the gateway, the district or both noticed it.';
COMMENT ON COLUMN alert.ended_at IS 'The last reading, once the condition has ended; null while it lasts. The alert stays until a person closes it.';
COMMENT ON COLUMN alert.paged IS 'Somebody was to be told at once; false for what came too late to be urgent.';
COMMENT ON COLUMN alert.round IS 'How many times it was paged anew: a new episode after an acknowledgement is a new round.';
COMMENT ON COLUMN alert.round_began_at IS 'Our clock: the escalation counts from there.';
COMMENT ON COLUMN alert.next_step IS 'The escalation that is due at next_step_at if nobody acknowledges; null: none.';
COMMENT ON COLUMN alert.closed_itself IS 'By late data, without a person; only rules that allow it.';

CREATE TABLE alert_episode (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alert,
    patient_id integer NOT NULL REFERENCES patient,
    device_id integer REFERENCES device,
    rule text NOT NULL,
    direction text NOT NULL,
    onset_at timestamptz NOT NULL,
    raised_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    is_over boolean NOT NULL,
    peak_bpm double precision NOT NULL,
    samples integer NOT NULL,
    ceiling_bpm double precision NOT NULL,
    heard_by text NOT NULL CHECK (heard_by IN ('edge', 'district', 'both'))
);
CREATE INDEX ON alert_episode (patient_id, rule, direction, last_at);
CREATE INDEX ON alert_episode (alert_id);
CREATE INDEX ON alert_episode (device_id) WHERE NOT is_over;
COMMENT ON TABLE alert_episode IS 'The stretches of time an alert holds; by them the same one is recognised, from whom and however often it comes.';

CREATE TABLE alert_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alert,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    staff_id integer REFERENCES staff,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX ON alert_event (alert_id, id);
COMMENT ON TABLE alert_event IS 'The life of each alert: only added to, never edited.';
COMMENT ON COLUMN alert_event.staff_id IS 'Who did it; null: the program.';

CREATE TABLE delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alert,
    round integer NOT NULL,
    step integer NOT NULL CHECK (step >= 0),
    channel text NOT NULL CHECK (channel IN ('mail', 'file')),
    recipient text NOT NULL,
    again boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'sent', 'refused', 'unknown', 'dropped')),
    attempts integer NOT NULL DEFAULT 0,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    trying_since timestamptz,
    sent_at timestamptz,
    detail text NOT NULL DEFAULT '',
    UNIQUE (alert_id, round, step, channel, recipient, again),
    CHECK (trying_since IS NULL OR state = 'queued'),
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX ON delivery (next_try_at) WHERE state = 'queued';
COMMENT ON TABLE delivery IS 'The outbox: one row for each message to each recipient, written with the alert, in one transaction.';
COMMENT ON COLUMN delivery.step IS '0: the first to be told; then each step of the escalation.';
COMMENT ON COLUMN delivery.recipient IS 'An e-mail address; for the file, the word file.';
COMMENT ON COLUMN delivery.again IS 'Sent because of the first it is not known whether it arrived; the message says so.';
COMMENT ON COLUMN delivery.state IS 'sent: the channel has taken it. refused: it will not. unknown: it was handed over and no answer came. dropped: acknowledged before it could be sent.';
COMMENT ON COLUMN delivery.trying_since IS 'Being handed over now; a process that finds one of an earlier life does not know how it went.';

CREATE TABLE alert_week (
    rule text NOT NULL,
    patient_id integer NOT NULL REFERENCES patient,
    week date NOT NULL CHECK (extract(isodow FROM week) = 1),
    alert_id bigint NOT NULL REFERENCES alert,
    still_true boolean NOT NULL DEFAULT true,
    PRIMARY KEY (rule, patient_id, week)
);
CREATE INDEX ON alert_week (alert_id);
COMMENT ON TABLE alert_week IS 'Which alert a week of a patient is in: a week opens one at most, however often it is judged.';
COMMENT ON COLUMN alert_week.still_true IS 'False once later data took the week out of the condition.';

CREATE TABLE watch_beat (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    started_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL
);
COMMENT ON TABLE watch_beat IS 'That the watch lives; its silence is itself a reason for alarm.';

-- One row per batch and band: the watch looks at what was touched, not at whole batches. Nothing has
-- read the old queue yet, and what is in it is too old to be urgent.
DROP TABLE batch_queue;
CREATE TABLE batch_queue (
    batch_id bigint NOT NULL,
    device_id integer NOT NULL,
    min_at timestamptz NOT NULL,
    max_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (batch_id, device_id)
);
CREATE INDEX ON batch_queue (max_at);
COMMENT ON TABLE batch_queue IS 'What alert evaluation has still to look at; it deletes what it has claimed.';
COMMENT ON COLUMN batch_queue.batch_id IS 'Of batch; unchecked like the readings themselves, for their speed.';
COMMENT ON COLUMN batch_queue.device_id IS 'Of device; unchecked as above.';
COMMENT ON COLUMN batch_queue.queued_at IS 'When it came: readings older than that by more than the freshness of a rule are back-fill.';
CREATE TRIGGER call_the_watch AFTER INSERT ON batch_queue
    FOR EACH STATEMENT EXECUTE FUNCTION call_the_watch();

CREATE TABLE edge_queue (edge_event_id bigint PRIMARY KEY REFERENCES edge_event);
COMMENT ON TABLE edge_queue IS 'Events of gateways that alert evaluation has still to look at.';
CREATE FUNCTION queue_edge_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO edge_queue (edge_event_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER queue_edge_event AFTER INSERT ON edge_event
    FOR EACH ROW EXECUTE FUNCTION queue_edge_event();
