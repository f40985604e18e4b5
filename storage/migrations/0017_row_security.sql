-- Whose rows a session of the pages may see, and the only ways in which it comes to readings.
-- What each part is for, and what it does not protect from: docs/why/row-security.md.

-- 1. Who is reading. A page's transaction says which web session it works for, by the hash of the
-- session's token: no number that anybody could think up.
CREATE FUNCTION reader_id() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT web_session.staff_id
    FROM public.web_session
    JOIN public.login ON login.staff_id = web_session.staff_id
    WHERE web_session.token_sha256 = CASE
            WHEN current_setting('adhere.session', true) ~ '^[0-9a-f]{64}$'
            THEN decode(current_setting('adhere.session', true), 'hex')
        END
        AND web_session.ends_at > clock_timestamp()
        AND login.disabled_at IS NULL
$$;
COMMENT ON FUNCTION reader_id IS 'Of the staff, whoever the transaction reads for, by the web session named in the setting adhere.session; null: nobody.';

CREATE FUNCTION reader_role() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT staff.role FROM public.staff WHERE staff.id = public.reader_id()
$$;
COMMENT ON FUNCTION reader_role IS 'The role of the reader among the staff; null: nobody reads.';

CREATE FUNCTION reader_code() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT staff.code FROM public.staff WHERE staff.id = public.reader_id()
$$;
COMMENT ON FUNCTION reader_code IS 'The name of the reader in the audit trail; null: nobody reads.';

CREATE FUNCTION reader_patients() RETURNS SETOF integer
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 200
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT integer := public.reader_id();
BEGIN
    IF public.reader_role() IN ('family_doctor', 'therapist', 'instructor') THEN
        RETURN QUERY
            SELECT patient.id FROM public.patient WHERE patient.family_doctor_id = reader
            UNION
            SELECT care_team.patient_id FROM public.care_team WHERE care_team.staff_id = reader;
    END IF;
END
$$;
COMMENT ON FUNCTION reader_patients IS 'Whom the reader looks after now: as family doctor or in the care team, and only in a role that looks after people.';

CREATE FUNCTION reader_enrolments() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER ROWS 200
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT enrolment.id FROM public.enrolment
    WHERE enrolment.patient_id IN (SELECT public.reader_patients())
$$;
COMMENT ON FUNCTION reader_enrolments IS 'The programmes of those whom the reader looks after.';

CREATE FUNCTION reader_centres() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE mine (id) AS (
        SELECT organisation.id
        FROM public.staff
        JOIN public.organisation AS own ON own.id = staff.organisation_id
        JOIN public.organisation ON organisation.id = own.id OR own.kind = 'payer'
        WHERE staff.id = public.reader_id() AND staff.role IN ('payer', 'auditor')
        UNION
        SELECT part.id FROM public.organisation AS part JOIN mine ON part.parent_id = mine.id
    )
    SELECT mine.id FROM mine
$$;
COMMENT ON FUNCTION reader_centres IS 'The organisations whose sums a payer or an auditor reads: their own with all below it; of a payer''s own people every one.';

-- 2. Whose rows. FORCE: to own a table exempts nobody by itself. Whoever has the owner''s rights
-- (migrations, definer functions) has a policy, so what they may stands in the schema.
CREATE FUNCTION is_owner() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_has_role(current_user, pg_class.relowner, 'USAGE')
    FROM pg_class WHERE pg_class.oid = 'public.patient'::regclass
$$;
COMMENT ON FUNCTION is_owner IS 'Whether this works with the rights of whoever owns the tables.';

CREATE FUNCTION protect_rows(of_table regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    process text;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', of_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', of_table);
    EXECUTE format('DROP POLICY IF EXISTS owner ON %s', of_table);
    EXECUTE format(
        'CREATE POLICY owner ON %s USING ((SELECT public.is_owner()))', of_table
    );
    FOR process IN
        SELECT rolname FROM pg_roles
        WHERE rolname IN (
            'adhere_hub', 'adhere_core', 'adhere_alerts', 'adhere_reports', 'adhere_auditor',
            'adhere_operator'
        )
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON %s', process, of_table);
        CONTINUE WHEN NOT (
            has_any_column_privilege(process, of_table, 'SELECT, INSERT, UPDATE')
            OR has_table_privilege(process, of_table, 'DELETE')
        );
        EXECUTE format(
            'CREATE POLICY %I ON %s TO %I USING (true) WITH CHECK (true)',
            process, of_table, process
        );
    END LOOP;
END
$$;
COMMENT ON FUNCTION protect_rows IS 'Turn row security on for a table of people, for its owner too. Processes other than the pages that have a right on it get every row; a migration that grants one later calls it again.';
REVOKE ALL ON FUNCTION
    reader_id, reader_role, reader_code, reader_patients, reader_enrolments, reader_centres,
    is_owner, protect_rows
FROM PUBLIC;
-- A policy works with the rights of whoever asks.
GRANT EXECUTE ON FUNCTION is_owner TO
    adhere_hub, adhere_core, adhere_alerts, adhere_reports, adhere_portal, adhere_auditor,
    adhere_operator;
GRANT EXECUTE ON FUNCTION
    reader_id, reader_role, reader_code, reader_patients, reader_enrolments
TO adhere_portal;

-- Views look with the eyes of whoever asks; with their owner's they would show every row.
ALTER VIEW patient_team SET (security_invoker = true);
ALTER VIEW prescribed SET (security_invoker = true);
ALTER VIEW logged_session SET (security_invoker = true);
GRANT SELECT ON prescription_phase TO adhere_hub;
GRANT SELECT (zone_lo, zone_hi, session_min, sessions_per_week, weekly_min) ON prescription
TO adhere_hub;
GRANT SELECT ON session_log TO adhere_core, adhere_reports;

SELECT protect_rows(name::regclass)
FROM unnest(ARRAY[
    'patient', 'care_team', 'enrolment', 'prescription', 'prescription_phase', 'pause',
    'device_assignment', 'session_log', 'day', 'bout', 'week', 'side_day', 'rest_day', 'side_week',
    'refused_version', 'alert', 'alert_episode', 'alert_event', 'alert_week', 'delivery',
    'edge_event', 'claim_code', 'claim_said', 'band_claim', 'changed', 'payment_line',
    'payment_line_week', 'staff', 'login', 'login_link', 'web_session', 'known_browser', 'audit'
]) AS protected (name);

