-- Each in their own name, held by the database: who sees a finding, acknowledges and closes an alert,
-- corrects a session, changes a prescription; and the trail of what was read, which cannot be written
-- so that it lies. What each part is for: docs/why/row-security.md.

-- 1. Spans of time that a page asks readings of. An array may have several dimensions, begin at
-- another number than 1 or hold nulls: then its first element says nothing of the others.
CREATE FUNCTION require_flat_spans(
    numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[]
) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (
        (array_ndims(numbers), array_ndims(patients), array_ndims(from_ms), array_ndims(to_ms))
            = (1, 1, 1, 1)
        AND (
            array_lower(numbers, 1), array_lower(patients, 1), array_lower(from_ms, 1),
            array_lower(to_ms, 1)
        ) = (1, 1, 1, 1)
        AND (cardinality(patients), cardinality(from_ms), cardinality(to_ms))
            = (cardinality(numbers), cardinality(numbers), cardinality(numbers))
        AND array_position(numbers, NULL) IS NULL
        AND array_position(from_ms, NULL) IS NULL
        AND array_position(to_ms, NULL) IS NULL
    ) IS NOT TRUE THEN
        RAISE invalid_parameter_value USING MESSAGE = 'spans are given as four lists of one length';
    END IF;
END
$$;
COMMENT ON FUNCTION require_flat_spans IS 'Refuse spans that are not four plain lists of one length, each with a beginning and an end. Whether somebody may ask of these patients is asked elsewhere.';
REVOKE ALL ON FUNCTION require_flat_spans FROM PUBLIC;

CREATE OR REPLACE FUNCTION note_reading(
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
    IF from_at IS NULL OR to_at IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'readings are read from a time to a time';
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
            AND (known.detail ->> 'from')::timestamptz - again_after <= from_at
            AND (known.detail ->> 'to')::timestamptz + again_after >= to_at
    );
END
$$;
COMMENT ON FUNCTION note_reading IS 'Refuse whoever does not look after all of these; otherwise write in the trail, for each, that their readings of a time are read. Not again where it has just been written of that time: for lists that refresh themselves (within an hour, and of times no further than an hour from those written), and for a page that reads in several parts.';

CREATE OR REPLACE FUNCTION trace_readings(
    numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[]
) RETURNS SETOF reading_group
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.require_flat_spans(numbers, patients, from_ms, to_ms);
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

CREATE OR REPLACE FUNCTION list_readings(
    numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[]
) RETURNS SETOF reading_group
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.require_flat_spans(numbers, patients, from_ms, to_ms);
    IF cardinality(patients) > 100 OR EXISTS (
        SELECT FROM unnest(from_ms, to_ms) AS span (since, until) WHERE until - since > 3600000
    ) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a list shows at most an hour of a hundred people';
    END IF;
    -- Each time by itself: from the first to the last of two alerts lies much that nobody read.
    PERFORM public.note_reading(
        'list', ARRAY[span.patient],
        timestamptz 'epoch' + span.since * interval '1 millisecond',
        timestamptz 'epoch' + span.until * interval '1 millisecond',
        interval '1 hour'
    )
    FROM (
        SELECT DISTINCT patient, since, until
        FROM unnest(patients, from_ms, to_ms) AS given (patient, since, until)
    ) AS span;
    RETURN QUERY SELECT * FROM public.readings_between(
        'heart_rate', numbers, patients, from_ms, to_ms, 2147483647
    );
END
$$;
COMMENT ON FUNCTION list_readings IS 'Heart rate for the small curves of a work list: some minutes around each alert. A list refreshes itself, so each time of each person is in the trail once an hour.';

CREATE OR REPLACE FUNCTION week_readings(
    reading_table text, numbers bigint[], patients integer[], from_ms bigint[], to_ms bigint[],
    longest_span_ms integer
) RETURNS SETOF reading_group
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.require_flat_spans(numbers, patients, from_ms, to_ms);
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

CREATE OR REPLACE FUNCTION class_heard(since timestamptz, until timestamptz, today date)
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
    IF since IS NULL OR until IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'readings are read from a time to a time';
    END IF;
    INSERT INTO public.audit (actor, action, subject, detail)
    SELECT
        reader, 'read_readings', 'attendance',
        jsonb_build_object('use', 'class', 'from', since, 'to', until)
    WHERE NOT EXISTS (
        SELECT FROM public.audit AS known
        WHERE known.subject = 'attendance' AND known.actor = reader
            AND known.action = 'read_readings' AND known.at >= now() - interval '1 hour'
            AND (known.detail ->> 'from')::timestamptz - interval '1 hour' <= since
            AND (known.detail ->> 'to')::timestamptz + interval '1 hour' >= until
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

-- 2. The session log: an entry stays whose it is. Without this, a revision of somebody else's entry
-- under an enrolment of one's own would take theirs out of sight.
CREATE FUNCTION keep_entry_whole() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM session_log AS before
        WHERE before.entry_key = NEW.entry_key AND before.revision = NEW.revision - 1
            AND before.enrolment_id = NEW.enrolment_id
    ) THEN
        RAISE check_violation USING
            CONSTRAINT = 'session_log_of_one_enrolment',
            MESSAGE = 'a revision follows the one before it, of the same enrolment';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION keep_entry_whole() IS 'Refuses a revision that follows none, or one of another enrolment. After the row, so that whoever may not write there at all is told nothing else.';
