-- What an insurer could pay: lines by month, patient, scheme and item, each with the weeks it rests on.
CREATE TABLE payment_scheme (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    figures_sha256 bytea NOT NULL CHECK (length(figures_sha256) = 32),
    figures jsonb NOT NULL,
    signed_by text,
    signed_on date,
    UNIQUE (key, version)
);
COMMENT ON TABLE payment_scheme IS 'A version of a payment scheme that lines were made by; another figure is another version.';
COMMENT ON COLUMN payment_scheme.figures_sha256 IS 'Of every figure that decides an amount; not of the words beside them, nor of the signature.';
COMMENT ON COLUMN payment_scheme.signed_by IS 'Who answers for the figures the policy does not name; null: nobody, and nothing is payable. DEMO in the demonstration.';

CREATE TABLE payment_period (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed'))
);
COMMENT ON TABLE payment_period IS 'A settlement period: a month, given by its first day.';
COMMENT ON COLUMN payment_period.state IS 'While it is open its lines follow the weeks; a closed one is never evaluated again.';

CREATE TABLE payment_line (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month date NOT NULL REFERENCES payment_period,
    patient_id integer NOT NULL REFERENCES patient,
    scheme_id integer NOT NULL REFERENCES payment_scheme,
    item text NOT NULL CHECK (item IN ('base', 'performance')),
    doctor_id integer NOT NULL REFERENCES staff,
    centre_id integer NOT NULL REFERENCES organisation,
    weeks integer NOT NULL CHECK (weeks >= 0),
    numerator integer NOT NULL CHECK (numerator BETWEEN 0 AND denominator),
    denominator integer NOT NULL CHECK (denominator BETWEEN 0 AND weeks),
    exclusions jsonb NOT NULL,
    flags jsonb NOT NULL,
    quantity integer NOT NULL CHECK (quantity >= 0),
    unit_price numeric(12, 2) NOT NULL CHECK (unit_price >= 0),
    factor numeric(8, 4) NOT NULL CHECK (factor >= 0),
    cut numeric(12, 2) NOT NULL CHECK (cut >= 0),
    amount numeric(12, 2) NOT NULL CHECK (amount >= 0),
    shares jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('payable', 'on_hold', 'shown_not_paid', 'nothing')),
    reasons text[] NOT NULL,
    signed_by text,
    input_sha256 bytea NOT NULL CHECK (length(input_sha256) = 32),
    evaluated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((state = 'nothing') = (amount = 0)),
    CHECK ((state = 'payable') = (cardinality(reasons) = 0)),
    UNIQUE (month, patient_id, scheme_id, item)
);
CREATE INDEX ON payment_line (patient_id, month);
COMMENT ON TABLE payment_line IS 'One item of one patient in one month, also where nothing is due; it follows its weeks until the month is closed.';
COMMENT ON COLUMN payment_line.doctor_id IS 'The family doctor when it was evaluated; likewise the centre.';
COMMENT ON COLUMN payment_line.weeks IS 'Enrolled patient-weeks that have begun and whose Sunday lies in the month.';
COMMENT ON COLUMN payment_line.numerator IS 'Base: judged weeks. Performance: weeks met.';
COMMENT ON COLUMN payment_line.denominator IS 'Base: weeks that are over. Performance: weeks met and not met.';
COMMENT ON COLUMN payment_line.exclusions IS 'Weeks that are not judged, by reason.';
COMMENT ON COLUMN payment_line.flags IS 'Most minutes of each signal flag in one judged week, where it reaches the scheme''s limit.';
COMMENT ON COLUMN payment_line.quantity IS 'Services (base) or months that pass (performance).';
COMMENT ON COLUMN payment_line.cut IS 'What a yearly limit took off, yuan.';
COMMENT ON COLUMN payment_line.amount IS 'Quantity * price * factor, rounded half up once to the fen, less the cut; yuan.';
COMMENT ON COLUMN payment_line.shares IS 'Role -> yuan as text; they add up to the amount.';
COMMENT ON COLUMN payment_line.reasons IS 'Why it is not payable, the deciding one first.';
COMMENT ON COLUMN payment_line.signed_by IS 'Who had signed the scheme then.';
COMMENT ON COLUMN payment_line.input_sha256 IS 'Of everything the line was made from and says: the same inputs give the same line.';

CREATE TABLE payment_line_week (
    line_id bigint NOT NULL REFERENCES payment_line ON DELETE CASCADE,
    enrolment_id integer NOT NULL REFERENCES enrolment,
    week date NOT NULL CHECK (extract(isodow FROM week) = 1),
    prescription_id integer NOT NULL REFERENCES prescription,
    state text NOT NULL CHECK (state IN ('met', 'not_met', 'cannot_judge')),
    reason text CHECK ((state = 'cannot_judge') = (reason IS NOT NULL)),
    method_version text NOT NULL,
    input_sha256 bytea CHECK (input_sha256 IS NOT NULL OR reason = 'week_not_over'),
    flags jsonb NOT NULL,
    PRIMARY KEY (line_id, enrolment_id, week)
);
CREATE INDEX ON payment_line_week (enrolment_id, week);
COMMENT ON TABLE payment_line_week IS 'The weeks a line rests on, as they were when it was evaluated.';
COMMENT ON COLUMN payment_line_week.week IS 'Its Monday; no key to `week`, whose rows may change under the line until the night evaluates it again.';
COMMENT ON COLUMN payment_line_week.reason IS 'Why it cannot be judged; also `week_not_over` of a week that was still running.';
COMMENT ON COLUMN payment_line_week.input_sha256 IS 'Of the week then: from here the way leads to days, bouts and batches. Null while the week was running: nothing of it counts.';
COMMENT ON COLUMN payment_line_week.flags IS 'Minutes of each signal flag over its days; none while it was running.';