-- 3. The pages begin with nothing and get what they use. No temporary tables: one would lie in front
-- of a real one for whoever has the connection next.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM adhere_portal;
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT TEMPORARY ON DATABASE %I TO adhere_hub, adhere_core, adhere_alerts, adhere_reports, '
        'adhere_operator',
        current_database()
    );
END
$$;
GRANT SELECT ON
    migration, organisation, patient, patient_team, care_team, enrolment, prescription,
    prescription_phase, prescribed, pause, device, device_assignment, session_log, logged_session,
    day, bout, week, side_week, alert, alert_event, delivery, gateway, gateway_state,
    gateway_outage, batch, watch_beat, staff, audit
TO adhere_portal;
GRANT INSERT ON prescription, prescription_phase, session_log TO adhere_portal;
GRANT UPDATE (effective) ON prescription TO adhere_portal;
GRANT UPDATE (
    state, acknowledged_by, acknowledged_at, closed_by, closed_at, outcome, outcome_reason,
    next_step, next_step_at
) ON alert TO adhere_portal;
GRANT UPDATE (state) ON delivery TO adhere_portal;
GRANT INSERT (alert_id, kind, staff_id, detail) ON alert_event TO adhere_portal;
GRANT INSERT (actor, action, subject, detail) ON audit TO adhere_portal;
GRANT INSERT (organisation_id, code, role, name), UPDATE (organisation_id, role, name, email)
ON staff TO adhere_portal;
GRANT SELECT (staff_id, password_set_at, disabled_at), INSERT (staff_id), UPDATE (disabled_at)
ON login TO adhere_portal;
GRANT SELECT (staff_id, expires_at, used_at), INSERT (token_sha256, staff_id, expires_at, sets_password),
    UPDATE (used_at), DELETE
ON login_link TO adhere_portal;
GRANT SELECT (staff_id, seen_at), DELETE ON web_session TO adhere_portal;
-- No person's: what is counted there is named by a hash.
GRANT SELECT, INSERT, UPDATE, DELETE ON login_wait TO adhere_portal;

CREATE POLICY pages ON patient FOR SELECT TO adhere_portal
    USING (id IN (SELECT reader_patients()));
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT * FROM (VALUES
            ('care_team', 'patient_id', 'reader_patients'),
            ('enrolment', 'patient_id', 'reader_patients'),
            ('device_assignment', 'patient_id', 'reader_patients'),
            ('alert', 'patient_id', 'reader_patients'),
            ('prescription', 'enrolment_id', 'reader_enrolments'),
            ('pause', 'enrolment_id', 'reader_enrolments'),
            ('session_log', 'enrolment_id', 'reader_enrolments'),
            ('day', 'enrolment_id', 'reader_enrolments'),
            ('bout', 'enrolment_id', 'reader_enrolments'),
            ('week', 'enrolment_id', 'reader_enrolments'),
            ('side_week', 'enrolment_id', 'reader_enrolments')
        ) AS of_person (name, person, allowed)
    LOOP
        EXECUTE format(
            'CREATE POLICY pages ON public.%I FOR SELECT TO adhere_portal '
            'USING (%I IN (SELECT public.%I()))',
            one.name, one.person, one.allowed
        );
    END LOOP;
END
$$;
-- What hangs on a row is seen by whoever sees the row.
CREATE POLICY pages ON prescription_phase FOR SELECT TO adhere_portal
    USING (EXISTS (SELECT FROM prescription WHERE prescription.id = prescription_id));
CREATE POLICY pages ON alert_event FOR SELECT TO adhere_portal
    USING (EXISTS (SELECT FROM alert WHERE alert.id = alert_id));
CREATE POLICY pages ON delivery FOR SELECT TO adhere_portal
    USING (EXISTS (SELECT FROM alert WHERE alert.id = alert_id));

-- By whom a page asks for alerts; closed ones are many.
CREATE INDEX ON alert (patient_id);

-- Doctors prescribe, the care team writes sessions down and answers alerts, each in their own name.
CREATE POLICY prescribe ON prescription FOR INSERT TO adhere_portal
    WITH CHECK (
        (SELECT reader_role()) = 'family_doctor' AND enrolment_id IN (SELECT reader_enrolments())
    );
CREATE POLICY end_earlier ON prescription FOR UPDATE TO adhere_portal
    USING (
        (SELECT reader_role()) = 'family_doctor' AND enrolment_id IN (SELECT reader_enrolments())
    );
CREATE POLICY prescribe ON prescription_phase FOR INSERT TO adhere_portal
    WITH CHECK (
        (SELECT reader_role()) = 'family_doctor'
        AND EXISTS (SELECT FROM prescription WHERE prescription.id = prescription_id)
    );
CREATE POLICY write_down ON session_log FOR INSERT TO adhere_portal
    WITH CHECK (
        noted_by = (SELECT reader_id()) AND enrolment_id IN (SELECT reader_enrolments())
    );
CREATE POLICY answer ON alert FOR UPDATE TO adhere_portal
    USING (patient_id IN (SELECT reader_patients()));
CREATE POLICY answer ON alert_event FOR INSERT TO adhere_portal
    WITH CHECK (
        staff_id = (SELECT reader_id())
        AND EXISTS (SELECT FROM alert WHERE alert.id = alert_id)
    );
CREATE POLICY drop_waiting ON delivery FOR UPDATE TO adhere_portal
    USING (EXISTS (SELECT FROM alert WHERE alert.id = alert_id))
    WITH CHECK (state = 'dropped');

-- Names of the staff stand on every page; who is of the staff is the administrator's to say.
CREATE POLICY pages ON staff FOR SELECT TO adhere_portal USING (true);
CREATE POLICY administer_add ON staff FOR INSERT TO adhere_portal
    WITH CHECK ((SELECT reader_role()) = 'administrator');
CREATE POLICY administer_change ON staff FOR UPDATE TO adhere_portal
    USING ((SELECT reader_role()) = 'administrator');
CREATE POLICY own ON login FOR SELECT TO adhere_portal USING (staff_id = (SELECT reader_id()));
CREATE POLICY administer ON login FOR ALL TO adhere_portal
    USING ((SELECT reader_role()) = 'administrator');