REVOKE ALL ON FUNCTION keep_entry_whole FROM PUBLIC;
CREATE TRIGGER keep_entry_whole AFTER INSERT OR UPDATE OF entry_key, revision, enrolment_id
    ON session_log FOR EACH ROW WHEN (NEW.revision > 1) EXECUTE FUNCTION keep_entry_whole();
-- When it was noted is the server's to say.
REVOKE INSERT ON session_log FROM adhere_portal;
GRANT INSERT (
    entry_key, revision, enrolment_id, date, component, attended, minutes, rpe, supervised_by,
    withdrawn, correction_reason, noted_by
) ON session_log TO adhere_portal;

-- 3. Alerts: a person's answer is theirs and goes forward only. What a policy cannot see is what the
-- row was before.
CREATE FUNCTION keep_answers() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
DECLARE
    steps CONSTANT text[] := ARRAY['open', 'acknowledged', 'closed'];
BEGIN
    IF NOT pg_has_role(current_user, 'adhere_portal', 'USAGE') OR is_owner() THEN
        RETURN NEW;
    END IF;
    IF (
        OLD.state <> 'closed'
        AND array_position(steps, NEW.state) >= array_position(steps, OLD.state)
        AND (
            (NEW.acknowledged_by, NEW.acknowledged_at)
                IS NOT DISTINCT FROM (OLD.acknowledged_by, OLD.acknowledged_at)
            OR OLD.acknowledged_by IS NULL AND NEW.acknowledged_by = reader_id()
            AND abs(extract(epoch FROM clock_timestamp() - NEW.acknowledged_at)) < 60
        )
        AND (
            NEW.state <> 'closed'
            AND (NEW.closed_by, NEW.closed_at, NEW.outcome, NEW.outcome_reason)
                IS NOT DISTINCT FROM (OLD.closed_by, OLD.closed_at, OLD.outcome, OLD.outcome_reason)
            OR NEW.state = 'closed' AND NEW.closed_by = reader_id()
            AND abs(extract(epoch FROM clock_timestamp() - NEW.closed_at)) < 60
        )
        -- The escalation ends with an answer, and is not put off.
        AND (
            (NEW.next_step, NEW.next_step_at)
                IS NOT DISTINCT FROM (OLD.next_step, OLD.next_step_at)
            OR NEW.next_step_at IS NULL AND NEW.state <> 'open'
        )
    ) IS NOT TRUE THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'an alert is answered once, in one''s own name and at the time it is';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION keep_answers() IS 'Refuses the pages an answer in another''s name or of another time, one that takes an answer back, and an escalation put off.';
REVOKE ALL ON FUNCTION keep_answers FROM PUBLIC;
CREATE TRIGGER keep_answers BEFORE UPDATE ON alert
    FOR EACH ROW EXECUTE FUNCTION keep_answers();

-- A message is dropped that still waits, once somebody has answered: none that was sent.
ALTER POLICY drop_waiting ON delivery
    USING (
        state = 'queued' AND trying_since IS NULL
        AND EXISTS (SELECT FROM alert WHERE alert.id = alert_id AND alert.state <> 'open')
    );

-- 4. Findings of the ledger: of one's own boxes; taken note of once, in one's own name.
SELECT protect_rows('ledger_finding');
CREATE POLICY pages ON ledger_finding FOR SELECT TO adhere_portal
    USING (gateway_id IN (SELECT gateways_looked_after((SELECT reader_id()))));
CREATE POLICY see ON ledger_finding FOR UPDATE TO adhere_portal
    USING (
        seen_at IS NULL
        AND gateway_id IN (SELECT gateways_looked_after((SELECT reader_id())))
    )
    WITH CHECK (
        seen_by = (SELECT reader_id())
        AND abs(extract(epoch FROM clock_timestamp() - seen_at)) < 60
    );

-- 5. Prescriptions: a change is a new version from a day on that is not over, an earlier one ends
-- sooner, and its phases come with it. Local days are at most one ahead of UTC's or behind, and a
-- page asks for a day after the local one.
ALTER TABLE prescription ADD COLUMN written_at timestamptz;
ALTER TABLE prescription ALTER COLUMN written_at SET DEFAULT now();
COMMENT ON COLUMN prescription.written_at IS 'The beginning of the transaction that wrote it: its phases come in the same one. Null: it is from before this was kept.';
REVOKE INSERT ON prescription FROM adhere_portal;
GRANT INSERT (
    enrolment_id, version, effective, age_years, sex, beta_blocker, hr_max_bpm, hr_max_source,
    rest_hr_bpm, rest_hr_source, frozen_on, zone_lo, zone_hi, session_min, sessions_per_week,
    weekly_min, ceiling_bpm, ceiling_source, intensity_kind, day_adds_up, resistance_per_week,
    resistance_min, rest_days, balance_per_week, balance_min, steps_per_day
) ON prescription TO adhere_portal;
ALTER POLICY prescribe ON prescription
    WITH CHECK (
        (SELECT reader_role()) = 'family_doctor' AND enrolment_id IN (SELECT reader_enrolments())
        AND lower(effective) >= (now() AT TIME ZONE 'UTC')::date
    );
