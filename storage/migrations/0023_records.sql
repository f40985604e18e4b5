-- What is known of a patient beside bands and prescriptions: consent, risk, outcomes. Entered and read
-- by the district's operator; the pages have no right on them.
CREATE TABLE consent (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id integer NOT NULL REFERENCES patient,
    purpose text NOT NULL CHECK (purpose IN ('monitoring', 'payer', 'research')),
    text_version text NOT NULL CHECK (text_version <> ''),
    given_on date NOT NULL,
    withdrawn_on date CHECK (withdrawn_on >= given_on),
    UNIQUE (patient_id, purpose, text_version)
);
COMMENT ON TABLE consent IS 'What a patient has agreed to, purpose by purpose: each is asked for by itself (PIPL, articles 23 and 29).';
COMMENT ON COLUMN consent.purpose IS 'monitoring: measuring and treatment; payer: lines to the insurer; research: anything else.';
COMMENT ON COLUMN consent.text_version IS 'Which text was signed; another text is another consent.';
COMMENT ON COLUMN consent.withdrawn_on IS 'The local day from which it no longer holds; null while it does.';

CREATE TABLE risk_assessment (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id integer NOT NULL REFERENCES patient,
    level text NOT NULL CHECK (level IN ('low', 'moderate', 'high')),
    method text NOT NULL CHECK (method <> ''),
    assessed_on date NOT NULL,
    UNIQUE (patient_id, assessed_on, method)
);
COMMENT ON TABLE risk_assessment IS 'How risky exercise is for a patient, as a doctor has judged it before prescribing.';
COMMENT ON COLUMN risk_assessment.method IS 'By which questionnaire or test.';

CREATE TABLE outcome (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id integer NOT NULL REFERENCES patient,
    kind text NOT NULL CHECK (kind IN (
        'systolic_mmhg', 'diastolic_mmhg', 'fasting_glucose_mmol_l', 'hba1c_pct', 'weight_kg'
    )),
    value double precision NOT NULL CHECK (value > 0 AND value < 1000),
    measured_on date NOT NULL,
    UNIQUE (patient_id, kind, measured_on)
);
COMMENT ON TABLE outcome IS 'What exercise is for: blood pressure, glucose, HbA1c, weight, as measured in the centre. Used by no rule of adherence or payment.';
COMMENT ON COLUMN outcome.kind IS 'What was measured, with its unit.';

GRANT SELECT, INSERT, UPDATE (withdrawn_on) ON consent TO adhere_operator;
GRANT SELECT, INSERT ON risk_assessment, outcome TO adhere_operator;
SELECT protect_rows(name::regclass)
FROM unnest(ARRAY['consent', 'risk_assessment', 'outcome']) AS protected (name);