CREATE POLICY administer ON login_link FOR ALL TO adhere_portal
    USING ((SELECT reader_role()) = 'administrator');
CREATE POLICY administer ON web_session FOR ALL TO adhere_portal
    USING ((SELECT reader_role()) = 'administrator');

-- Everybody writes in the trail in their own name; that a password was wrong is written by nobody yet
-- known. That readings were read only the functions below can say.
CREATE POLICY inspect ON audit FOR SELECT TO adhere_portal
    USING ((SELECT reader_role()) = 'auditor');
CREATE POLICY note ON audit FOR INSERT TO adhere_portal
    WITH CHECK (
        action <> 'read_readings'
        AND CASE
            WHEN (SELECT reader_id()) IS NULL THEN action = 'log_in_failed'
            ELSE actor = (SELECT reader_code())
        END
    );

-- 4. Log-in. A session is opened by proof alone: a one-time link, or the output of the password hash.
-- The database keeps the SHA-256 of that output, so whoever reads the table has no proof to show.
UPDATE login
SET password_hash = regexp_replace(password_hash, '^\$argon2id\$(.*)\$[^$]*$', '$argon2id+sha256$\1$')
    || rtrim(
        encode(
            sha256(
                decode(
                    rpad(
                        last.part,
                        length(last.part) + (4 - length(last.part) % 4) % 4,
                        '='
                    ),
                    'base64'
                )
            ),
            'base64'
        ),
        '='
    )
FROM (
    SELECT staff_id, substring(password_hash FROM '[^$]*$') AS part FROM login
) AS last
WHERE last.staff_id = login.staff_id AND password_hash LIKE '$argon2id$%';
COMMENT ON COLUMN login.password_hash IS 'argon2id with its parameters and salt, and of its output the SHA-256 alone; null until the person has set a password.';

CREATE FUNCTION is_proof(of_staff integer, proof bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (
            SELECT split_part(login.password_hash, '$', 6)
                = rtrim(encode(sha256(proof), 'base64'), '=')
            FROM public.login
            WHERE login.staff_id = of_staff AND login.disabled_at IS NULL
                AND login.password_hash LIKE '$argon2id+sha256$%'
        ),
        false
    )
$$;
COMMENT ON FUNCTION is_proof IS 'Whether this is what argon2id makes of the person''s password.';

