-- People, places, prescriptions, bands. Times are UTC; a date is a local day of the centre.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE organisation (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('district', 'centre', 'payer')),
    code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text NOT NULL,
    parent_id integer REFERENCES organisation
);
COMMENT ON COLUMN organisation.code IS 'Stands in MQTT topics and in signed batches.';

CREATE TABLE staff (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation_id integer NOT NULL REFERENCES organisation,
    code text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('family_doctor', 'therapist', 'instructor', 'operator')),
    name text NOT NULL
);

CREATE TABLE patient (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pseudonym text NOT NULL UNIQUE,
    name text,
    centre_id integer NOT NULL REFERENCES organisation,
    family_doctor_id integer NOT NULL REFERENCES staff
);
COMMENT ON COLUMN patient.pseudonym IS 'The only name of a person outside the care team.';

CREATE TABLE enrolment (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_label text NOT NULL UNIQUE,
    patient_id integer NOT NULL REFERENCES patient,
    mode text NOT NULL CHECK (mode IN ('worn', 'site')),
    starts_on date NOT NULL,
    ends_on date CHECK (ends_on > starts_on)
);
COMMENT ON TABLE enrolment IS 'One person in one programme: the case of METHOD 12. `ends_on` is the first day after it.';

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
COMMENT ON COLUMN prescription.effective IS 'Local days: zones change at local midnight only.';

CREATE TABLE pause (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enrolment_id integer NOT NULL REFERENCES enrolment,
    during daterange NOT NULL CHECK (NOT isempty(during)),
    reason text NOT NULL
);

CREATE TABLE device (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_key text NOT NULL UNIQUE
);
COMMENT ON COLUMN device.device_key IS 'Address or serial alone: one band may speak through several protocols.';

CREATE TABLE device_assignment (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL REFERENCES device,
    patient_id integer NOT NULL REFERENCES patient,
    worn tstzrange NOT NULL CHECK (NOT isempty(worn)),
    EXCLUDE USING gist (device_id WITH =, worn WITH &&)
);
CREATE INDEX ON device_assignment (patient_id);
