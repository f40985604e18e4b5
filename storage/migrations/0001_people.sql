-- People, places, prescriptions, bands. Times are UTC; a date is a local day of the centre.
CREATE EXTENSION IF NOT EXISTS btree_gist;
COMMENT ON TABLE migration IS 'Which migrations were run, and the SHA-256 of each file as it was then.';

CREATE TABLE organisation (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('district', 'centre', 'payer')),
    code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text NOT NULL,
    parent_id integer REFERENCES organisation
);
COMMENT ON TABLE organisation IS 'A district, a community centre in it, or a payer.';
COMMENT ON COLUMN organisation.code IS 'Stands in MQTT topics and in signed batches; never changes.';
COMMENT ON COLUMN organisation.parent_id IS 'The district a centre belongs to.';

CREATE TABLE staff (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation_id integer NOT NULL REFERENCES organisation,
    code text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('family_doctor', 'therapist', 'instructor', 'operator')),
    name text NOT NULL
);
COMMENT ON TABLE staff IS 'Who looks after patients or runs the programme.';
COMMENT ON COLUMN staff.code IS 'The name of a person of the staff in files and on the command line.';

CREATE TABLE patient (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pseudonym text NOT NULL UNIQUE,
    name text,
    centre_id integer NOT NULL REFERENCES organisation,
    family_doctor_id integer NOT NULL REFERENCES staff
);
CREATE INDEX ON patient (centre_id);
COMMENT ON TABLE patient IS 'A person, in however many programmes.';
COMMENT ON COLUMN patient.pseudonym IS 'The only name of a person outside the care team.';

CREATE TABLE enrolment (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_label text NOT NULL UNIQUE,
    patient_id integer NOT NULL REFERENCES patient,
    mode text NOT NULL CHECK (mode IN ('worn', 'site')),
    starts_on date NOT NULL,
    ends_on date CHECK (ends_on > starts_on)
);
CREATE INDEX ON enrolment (patient_id);
COMMENT ON TABLE enrolment IS 'One person in one programme: the `case` of the files that `adhere score` reads.';
COMMENT ON COLUMN enrolment.mode IS 'Band worn all day, or worn in the centre only: decides what "observed" means (method, section 13).';
COMMENT ON COLUMN enrolment.ends_on IS 'The first local day after it; null while it runs.';

CREATE TABLE prescription (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enrolment_id integer NOT NULL REFERENCES enrolment,
    version integer NOT NULL CHECK (version >= 1),
    effective daterange NOT NULL CHECK (NOT isempty(effective)),
    age_years double precision,
    sex text CHECK (sex IN ('M', 'F')),
    beta_blocker boolean,
    hr_max_bpm double precision,
    hr_max_source text CHECK (hr_max_source IN ('measured', 'gellish', 'brawner')),
    rest_hr_bpm double precision,
    rest_hr_source text CHECK (rest_hr_source IN ('measured', 'recorded')),
    frozen_on date NOT NULL,
    zone_lo_pct double precision NOT NULL CHECK (zone_lo_pct > 0),
    zone_hi_pct double precision NOT NULL CHECK (zone_hi_pct > 0),
    session_min double precision NOT NULL CHECK (session_min > 0),
    sessions_per_week double precision NOT NULL CHECK (sessions_per_week > 0),
    weekly_min double precision NOT NULL CHECK (weekly_min > 0),
    UNIQUE (enrolment_id, version),
    EXCLUDE USING gist (enrolment_id WITH =, effective WITH &&)
);
COMMENT ON TABLE prescription IS 'One version of an aerobic exercise prescription; a change is a new version, never an edit.';
COMMENT ON COLUMN prescription.effective IS 'Local days: zones change at local midnight only.';
COMMENT ON COLUMN prescription.hr_max_bpm IS 'Frozen for this version (C6); null when neither a measurement nor an age was known.';
COMMENT ON COLUMN prescription.rest_hr_bpm IS 'Frozen for this version (C7); null when nothing was measured or recorded.';
COMMENT ON COLUMN prescription.frozen_on IS 'The local day on which HRmax and rest were fixed.';
COMMENT ON COLUMN prescription.zone_lo_pct IS 'Percent of heart-rate reserve (C8); the lower edge belongs to the zone.';
COMMENT ON COLUMN prescription.zone_hi_pct IS 'Percent of heart-rate reserve (C8); the upper edge does not.';

CREATE TABLE pause (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enrolment_id integer NOT NULL REFERENCES enrolment,
    during daterange NOT NULL CHECK (NOT isempty(during)),
    reason text NOT NULL,
    EXCLUDE USING gist (enrolment_id WITH =, during WITH &&)
);
COMMENT ON TABLE pause IS 'Excused local days: weeks in them leave the denominator.';

CREATE TABLE device (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_key text NOT NULL UNIQUE
);
COMMENT ON TABLE device IS 'A band that was heard or registered.';
COMMENT ON COLUMN device.device_key IS 'Address or serial alone: one band may speak through several protocols.';

CREATE TABLE device_assignment (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL REFERENCES device,
    patient_id integer NOT NULL REFERENCES patient,
    worn tstzrange NOT NULL CHECK (NOT isempty(worn)),
    CHECK ((lower_inc(worn) OR lower_inf(worn)) AND NOT upper_inc(worn)),
    EXCLUDE USING gist (device_id WITH =, worn WITH &&)
);
CREATE INDEX ON device_assignment (patient_id);
COMMENT ON COLUMN device_assignment.worn IS 'From, inclusive, until, exclusive; open while it is worn.';
COMMENT ON TABLE device_assignment IS 'Who wears which band, from when to when. A reading belongs to whoever is assigned at its time.';
