-- Who may open the web pages, and whose pages: accounts, sessions, one-time links, care teams.
-- Of a password, a session and a link only a hash is kept: who reads the tables can log in as nobody.
ALTER TABLE staff ADD COLUMN email text CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$');
COMMENT ON COLUMN staff.email IS 'Where alerts reach this person; null: nowhere by e-mail.';
ALTER TABLE staff DROP CONSTRAINT staff_role_check;
ALTER TABLE staff ADD CONSTRAINT staff_role_check CHECK (
    role IN (
        'family_doctor', 'therapist', 'instructor', 'operator',
        'administrator', 'payer', 'auditor'
    )
);

CREATE TABLE care_team (
    patient_id integer NOT NULL REFERENCES patient,
    staff_id integer NOT NULL REFERENCES staff,
    PRIMARY KEY (patient_id, staff_id)
);
CREATE INDEX ON care_team (staff_id);
COMMENT ON TABLE care_team IS 'Who looks after a patient beside the family doctor: instructors, therapists, a doctor standing in.';
CREATE INDEX ON patient (family_doctor_id);

CREATE OR REPLACE VIEW patient_team AS
SELECT id AS patient_id, family_doctor_id AS staff_id FROM patient
UNION
SELECT patient_id, staff_id FROM care_team;
COMMENT ON VIEW patient_team IS 'Who may see a patient: the family doctor and the care team, nobody else.';

CREATE TABLE login (
    staff_id integer PRIMARY KEY REFERENCES staff,
    password_hash text,
    password_set_at timestamptz,
    disabled_at timestamptz
);
COMMENT ON TABLE login IS 'May log in at the pages. Staff without a row may not.';
COMMENT ON COLUMN login.password_hash IS 'argon2id with its parameters and salt; null until the person has set a password.';
COMMENT ON COLUMN login.disabled_at IS 'From then on neither password, link nor session opens anything.';

CREATE TABLE web_session (
    token_sha256 bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
    staff_id integer NOT NULL REFERENCES staff,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at timestamptz NOT NULL,
    may_set_password boolean NOT NULL,
    shows_names boolean NOT NULL DEFAULT false,
    listed text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX ON web_session (staff_id);
COMMENT ON TABLE web_session IS 'A browser that is logged in; its row is deleted at log-out.';
COMMENT ON COLUMN web_session.seen_at IS 'The last click; a page that refreshes itself is none.';
COMMENT ON COLUMN web_session.ends_at IS 'Over then, however busy.';
COMMENT ON COLUMN web_session.may_set_password IS 'Entered by a link made for it: the old password is not asked.';
COMMENT ON COLUMN web_session.shows_names IS 'Names in full; otherwise masked.';
COMMENT ON COLUMN web_session.listed IS 'Pseudonyms on its last work list: a refresh that shows nobody else is not audited again.';

CREATE TABLE login_link (
    token_sha256 bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
    staff_id integer NOT NULL REFERENCES staff,
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    sets_password boolean NOT NULL,
    used_at timestamptz
);
CREATE INDEX ON login_link (staff_id);
COMMENT ON TABLE login_link IS 'Opens the pages once, until it expires; kept afterwards so that a used one can be told from a wrong one.';
COMMENT ON COLUMN login_link.sets_password IS 'Whoever enters by it is asked for a new password.';

CREATE TABLE login_wait (
    key_sha256 bytea PRIMARY KEY CHECK (length(key_sha256) = 32),
    failures integer NOT NULL CHECK (failures >= 1),
    failed_at timestamptz NOT NULL,
    wait_until timestamptz NOT NULL
);
COMMENT ON TABLE login_wait IS 'Wrong passwords lately, by account and by address; a row for a name that nobody has looks the same.';
COMMENT ON COLUMN login_wait.key_sha256 IS 'Of the kind (account, address) and the name that was typed or the address that asked.';
COMMENT ON COLUMN login_wait.wait_until IS 'Until then no password is looked at, right or wrong.';

CREATE TABLE known_browser (
    token_sha256 bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
    staff_id integer NOT NULL REFERENCES staff,
    used_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON known_browser (staff_id);
COMMENT ON TABLE known_browser IS 'A browser in which this person has logged in: wrong passwords of strangers do not make it wait.';

CREATE INDEX ON audit (actor, id);
CREATE INDEX ON audit (subject, id);
