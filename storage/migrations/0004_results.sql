-- What the core made of the readings. Every row names the method, the prescription and its inputs.
CREATE TABLE day (
    enrolment_id integer NOT NULL REFERENCES enrolment,
    date date NOT NULL,
    prescription_id integer NOT NULL REFERENCES prescription,
    valid_day boolean NOT NULL,
    very_light_ms bigint NOT NULL,
    light_ms bigint NOT NULL,
    moderate_ms bigint NOT NULL,
    vigorous_ms bigint NOT NULL,
    near_max_ms bigint NOT NULL,
    credit_ms bigint NOT NULL,
    above_ms bigint NOT NULL,
    wear_ms bigint NOT NULL,
    steps bigint NOT NULL,
    cad100_min integer NOT NULL,
    cad130_min integer NOT NULL,
    hrless_cad100_min integer NOT NULL,
    still_min integer NOT NULL,
    lock_min integer NOT NULL,
    shake_min integer NOT NULL,
    fast_min integer NOT NULL,
    method_version text NOT NULL,
    input_sha256 bytea NOT NULL,
    PRIMARY KEY (enrolment_id, date)
);
COMMENT ON TABLE day IS 'One local day of one enrolment with held time or a valid step row; milliseconds are exact (C8 to C10, C13, C15, C16).';
COMMENT ON COLUMN day.prescription_id IS 'The version in force on that day.';
COMMENT ON COLUMN day.input_sha256 IS 'Of everything the row was computed from: the same inputs give the same row.';

CREATE TABLE bout (
    enrolment_id integer NOT NULL REFERENCES enrolment,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    date date NOT NULL,
    prescription_id integer NOT NULL REFERENCES prescription,
    span_ms bigint NOT NULL,
    effort_ms bigint NOT NULL,
    credit_ms bigint NOT NULL,
    sparse boolean NOT NULL,
    min_counted integer NOT NULL,
    min_zero integer NOT NULL,
    min_walk integer NOT NULL,
    complete boolean NOT NULL,
    method_version text NOT NULL,
    input_sha256 bytea NOT NULL,
    PRIMARY KEY (enrolment_id, start_at)
);
CREATE INDEX ON bout (enrolment_id, date);
COMMENT ON TABLE bout IS 'A qualifying bout (C11), judged by the version in force at its start.';
COMMENT ON COLUMN bout.date IS 'The local day in which it starts; it belongs whole to that day and its week (C12).';
COMMENT ON COLUMN bout.complete IS 'Its credit is at least 80 percent of the prescribed session (C12).';
COMMENT ON COLUMN bout.sparse IS 'Effort below 80 percent of its span; a flag, takes nothing away (C11).';

CREATE TABLE week (
    enrolment_id integer NOT NULL REFERENCES enrolment,
    week date NOT NULL CHECK (extract(isodow FROM week) = 1),
    prescription_id integer NOT NULL REFERENCES prescription,
    wear_min double precision NOT NULL,
    valid_days integer NOT NULL,
    valid_week boolean NOT NULL,
    bouts integer NOT NULL,
    complete_sessions integer NOT NULL,
    session_days integer NOT NULL,
    bout_credit_min double precision NOT NULL,
    all_credit_min double precision NOT NULL,
    above_min double precision NOT NULL,
    mod_eq_min double precision NOT NULL,
    attendance double precision NOT NULL,
    rdi double precision NOT NULL,
    volume double precision NOT NULL,
    intensity double precision,
    duration double precision,
    adherent boolean NOT NULL,
    adherence_pct double precision NOT NULL,
    state text NOT NULL CHECK (state IN ('met', 'not_met', 'cannot_judge')),
    reason text CHECK ((state = 'cannot_judge') = (reason IS NOT NULL)),
    method_version text NOT NULL,
    input_sha256 bytea NOT NULL,
    PRIMARY KEY (enrolment_id, week)
);
COMMENT ON TABLE week IS 'One week of one enrolment, empty ones too (C14): the figure an insurer could pay on.';
COMMENT ON COLUMN week.week IS 'Its Monday.';
COMMENT ON COLUMN week.prescription_id IS 'The version whose targets held on its Monday 00:00.';
COMMENT ON COLUMN week.reason IS 'Why it can not be judged; null otherwise.';

CREATE TABLE nightly_run (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    night date NOT NULL,
    revision integer NOT NULL CHECK (revision >= 1),
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    method_version text NOT NULL,
    input_sha256 bytea NOT NULL,
    workbook_name text NOT NULL,
    workbook_sha256 bytea NOT NULL,
    UNIQUE (night, revision),
    UNIQUE (night, input_sha256)
);
COMMENT ON TABLE nightly_run IS 'The same night over the same results is one row; later data makes a revision, never an edit.';

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE audit IS 'Who read or changed what about whom. Never a measured value.';