CREATE FUNCTION password_terms(of_code text) RETURNS TABLE (code text, terms text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        staff.code,
        CASE WHEN login.disabled_at IS NULL THEN
            regexp_replace(login.password_hash, '^\$argon2id\+sha256(\$.*)\$[^$]*$', '$argon2id\1')
        END
    FROM public.staff
    JOIN public.login ON login.staff_id = staff.id
    WHERE staff.code = of_code
$$;
COMMENT ON FUNCTION password_terms IS 'How the password of an account is to be hashed (parameters and salt); terms null: no password opens it.';

CREATE FUNCTION begin_session(
    of_staff integer, session bytea, session_for interval, idle interval, sets_password boolean,
    before bytea
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM public.web_session WHERE token_sha256 = before;
    DELETE FROM public.web_session
    WHERE ends_at < clock_timestamp() OR seen_at < clock_timestamp() - idle;
    INSERT INTO public.web_session (token_sha256, staff_id, ends_at, may_set_password)
    VALUES (session, of_staff, clock_timestamp() + session_for, sets_password);
END
$$;
COMMENT ON FUNCTION begin_session IS 'Open a web session; the one the browser had before ends, and those that are over go.';

CREATE FUNCTION log_in(
    of_code text, proof bytea, session bytea, session_for interval, idle interval, before bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    who CONSTANT integer := (SELECT staff.id FROM public.staff WHERE staff.code = of_code);
BEGIN
    IF who IS NULL OR NOT public.is_proof(who, proof) THEN
        RETURN false;
    END IF;
    PERFORM public.begin_session(who, session, session_for, idle, false, before);
    RETURN true;
END
$$;
COMMENT ON FUNCTION log_in IS 'Open a session for whoever proves to know the password; false: not proven.';

CREATE FUNCTION link_of(token bytea)
RETURNS TABLE (code text, name text, is_used boolean, is_over boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        staff.code, staff.name, login_link.used_at IS NOT NULL,
        login_link.expires_at <= clock_timestamp() OR login.disabled_at IS NOT NULL
    FROM public.login_link
    JOIN public.staff ON staff.id = login_link.staff_id
    JOIN public.login ON login.staff_id = staff.id
    WHERE login_link.token_sha256 = token
$$;
COMMENT ON FUNCTION link_of IS 'What is known of a one-time link, without using it up.';

CREATE FUNCTION enter_by_link(
    link bytea, session bytea, session_for interval, idle interval, before bytea
) RETURNS TABLE (code text, sets_password boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used record;
BEGIN
    -- One of two that come at once finds no row.
    UPDATE public.login_link SET used_at = clock_timestamp()
    FROM public.login, public.staff
    WHERE token_sha256 = link AND login.staff_id = login_link.staff_id
        AND staff.id = login.staff_id AND used_at IS NULL
        AND expires_at > clock_timestamp() AND disabled_at IS NULL
    RETURNING login_link.staff_id, staff.code, login_link.sets_password INTO used;
    IF FOUND THEN
        PERFORM public.begin_session(
            used.staff_id, session, session_for, idle, used.sets_password, before
        );
        RETURN QUERY SELECT used.code, used.sets_password;
    END IF;
END
$$;
COMMENT ON FUNCTION enter_by_link IS 'Use a one-time link up and open a session by it; no row: it opens nothing any more.';

CREATE FUNCTION session_of(token bytea, idle interval)
RETURNS TABLE (
    staff_id integer, code text, role text, name text, has_password boolean,
    may_set_password boolean, shows_names boolean, seen_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        staff.id, staff.code, staff.role, staff.name, login.password_hash IS NOT NULL,
        web_session.may_set_password, web_session.shows_names, web_session.seen_at
    FROM public.web_session
    JOIN public.staff ON staff.id = web_session.staff_id
    JOIN public.login ON login.staff_id = staff.id
    WHERE web_session.token_sha256 = token
        AND web_session.ends_at > clock_timestamp()
        AND web_session.seen_at > clock_timestamp() - idle
        AND login.disabled_at IS NULL
$$;
COMMENT ON FUNCTION session_of IS 'Whose session this is; no row: it is over, or the account is shut.';

CREATE FUNCTION touch_session(token bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.web_session SET seen_at = clock_timestamp() WHERE token_sha256 = token
$$;
COMMENT ON FUNCTION touch_session IS 'Note a click of a session.';

CREATE FUNCTION end_session(token bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM public.web_session WHERE token_sha256 = token
$$;
COMMENT ON FUNCTION end_session IS 'Log out.';

CREATE FUNCTION show_names(token bytea, shown boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.web_session SET shows_names = shown WHERE token_sha256 = token
$$;
COMMENT ON FUNCTION show_names IS 'Names in full in a session, or masked.';

CREATE FUNCTION note_listed(token bytea, pseudonyms text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.web_session SET listed = pseudonyms
    WHERE token_sha256 = token AND listed IS DISTINCT FROM pseudonyms;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION note_listed IS 'Note whom a session''s list shows; true where these are others than the last ones.';

CREATE FUNCTION know_browser(browser bytea, known_for interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT integer := public.reader_id();
BEGIN
    DELETE FROM public.known_browser WHERE used_at < clock_timestamp() - known_for;
    INSERT INTO public.known_browser (token_sha256, staff_id)
    SELECT browser, reader WHERE reader IS NOT NULL
    ON CONFLICT (token_sha256) DO UPDATE
    SET staff_id = excluded.staff_id, used_at = clock_timestamp();
END
$$;
COMMENT ON FUNCTION know_browser IS 'Note that the reader has logged in with this browser.';

CREATE FUNCTION browser_of(browser bytea, known_for interval) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT staff.code
    FROM public.known_browser JOIN public.staff ON staff.id = known_browser.staff_id
    WHERE known_browser.token_sha256 = browser
        AND known_browser.used_at > clock_timestamp() - known_for
$$;
COMMENT ON FUNCTION browser_of IS 'The code of who last logged in with this browser; null: nobody lately.';

CREATE FUNCTION change_password(proof bytea, kept text, asking bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT integer := public.reader_id();
    may_without CONSTANT boolean := (
        SELECT may_set_password FROM public.web_session
        WHERE token_sha256 = asking AND staff_id = reader
    );
BEGIN
    -- Null where the asking session is not the reader's: then nothing is changed either.
    IF may_without IS NULL OR NOT (may_without OR public.is_proof(reader, proof)) THEN
        RETURN false;
    END IF;
    IF kept IS NULL OR kept !~ '^\$argon2id\+sha256\$v=19\$[mtp=,0-9]+\$[A-Za-z0-9+/]{22,}\$[A-Za-z0-9+/]{43}$' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'not what is kept of a password';
    END IF;
    UPDATE public.login SET password_hash = kept, password_set_at = clock_timestamp()
    WHERE staff_id = reader;
    DELETE FROM public.web_session WHERE staff_id = reader AND token_sha256 <> asking;
    UPDATE public.login_link SET used_at = clock_timestamp()
    WHERE staff_id = reader AND used_at IS NULL;
    UPDATE public.web_session SET may_set_password = false WHERE token_sha256 = asking;
    RETURN true;
END
$$;
COMMENT ON FUNCTION change_password IS 'The reader''s own password, by the old one''s proof or in a session made for it; every other session and link of theirs ends. False: nothing was changed.';

-- 5. Care teams. An administrator sees no patient, and says by name who looks after whom.
CREATE FUNCTION join_care_team(pseudonym_of text, staff_code text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF public.reader_role() IS DISTINCT FROM 'administrator' THEN
        RAISE insufficient_privilege USING MESSAGE = 'only an administrator changes care teams';
    END IF;
    INSERT INTO public.care_team (patient_id, staff_id)
    SELECT patient.id, staff.id FROM public.patient, public.staff
    WHERE patient.pseudonym = pseudonym_of AND staff.code = staff_code
        AND staff.role IN ('family_doctor', 'therapist', 'instructor')
    ON CONFLICT DO NOTHING;
    RETURN EXISTS (
        SELECT FROM public.care_team
        JOIN public.patient ON patient.id = patient_id
        JOIN public.staff ON staff.id = staff_id
        WHERE patient.pseudonym = pseudonym_of AND staff.code = staff_code
    );
END
$$;
COMMENT ON FUNCTION join_care_team IS 'Let a person of the staff look after a patient; false: there is no such person or patient.';

CREATE FUNCTION leave_care_team(pseudonym_of text, staff_code text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF public.reader_role() IS DISTINCT FROM 'administrator' THEN
        RAISE insufficient_privilege USING MESSAGE = 'only an administrator changes care teams';
    END IF;
    DELETE FROM public.care_team USING public.patient, public.staff
    WHERE patient.id = patient_id AND staff.id = staff_id
        AND patient.pseudonym = pseudonym_of AND staff.code = staff_code;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION leave_care_team IS 'Let a person look after a patient no more; false: they did not.';

-- 6. Sums for payers and auditors: by pseudonym, of the centres of their organisation.
CREATE FUNCTION shown_payment_months()
RETURNS TABLE (month date, state text, lines bigint, payable numeric)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.month, m.state, count(l.id),
        coalesce(sum(l.amount) FILTER (WHERE l.state = 'payable'), 0)
    FROM public.payment_period AS m
    LEFT JOIN public.payment_line AS l
        ON l.month = m.month AND l.centre_id IN (SELECT public.reader_centres())
    WHERE public.reader_role() IN ('payer', 'auditor')
    GROUP BY m.month ORDER BY m.month
$$;
COMMENT ON FUNCTION shown_payment_months IS 'Settlement periods and what they come to, for a payer or an auditor.';

CREATE FUNCTION shown_payment_lines(of_month date) RETURNS TABLE (
    month date, patient_id integer, pseudonym text, doctor_id integer, doctor text,
    centre_id integer, centre text, key text, version integer, item text, weeks integer,
    numerator integer, denominator integer, exclusions jsonb, flags jsonb, quantity integer,
    unit_price numeric, factor numeric, cut numeric, amount numeric, shares jsonb, state text,
    reasons text[], signed_by text, input_sha256 bytea
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        l.month, l.patient_id, p.pseudonym, d.id, d.code, c.id, c.code, s.key, s.version, l.item,
        l.weeks, l.numerator, l.denominator, l.exclusions, l.flags, l.quantity, l.unit_price,
        l.factor, l.cut, l.amount, l.shares, l.state, l.reasons, l.signed_by, l.input_sha256
    FROM public.payment_line AS l
    JOIN public.payment_scheme AS s ON s.id = l.scheme_id
    JOIN public.patient AS p ON p.id = l.patient_id
    JOIN public.staff AS d ON d.id = l.doctor_id
    JOIN public.organisation AS c ON c.id = l.centre_id
    WHERE l.month = of_month AND l.centre_id IN (SELECT public.reader_centres())
$$;
COMMENT ON FUNCTION shown_payment_lines IS 'The lines of a month, for a payer or an auditor: no name of a patient.';

CREATE FUNCTION shown_payment_weeks(of_month date) RETURNS TABLE (
    key text, patient_id integer, enrolment_id integer, case_label text, week date,
    prescription_id integer, version integer, is_unmeasured boolean, state text, reason text,
    method_version text, input_sha256 bytea, flags jsonb
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ON (s.key, l.patient_id, b.enrolment_id, b.week)
        s.key, l.patient_id, e.id, e.case_label, b.week, b.prescription_id, v.version,
        coalesce(v.beta_blocker, false) AND v.hr_max_source IS DISTINCT FROM 'measured',
        b.state, b.reason, b.method_version, b.input_sha256, b.flags
    FROM public.payment_line_week AS b
    JOIN public.payment_line AS l ON l.id = b.line_id
    JOIN public.payment_scheme AS s ON s.id = l.scheme_id
    JOIN public.enrolment AS e ON e.id = b.enrolment_id
    JOIN public.prescription AS v ON v.id = b.prescription_id
    WHERE l.month = of_month AND l.centre_id IN (SELECT public.reader_centres())
    ORDER BY s.key, l.patient_id, b.enrolment_id, b.week
$$;
COMMENT ON FUNCTION shown_payment_weeks IS 'The weeks behind those lines.';

CREATE FUNCTION shown_alert_yields() RETURNS TABLE (
    rule text, raised bigint, closed_by_person bigint, confirmed bigint, false_alarms bigint,
    closed_itself bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        alert.rule,
        count(*),
        count(*) FILTER (WHERE alert.closed_by IS NOT NULL),
        count(*) FILTER (WHERE alert.outcome IN ('called', 'prescription_adjusted', 'referred')),
        count(*) FILTER (WHERE alert.outcome = 'false_alarm'),
        count(*) FILTER (WHERE alert.state = 'closed' AND alert.closed_itself)
    FROM public.alert
    JOIN public.patient ON patient.id = alert.patient_id
    WHERE alert.opened_at >= clock_timestamp() - interval '90 days'
        AND public.reader_role() = 'auditor'
        AND patient.centre_id IN (SELECT public.reader_centres())
    GROUP BY alert.rule
    ORDER BY alert.rule
$$;
COMMENT ON FUNCTION shown_alert_yields IS 'What 90 days of each rule were worth, for an auditor.';

-- 7. Readings. The pages have no right on a table of readings. Each of these is for one use, asks
-- whether the reader looks after the person, and writes who read what of whom into the trail.
CREATE INDEX audit_reading ON audit (subject, actor, at) WHERE action = 'read_readings';

CREATE TYPE reading_group AS (
    windows bigint[], devices integer[],
    heard_device integer[], heard_at timestamptz[], heard_value double precision[],
    heard_span integer[],
    stamped_device integer[], stamped_at timestamptz[], stamped_value double precision[],
    stamped_span integer[], device_ts_ms bigint[]
);
COMMENT ON TYPE reading_group IS 'Readings of bands in a part of a day, as arrays: those without a stamp of the band, and those with one.';

CREATE FUNCTION note_reading(
    for_use text, patients integer[], from_at timestamptz, to_at timestamptz, again_after interval
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT text := public.reader_code();
BEGIN
    IF reader IS NULL OR EXISTS (
        SELECT FROM unnest(patients) AS asked (id)
        WHERE asked.id IS NULL OR asked.id NOT IN (SELECT public.reader_patients())
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'readings of somebody whom the reader does not look after';
    END IF;
    INSERT INTO public.audit (actor, action, subject, detail)
    SELECT
        reader, 'read_readings', patient.pseudonym,
        jsonb_build_object('use', for_use, 'from', from_at, 'to', to_at)
    FROM public.patient
    WHERE patient.id = ANY (patients) AND NOT EXISTS (
        SELECT FROM public.audit AS known
        WHERE known.subject = patient.pseudonym AND known.actor = reader
            AND known.action = 'read_readings' AND known.detail ->> 'use' = for_use
            AND known.at >= now() - again_after
            -- A list that refreshes itself reads on by seconds; another time is another reading.
            AND (
                again_after > interval '0'
                OR (known.detail ->> 'from')::timestamptz <= from_at
                    AND (known.detail ->> 'to')::timestamptz >= to_at
            )
    );
END
$$;
COMMENT ON FUNCTION note_reading IS 'Refuse whoever does not look after all of these; otherwise write in the trail, for each, that their readings of a time are read. Not again within a time: for lists that refresh themselves, and for a page that reads in several parts.';

CREATE FUNCTION readings_between(
    reading_table text, numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[],
    longest_span_ms integer
) RETURNS SETOF reading_group
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
    IF reading_table NOT IN ('heart_rate', 'steps', 'steps_counter') THEN
        RAISE invalid_parameter_value USING MESSAGE = 'no such reading table';
    END IF;
    RETURN QUERY EXECUTE format(
        $query$
        WITH piece AS MATERIALIZED (
            SELECT
                span.number,
                assignment.device_id,
                greatest(day.start_at, span.from_at, lower(assignment.worn)) AS from_at,
                least(day.start_at + interval '24 hours', span.to_at, upper(assignment.worn))
                    AS to_at
            FROM (
                SELECT
                    number, patient_id,
                    timestamptz 'epoch' + from_ms * interval '1 millisecond' AS from_at,
                    timestamptz 'epoch' + to_ms * interval '1 millisecond' AS to_at
                FROM unnest($1, $2, $3, $4) AS given (number, patient_id, from_ms, to_ms)
            ) AS span
            JOIN public.device_assignment AS assignment
                ON assignment.patient_id = span.patient_id
                AND assignment.worn && tstzrange(span.from_at, span.to_at)
            CROSS JOIN LATERAL generate_series(
                date_trunc('day', greatest(span.from_at, lower(assignment.worn)), 'UTC'),
                least(span.to_at, upper(assignment.worn)),
                interval '24 hours'
            ) AS day (start_at)
        ),
        asked AS MATERIALIZED (
            SELECT
                from_at, to_at, array_agg(number) AS windows, array_agg(device_id) AS devices
            FROM piece
            GROUP BY from_at, to_at
        )
        SELECT
            asked.windows, asked.devices,
            reading.heard_device, reading.heard_at, reading.heard_value, reading.heard_span,
            reading.stamped_device, reading.stamped_at, reading.stamped_value,
            reading.stamped_span, reading.device_ts_ms
        FROM asked
        CROSS JOIN LATERAL (
            SELECT
                array_agg(device_id) FILTER (WHERE device_ts_ms IS NULL) AS heard_device,
                array_agg(at) FILTER (WHERE device_ts_ms IS NULL) AS heard_at,
                array_agg(value) FILTER (WHERE device_ts_ms IS NULL) AS heard_value,
                array_agg(span_ms) FILTER (WHERE device_ts_ms IS NULL) AS heard_span,
                array_agg(device_id) FILTER (WHERE device_ts_ms IS NOT NULL) AS stamped_device,
                array_agg(at) FILTER (WHERE device_ts_ms IS NOT NULL) AS stamped_at,
                array_agg(value) FILTER (WHERE device_ts_ms IS NOT NULL) AS stamped_value,
                array_agg(span_ms) FILTER (WHERE device_ts_ms IS NOT NULL) AS stamped_span,
                array_agg(device_ts_ms) FILTER (WHERE device_ts_ms IS NOT NULL) AS device_ts_ms
            FROM public.%1$I AS told
            WHERE told.device_id = ANY (asked.devices)
                AND told.at >= asked.from_at
                AND told.at < asked.to_at
                AND told.at >= $6
                AND told.at < $7
                AND told.span_ms <= $5
                -- What a band's memory repeats under another clock counts nowhere.
                AND (
                    told.device_ts_ms IS NULL
                    OR NOT EXISTS (
                        SELECT FROM public.said_again
                        WHERE said_again.reading_table = %1$L
                            AND said_again.device_id = told.device_id
                            AND said_again.device_ts_ms = told.device_ts_ms
                            AND said_again.at = told.at
                            AND said_again.value = told.value
                    )
                )
        ) AS reading
        WHERE reading.heard_at IS NOT NULL OR reading.stamped_at IS NOT NULL
        $query$,
        reading_table
    )
    USING
        numbers, patients, from_ms, to_ms, longest_span_ms,
        timestamptz 'epoch' + (SELECT min(ms) FROM unnest(from_ms) AS a (ms)) * interval '1 millisecond',
        timestamptz 'epoch' + (SELECT max(ms) FROM unnest(to_ms) AS a (ms)) * interval '1 millisecond';
END
$$;
COMMENT ON FUNCTION readings_between IS 'Readings of patients in spans of time, by whoever was assigned then. Asks nobody: for the functions below alone.';

CREATE FUNCTION trace_readings(
    numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[]
) RETURNS SETOF reading_group
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(patients) <> 1 OR to_ms[1] - from_ms[1] > 48 * 3600000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a trace is of one person and at most two days';
    END IF;
    PERFORM public.note_reading(
        'trace', patients, timestamptz 'epoch' + from_ms[1] * interval '1 millisecond',
        timestamptz 'epoch' + to_ms[1] * interval '1 millisecond', interval '0'
    );
    RETURN QUERY SELECT * FROM public.readings_between(
        'heart_rate', numbers, patients, from_ms, to_ms, 2147483647
    );
END
$$;
COMMENT ON FUNCTION trace_readings IS 'Heart rate for the picture of a day, or of the time around an alert, of one patient.';

CREATE FUNCTION list_readings(
    numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[]
) RETURNS SETOF reading_group
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(patients) > 100 OR EXISTS (
        SELECT FROM unnest(from_ms, to_ms) AS span (since, until) WHERE until - since > 3600000
    ) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a list shows at most an hour of a hundred people';
    END IF;
    PERFORM public.note_reading(
        'list', ARRAY[span.patient],
        min(timestamptz 'epoch' + span.since * interval '1 millisecond'),
        max(timestamptz 'epoch' + span.until * interval '1 millisecond'),
        interval '1 hour'
    )
    FROM unnest(patients, from_ms, to_ms) AS span (patient, since, until)
    GROUP BY span.patient;
    RETURN QUERY SELECT * FROM public.readings_between(
        'heart_rate', numbers, patients, from_ms, to_ms, 2147483647
    );
END
$$;
COMMENT ON FUNCTION list_readings IS 'Heart rate for the small curves of a work list: some minutes around each alert. A list refreshes itself, so it is in the trail once an hour and person.';

CREATE FUNCTION week_readings(
    reading_table text, numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[],
    longest_span_ms integer
) RETURNS SETOF reading_group
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(patients) <> 1 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a week is of one person';
    END IF;
    PERFORM public.note_reading(
        'week', patients, timestamptz 'epoch' + from_ms[1] * interval '1 millisecond',
        timestamptz 'epoch' + to_ms[1] * interval '1 millisecond', interval '0'
    );
    RETURN QUERY SELECT * FROM public.readings_between(
        reading_table, numbers, patients, from_ms, to_ms, longest_span_ms
    );
END
$$;
COMMENT ON FUNCTION week_readings IS 'Readings of one kind for the page that explains a week, of one patient, as far as its sessions reach.';

CREATE FUNCTION week_unworn(of_patient integer, from_at timestamptz, to_at timestamptz)
RETURNS SETOF timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.note_reading('week', ARRAY[of_patient], from_at, to_at, interval '0');
    RETURN QUERY EXECUTE
        'SELECT DISTINCT date_trunc(''minute'', told.at) '
        'FROM public.device_assignment AS a '
        'JOIN public.heart_rate AS told ON told.device_id = a.device_id AND a.worn @> told.at '
        'WHERE a.patient_id = $1 AND told.flags & 3 = 1 AND told.at >= $2 AND told.at < $3'
        USING of_patient, from_at, to_at;
END
$$;
COMMENT ON FUNCTION week_unworn IS 'The minutes in which a patient''s band said that it is not on the skin.';

CREATE FUNCTION week_batches(
    of_patient integer, numbers integer[], from_at timestamptz[], to_at timestamptz[]
) RETURNS TABLE (number integer, batch_id bigint, heart_rates bigint, step_counts bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    earliest CONSTANT timestamptz := (SELECT min(at) FROM unnest(from_at) AS given (at));
    latest CONSTANT timestamptz := (SELECT max(at) FROM unnest(to_at) AS given (at));
BEGIN
    PERFORM public.note_reading('week', ARRAY[of_patient], earliest, latest, interval '0');
    RETURN QUERY EXECUTE
        $query$
        SELECT
            span.number, reading.batch_id,
            count(*) FILTER (WHERE reading.is_heart_rate),
            count(*) FILTER (WHERE NOT reading.is_heart_rate)
        FROM unnest($2, $3, $4) AS span (number, from_at, to_at)
        JOIN public.device_assignment AS a
            ON a.patient_id = $1 AND a.worn && tstzrange(span.from_at, span.to_at)
        CROSS JOIN LATERAL (
            SELECT batch_id, true AS is_heart_rate
            FROM public.heart_rate
            WHERE device_id = a.device_id AND a.worn @> at
                AND at >= span.from_at AND at < span.to_at AND at >= $5 AND at < $6
            UNION ALL
            SELECT batch_id, false
            FROM public.steps
            WHERE device_id = a.device_id AND a.worn @> at
                AND at >= span.from_at AND at < span.to_at AND at >= $5 AND at < $6
            UNION ALL
            SELECT batch_id, false
            FROM public.steps_counter
            WHERE device_id = a.device_id AND a.worn @> at
                AND at >= span.from_at AND at < span.to_at AND at >= $5 AND at < $6
        ) AS reading
        GROUP BY span.number, reading.batch_id
        $query$
        USING of_patient, numbers, from_at, to_at, earliest, latest;
END
$$;
COMMENT ON FUNCTION week_batches IS 'In which batches the readings of spans of a patient''s time came, and how many of them.';

CREATE FUNCTION alert_quality(
    of_patient integer, from_at timestamptz, to_at timestamptz, ceiling_bpm double precision
) RETURNS TABLE (readings bigint, at_ceiling bigint, suspect bigint, off_skin bigint, remembered bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.note_reading('alert', ARRAY[of_patient], from_at, to_at, interval '0');
    RETURN QUERY EXECUTE
        'SELECT count(*), count(*) FILTER (WHERE value >= $4), '
        'count(*) FILTER (WHERE flags & 4 <> 0), count(*) FILTER (WHERE flags & 3 = 1), '
        'count(*) FILTER (WHERE device_ts_ms IS NOT NULL) '
        'FROM public.device_assignment AS a '
        'JOIN public.heart_rate AS told ON told.device_id = a.device_id '
        'WHERE a.patient_id = $1 AND told.at >= $2 AND told.at <= $3 AND a.worn @> told.at'
        USING of_patient, from_at, to_at, ceiling_bpm;
END
$$;
COMMENT ON FUNCTION alert_quality IS 'What the readings behind an alert were like: all, at the ceiling, suspect, off the skin, told later from memory.';

CREATE FUNCTION last_heard(of_patient integer, since timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    heard timestamptz;
BEGIN
    PERFORM public.note_reading('last_heard', ARRAY[of_patient], since, now(), interval '1 hour');
    EXECUTE
        'SELECT max(told.at) FROM public.device_assignment AS a CROSS JOIN LATERAL ('
        'SELECT at FROM public.heart_rate '
        'WHERE heart_rate.device_id = a.device_id AND at >= $2 AND a.worn @> at '
        'ORDER BY at DESC LIMIT 1) AS told '
        'WHERE a.patient_id = $1 AND a.worn && tstzrange($2, NULL)'
        INTO heard USING of_patient, since;
    RETURN heard;
END
$$;
COMMENT ON FUNCTION last_heard IS 'When a patient''s band was last heard, since a time; null: not since then.';

CREATE FUNCTION class_heard(since timestamptz, until timestamptz, today date)
RETURNS TABLE (heard bigint, enrolled bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT text := public.reader_code();
BEGIN
    IF reader IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'nobody reads';
    END IF;
    INSERT INTO public.audit (actor, action, subject, detail)
    SELECT
        reader, 'read_readings', 'attendance',
        jsonb_build_object('use', 'class', 'from', since, 'to', until)
    WHERE NOT EXISTS (
        SELECT FROM public.audit AS known
        WHERE known.subject = 'attendance' AND known.actor = reader
            AND known.action = 'read_readings' AND known.at >= now() - interval '1 hour'
    );
    RETURN QUERY EXECUTE
        $query$
        SELECT
            count(*) FILTER (
                WHERE EXISTS (
                    SELECT FROM public.device_assignment AS a
                    JOIN public.heart_rate AS told ON told.device_id = a.device_id
                    WHERE a.patient_id = mine.id
                        AND told.at >= $1 AND told.at < $2
                        AND told.device_ts_ms IS NULL
                        AND a.worn @> told.at
                )
            ),
            count(*)
        FROM public.reader_patients() AS mine (id)
        WHERE EXISTS (
            SELECT FROM public.enrolment
            WHERE enrolment.patient_id = mine.id
                AND enrolment.starts_on <= $3
                AND (enrolment.ends_on IS NULL OR enrolment.ends_on > $3)
        )
        $query$
        USING since, until, today;
END
$$;
COMMENT ON FUNCTION class_heard IS 'How many of the reader''s patients a gateway itself has heard in a time, out of those enrolled. What a band told later from memory is not being there.';

CREATE FUNCTION rule_hot_spans(
    numbers integer[], devices integer[], from_at timestamptz[], to_at timestamptz[],
    is_live boolean[], of_rule text, gap interval, utc_offset interval, earliest timestamptz,
    latest timestamptz
) RETURNS SETOF integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
    RETURN QUERY EXECUTE
        $query$
        SELECT s.number
        FROM unnest(
            $1, $2, $3,
            $4, $5
        ) AS s (number, device_id, from_at, to_at, is_live)
        WHERE EXISTS (
            SELECT FROM public.alert_episode AS e
            WHERE e.device_id = s.device_id
                AND e.rule = $6
                AND e.onset_at <= s.to_at + $7
                AND (NOT e.is_over OR e.last_at >= s.from_at - $7)
        )
        OR s.is_live AND EXISTS (
            SELECT
            FROM public.device_assignment AS a
            JOIN public.enrolment AS n ON n.patient_id = a.patient_id
            JOIN public.prescription AS v ON v.enrolment_id = n.id
            JOIN public.heart_rate AS h
                ON h.device_id = s.device_id
                AND h.at BETWEEN s.from_at AND s.to_at
                AND h.at BETWEEN $9 AND $10
                AND h.value >= v.ceiling_bpm
            WHERE a.device_id = s.device_id
                AND a.worn && tstzrange(s.from_at, s.to_at, '[]')
                AND v.effective && daterange(
                    ((s.from_at AT TIME ZONE 'UTC') + $8)::date,
                    ((s.to_at AT TIME ZONE 'UTC') + $8)::date,
                    '[]'
                )
        )
        $query$
        USING
            numbers, devices, from_at, to_at, is_live, of_rule, gap, utc_offset, earliest, latest;
END
$$;
COMMENT ON FUNCTION rule_hot_spans IS 'Which of these stretches of bands a rule has to look at closely: where a reading reaches a ceiling of the wearer, or an episode is known. No reading leaves it.';

CREATE FUNCTION rule_readings(
    numbers integer[], devices integer[], from_at timestamptz[], to_at timestamptz[],
    utc_offset interval, earliest timestamptz, latest timestamptz
) RETURNS TABLE (
    number integer, patient_id integer, ceiling_bpm double precision, at_ms bigint,
    value double precision, flags smallint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    process CONSTANT text := 'watch';
BEGIN
    -- A rule looks after nobody but those for whom a doctor has set a ceiling.
    INSERT INTO public.audit (actor, action, subject, detail)
    SELECT
        process, 'read_readings', patient.pseudonym,
        jsonb_build_object('use', 'rule', 'from', earliest, 'to', latest)
    FROM public.patient
    WHERE patient.id IN (
            SELECT a.patient_id
            FROM unnest(devices, from_at, to_at) AS s (device_id, from_at, to_at)
            JOIN public.device_assignment AS a
                ON a.device_id = s.device_id AND a.worn && tstzrange(s.from_at, s.to_at)
            JOIN public.enrolment AS n ON n.patient_id = a.patient_id
            JOIN public.prescription AS v ON v.enrolment_id = n.id
            WHERE v.ceiling_bpm IS NOT NULL
        )
        AND NOT EXISTS (
            SELECT FROM public.audit AS known
            WHERE known.subject = patient.pseudonym AND known.actor = process
                AND known.action = 'read_readings' AND known.at >= now() - interval '1 hour'
        );
    RETURN QUERY EXECUTE
        $query$
        WITH part AS (
            SELECT
                s.number, a.device_id, a.patient_id,
                greatest(s.from_at, lower(a.worn), day.starts_at) AS from_at,
                least(s.to_at, upper(a.worn), day.starts_at + interval '24 hours') AS to_at,
                (
                    SELECT min(v.ceiling_bpm)
                    FROM public.enrolment AS n
                    JOIN public.prescription AS v ON v.enrolment_id = n.id
                    WHERE n.patient_id = a.patient_id
                        AND daterange(n.starts_on, n.ends_on) * v.effective
                        @> ((day.starts_at AT TIME ZONE 'UTC') + $5)::date
                ) AS ceiling_bpm
            FROM unnest(
                $1, $2, $3,
                $4
            ) AS s (number, device_id, from_at, to_at)
            JOIN public.device_assignment AS a
                ON a.device_id = s.device_id AND a.worn && tstzrange(s.from_at, s.to_at)
            CROSS JOIN LATERAL generate_series(
                date_trunc('day', s.from_at + $5, 'UTC') - $5,
                s.to_at,
                interval '24 hours'
            ) AS day (starts_at)
        )
        SELECT
            part.number, part.patient_id, part.ceiling_bpm,
            (extract(epoch FROM h.at) * 1000)::bigint, h.value, h.flags
        FROM part
        JOIN public.heart_rate AS h
            ON h.device_id = part.device_id
            AND h.at >= part.from_at
            AND h.at < part.to_at
            AND h.at BETWEEN $6 AND $7
        WHERE part.ceiling_bpm IS NOT NULL
        ORDER BY part.number, h.at, h.value DESC
        $query$
        USING numbers, devices, from_at, to_at, utc_offset, earliest, latest;
END
$$;
COMMENT ON FUNCTION rule_readings IS 'Readings of bands in stretches of time with the wearer''s ceiling, for a rule: of those who have one. In the trail once an hour and person.';

DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proname IN (
            'is_proof', 'password_terms', 'begin_session', 'log_in', 'link_of', 'enter_by_link',
            'session_of', 'touch_session', 'end_session', 'show_names', 'note_listed',
            'know_browser', 'browser_of', 'change_password', 'join_care_team', 'leave_care_team',
            'shown_payment_months', 'shown_payment_lines', 'shown_payment_weeks',
            'shown_alert_yields', 'note_reading', 'readings_between', 'trace_readings',
            'list_readings', 'week_readings', 'week_unworn', 'week_batches', 'alert_quality',
            'last_heard', 'class_heard', 'rule_hot_spans', 'rule_readings'
        )
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', ours);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION
    password_terms, log_in, link_of, enter_by_link, session_of, touch_session, end_session,
    show_names, note_listed, know_browser, browser_of, change_password, join_care_team,
    leave_care_team, shown_payment_months, shown_payment_lines, shown_payment_weeks,
    shown_alert_yields, trace_readings, list_readings, week_readings, week_unworn, week_batches,
    alert_quality, last_heard, class_heard
TO adhere_portal;

-- The rules come to readings by theirs.
REVOKE ALL ON heart_rate FROM adhere_alerts;
GRANT EXECUTE ON FUNCTION rule_hot_spans, rule_readings TO adhere_alerts;
-- To see whether somebody has a password no hash has to be seen.
REVOKE SELECT (password_hash) ON login FROM adhere_operator;
GRANT SELECT (password_set_at) ON login TO adhere_operator;
