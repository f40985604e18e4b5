-- What the edge knows and says: ceilings, families, rosters, edge events, how gateways stand.
ALTER TABLE prescription
    ADD COLUMN ceiling_bpm double precision CHECK (ceiling_bpm > 0),
    ADD COLUMN ceiling_source text CHECK (ceiling_source IN ('prescribed', 'default')),
    ADD CHECK ((ceiling_bpm IS NULL) = (ceiling_source IS NULL));
COMMENT ON COLUMN prescription.ceiling_bpm IS 'At or above it the effort is to stop; frozen for this version. Null: none is set, none is watched.';
COMMENT ON COLUMN prescription.ceiling_source IS 'Said by the doctor, or the default of the rule of that day.';

ALTER TABLE device ADD COLUMN family text CHECK (family ~ '^[a-z0-9_]{1,32}$');
COMMENT ON COLUMN device.family IS 'The key of its family in `devices/`: how a gateway talks with it. Null: not said, whatever it advertises as.';

CREATE TABLE roster_issue (
    gateway_id integer PRIMARY KEY REFERENCES gateway,
    version bigint NOT NULL CHECK (version > 0),
    content_sha256 bytea NOT NULL CHECK (length(content_sha256) = 32),
    sealed bytea NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at)
);
COMMENT ON TABLE roster_issue IS 'The roster last issued to each gateway; every hub publishes these bytes and no others.';
COMMENT ON COLUMN roster_issue.version IS 'Only rises; at least the seconds since 1970 at its issue, so that it rises past what a database restored from a backup has forgotten.';
COMMENT ON COLUMN roster_issue.content_sha256 IS 'Of what it says and of the key it is sealed to, without version and times: another content is another issue.';
COMMENT ON COLUMN roster_issue.sealed IS 'Signed by the hub, readable by that gateway alone.';

CREATE TABLE edge_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    number bigint NOT NULL CHECK (number >= 0),
    rule text NOT NULL,
    rule_version integer NOT NULL,
    device_key text NOT NULL,
    subject text NOT NULL,
    onset_at timestamptz NOT NULL,
    raised_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('raised', 'ended')),
    age_ms bigint CHECK (age_ms >= 0),
    peak_bpm double precision NOT NULL,
    samples integer NOT NULL CHECK (samples > 0),
    ceiling_bpm double precision NOT NULL,
    came_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (gateway_id, boot, number)
);
CREATE INDEX ON edge_event (device_key, onset_at);
COMMENT ON TABLE edge_event IS 'What a gateway raised by itself, once each; an alarm that ends is a second event with the same onset.';
COMMENT ON COLUMN edge_event.boot IS 'Random, once per start of a gateway: an event that never reached its disk leaves no number behind.';
COMMENT ON COLUMN edge_event.number IS 'Rises by one with each event from that start on.';
COMMENT ON COLUMN edge_event.subject IS 'The pseudonym that the gateway''s roster gave for the wearer at that time.';
COMMENT ON COLUMN edge_event.onset_at IS 'The first reading of the run, by the clock of the box, as its readings are.';
COMMENT ON COLUMN edge_event.raised_at IS 'The reading with which the condition became true.';
COMMENT ON COLUMN edge_event.last_at IS 'The newest reading of the run when this was said.';
COMMENT ON COLUMN edge_event.age_ms IS 'From raising (or ending) to sending, by a clock that nobody sets; null where the box itself was started anew in between: then it is late.';

CREATE TABLE gateway_state (
    gateway_id integer PRIMARY KEY REFERENCES gateway,
    online boolean NOT NULL,
    said_at timestamptz,
    came_at timestamptz NOT NULL,
    said jsonb NOT NULL
);
COMMENT ON TABLE gateway_state IS 'How each gateway stands by its own unsigned word: it informs people and decides nothing.';
COMMENT ON COLUMN gateway_state.online IS 'False from the last will: the broker lost it.';
COMMENT ON COLUMN gateway_state.said_at IS 'The clock of the box; null in a last will, which was written before.';
COMMENT ON COLUMN gateway_state.came_at IS 'Ours.';
COMMENT ON COLUMN gateway_state.said IS 'Its counters, as published.';

CREATE FUNCTION call_for_rosters() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('adhere_roster', '');
    RETURN NULL;
END
$$;

CREATE FUNCTION call_the_watch() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('adhere_watch', '');
    RETURN NULL;
END
$$;

DO $$
DECLARE
    told text;
BEGIN
    FOREACH told IN ARRAY ARRAY[
        'device_assignment', 'prescription', 'enrolment', 'patient', 'gateway', 'gateway_key'
    ]
    LOOP
        EXECUTE format(
            'CREATE TRIGGER call_for_rosters AFTER INSERT OR UPDATE OR DELETE ON public.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION call_for_rosters()',
            told
        );
    END LOOP;
END
$$;
-- A band that is only heard for the first time concerns no roster.
CREATE TRIGGER call_for_rosters AFTER UPDATE OF family ON device
    FOR EACH STATEMENT EXECUTE FUNCTION call_for_rosters();
CREATE TRIGGER call_the_watch AFTER INSERT ON edge_event
    FOR EACH STATEMENT EXECUTE FUNCTION call_the_watch();
