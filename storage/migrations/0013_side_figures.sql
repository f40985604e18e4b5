-- Figures that stand beside adherence and are never part of it: load, time at the ceiling, the drift
-- of the resting heart rate. Nothing that is judged or paid reads these tables.
CREATE TABLE side_day (
    enrolment_id integer NOT NULL REFERENCES enrolment,
    date date NOT NULL,
    prescription_id integer NOT NULL REFERENCES prescription,
    impulse bigint CHECK (impulse >= 0),
    over_ceiling_ms bigint CHECK (over_ceiling_ms >= 0),
    method_version text NOT NULL,
    side_version text NOT NULL,
    input_sha256 bytea NOT NULL CHECK (length(input_sha256) = 32),
    PRIMARY KEY (enrolment_id, date)
);
COMMENT ON TABLE side_day IS 'A local day''s part of the side figures of its week, for every day with held time under a prescription. No part of adherence.';
COMMENT ON COLUMN side_day.prescription_id IS 'The version in force on that day.';
COMMENT ON COLUMN side_day.impulse IS 'Training impulse (Banister) in whole billionths; null where sex, maximum or resting heart rate is not known.';
COMMENT ON COLUMN side_day.over_ceiling_ms IS 'Time held at or above the ceiling; null without one.';
COMMENT ON COLUMN side_day.side_version IS 'Of the numbers of the side figures.';
COMMENT ON COLUMN side_day.input_sha256 IS 'Of everything the row was computed from: the same inputs give the same row.';

CREATE TABLE rest_day (
    patient_id integer NOT NULL REFERENCES patient,
    date date NOT NULL,
    rest_bpm double precision NOT NULL CHECK (rest_bpm > 0 AND rest_bpm < 'infinity'),
    method_version text NOT NULL,
    input_sha256 bytea NOT NULL CHECK (length(input_sha256) = 32),
    PRIMARY KEY (patient_id, date)
);
COMMENT ON TABLE rest_day IS 'The resting heart rate of a patient''s local day, where the day is long enough for one (C7). No prescription rests on it: a prescription has its own, frozen.';
COMMENT ON COLUMN rest_day.input_sha256 IS 'Of the held heart rate of the day and the method.';

CREATE TABLE side_week (
    enrolment_id integer NOT NULL,
    week date NOT NULL CHECK (extract(isodow FROM week) = 1),
    prescription_id integer NOT NULL REFERENCES prescription,
    very_light_min double precision,
    light_min double precision,
    moderate_min double precision,
    vigorous_min double precision,
    near_max_min double precision,
    mod_eq_min double precision,
    trimp double precision,
    over_ceiling_min double precision,
    rest_days integer NOT NULL,
    rest_bpm double precision,
    rest_base_days integer NOT NULL,
    rest_base_bpm double precision,
    rest_drift_bpm double precision,
    method_version text NOT NULL,
    side_version text NOT NULL,
    input_sha256 bytea NOT NULL CHECK (length(input_sha256) = 32),
    counted_to date NOT NULL,
    PRIMARY KEY (enrolment_id, week),
    FOREIGN KEY (enrolment_id, week) REFERENCES week ON DELETE CASCADE,
    CHECK (num_nonnulls(very_light_min, light_min, moderate_min, vigorous_min, near_max_min, mod_eq_min) IN (0, 6)),
    CHECK ((rest_bpm IS NULL) = (rest_days = 0)),
    CHECK ((rest_drift_bpm IS NULL) = (rest_bpm IS NULL OR rest_base_bpm IS NULL))
);
COMMENT ON TABLE side_week IS 'Side figures of every stored week, empty ones too. They stand beside adherence: no state, no payment and no alert rests on them.';
COMMENT ON COLUMN side_week.prescription_id IS 'That of the week''s row.';
COMMENT ON COLUMN side_week.very_light_min IS 'Minutes of all held time in a zone of heart-rate reserve (C10); null, like the others, without figures.';
COMMENT ON COLUMN side_week.mod_eq_min IS 'Moderate-equivalent minutes: moderate, and twice the vigorous and near-maximal ones (WHO 2020).';
COMMENT ON COLUMN side_week.trimp IS 'Training impulse (Banister 1991), without unit; null where sex or figures are not known on a day with held time.';
COMMENT ON COLUMN side_week.over_ceiling_min IS 'Time held at or above the ceiling; null where no version of the week has one.';
COMMENT ON COLUMN side_week.rest_days IS 'Days of the week with a resting heart rate (C7).';
COMMENT ON COLUMN side_week.rest_bpm IS 'Their median.';
COMMENT ON COLUMN side_week.rest_base_days IS 'Days with one in the weeks before that are the person''s own baseline.';
COMMENT ON COLUMN side_week.rest_base_bpm IS 'Their median; null with too few of them.';
COMMENT ON COLUMN side_week.rest_drift_bpm IS 'rest_bpm less rest_base_bpm.';
COMMENT ON COLUMN side_week.side_version IS 'Of the numbers of the side figures.';
COMMENT ON COLUMN side_week.input_sha256 IS 'Of the rows of days it was made from and what its prescription says.';
COMMENT ON COLUMN side_week.counted_to IS 'As in the week''s row.';

-- Versions that the night judges nothing by, for the operator to see.
CREATE TABLE refused_version (
    prescription_id integer NOT NULL REFERENCES prescription ON DELETE CASCADE,
    from_day date NOT NULL,
    until_day date,
    reason text NOT NULL CHECK (
        reason IN ('zone_upside_down', 'no_max', 'no_rest', 'max_not_above_rest', 'ceiling_not_above_zone')
    ),
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (prescription_id, from_day)
);
COMMENT ON TABLE refused_version IS 'Versions of prescriptions, or phases of them, that contradict themselves or lack figures: their days and weeks are not judged. The night after a correction takes the row away.';
COMMENT ON COLUMN refused_version.from_day IS 'First local day in force; of a phase its Monday.';
COMMENT ON COLUMN refused_version.until_day IS 'The first local day on which it holds no more.';

-- Days computed so far have no side figures: the next night looks at all of them once more.
INSERT INTO changed (patient_id, days)
SELECT DISTINCT patient_id, daterange(NULL, NULL) FROM device_assignment;