ALTER POLICY prescribe ON prescription_phase
    WITH CHECK (
        (SELECT reader_role()) = 'family_doctor'
        AND EXISTS (
            SELECT FROM prescription
            WHERE prescription.id = prescription_id AND prescription.written_at = now()
        )
    );

CREATE FUNCTION keep_past_terms() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role(current_user, 'adhere_portal', 'USAGE') OR is_owner() THEN
        RETURN NEW;
    END IF;
    IF (
        lower(NEW.effective) = lower(OLD.effective)
        AND NEW.effective <@ OLD.effective
        AND upper(NEW.effective) >= (now() AT TIME ZONE 'UTC')::date
    ) IS NOT TRUE THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'a version is not changed: it ends earlier, on a day that is not over';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION keep_past_terms() IS 'Refuses the pages to change for which days a version held: a page ends one, from today on at the earliest.';
REVOKE ALL ON FUNCTION keep_past_terms FROM PUBLIC;
CREATE TRIGGER keep_past_terms BEFORE UPDATE OF effective ON prescription
    FOR EACH ROW WHEN (OLD.effective IS DISTINCT FROM NEW.effective)
    EXECUTE FUNCTION keep_past_terms();

-- 6. Records of a patient. A consent that was withdrawn may be given again by the same text; what was
-- mistyped is said anew, and what stood before is kept.
ALTER TABLE consent
    DROP CONSTRAINT consent_patient_id_purpose_text_version_key,
    ADD CONSTRAINT consent_given_once_a_day UNIQUE (patient_id, purpose, text_version, given_on),
    ADD CONSTRAINT consent_one_at_a_time EXCLUDE USING gist (
        patient_id WITH =, purpose WITH =, text_version WITH =,
        daterange(given_on, withdrawn_on) WITH &&
    );
COMMENT ON TABLE consent IS 'What a patient has agreed to, purpose by purpose: each is asked for by itself (PIPL, articles 23 and 29). Withdrawn, it may be given again: another row.';

ALTER TABLE risk_assessment
    DROP CONSTRAINT risk_assessment_patient_id_assessed_on_method_key,
    ALTER COLUMN level DROP NOT NULL,
    ADD COLUMN revision integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    ADD COLUMN entered_at timestamptz,
    ADD CONSTRAINT risk_assessment_one_revision UNIQUE (patient_id, assessed_on, method, revision),
    ADD CONSTRAINT risk_assessment_taken_back_later CHECK (level IS NOT NULL OR revision > 1);
ALTER TABLE outcome
    DROP CONSTRAINT outcome_patient_id_kind_measured_on_key,
    ALTER COLUMN value DROP NOT NULL,
    ADD COLUMN revision integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    ADD COLUMN entered_at timestamptz,
    ADD CONSTRAINT outcome_one_revision UNIQUE (patient_id, kind, measured_on, revision),
    ADD CONSTRAINT outcome_taken_back_later CHECK (value IS NOT NULL OR revision > 1);
-- Of rows that stand nobody knows when they were entered.
ALTER TABLE risk_assessment ALTER COLUMN entered_at SET DEFAULT clock_timestamp();
ALTER TABLE outcome ALTER COLUMN entered_at SET DEFAULT clock_timestamp();
COMMENT ON COLUMN risk_assessment.level IS 'Null: the entry was taken back.';
COMMENT ON COLUMN risk_assessment.revision IS 'The highest of a day and a method holds: a correction is another row, and the earlier one stays.';
COMMENT ON COLUMN risk_assessment.entered_at IS 'Null: it is from before this was kept.';
COMMENT ON COLUMN outcome.value IS 'Null: the entry was taken back.';
COMMENT ON COLUMN outcome.revision IS 'The highest of a day and a kind holds: a correction is another row, and the earlier one stays.';
COMMENT ON COLUMN outcome.entered_at IS 'Null: it is from before this was kept.';

-- 7. The anchor that stood on a cover, with its hash: whoever cuts the end off the trail, or writes it
-- anew, has to change every night as well.
ALTER TABLE nightly_run ADD COLUMN audit_sha256 bytea CHECK (length(audit_sha256) = 32);
UPDATE nightly_run SET audit_sha256 = sha256 FROM audit_block WHERE number = audit_block;
COMMENT ON COLUMN nightly_run.audit_sha256 IS 'The hash of that block, as the cover prints it.';
GRANT SELECT (audit_block, audit_sha256) ON nightly_run TO adhere_auditor;
