-- What a prescription may say beyond one zone (method, section 13): the kind of intensity, phases by
-- week, resistance, balance and steps beside the aerobic part; and the log of what no band measures.
ALTER TABLE prescription RENAME COLUMN zone_lo_pct TO zone_lo;
ALTER TABLE prescription RENAME COLUMN zone_hi_pct TO zone_hi;
ALTER TABLE prescription RENAME CONSTRAINT prescription_zone_lo_pct_check TO prescription_zone_lo_check;
ALTER TABLE prescription RENAME CONSTRAINT prescription_zone_hi_pct_check TO prescription_zone_hi_check;
ALTER TABLE prescription
    ALTER COLUMN zone_lo DROP NOT NULL,
    ALTER COLUMN zone_hi DROP NOT NULL,
    ALTER COLUMN session_min DROP NOT NULL,
    ALTER COLUMN sessions_per_week DROP NOT NULL,
    ALTER COLUMN weekly_min DROP NOT NULL,
    ADD COLUMN intensity_kind text NOT NULL DEFAULT 'hrr'
        CHECK (intensity_kind IN ('hrr', 'hr_max', 'bpm', 'rpe')),
    ADD COLUMN day_adds_up boolean NOT NULL DEFAULT false,
    -- NaN sorts above infinity, so "below infinity" refuses both.
    ADD COLUMN resistance_per_week double precision
        CHECK (resistance_per_week > 0 AND resistance_per_week <= 7),
    ADD COLUMN resistance_min double precision
        CHECK (resistance_min > 0 AND resistance_min < 'infinity'),
    ADD COLUMN rest_days integer NOT NULL DEFAULT 0 CHECK (rest_days BETWEEN 0 AND 6),
    ADD COLUMN balance_per_week double precision
        CHECK (balance_per_week > 0 AND balance_per_week <= 7),
    ADD COLUMN balance_min double precision CHECK (balance_min > 0 AND balance_min < 'infinity'),
    ADD COLUMN steps_per_day double precision
        CHECK (steps_per_day > 0 AND steps_per_day < 'infinity'),
    ADD CONSTRAINT prescription_aerobic_whole CHECK (
        num_nonnulls(zone_lo, zone_hi, session_min, sessions_per_week, weekly_min) IN (0, 5)
    ),
    ADD CONSTRAINT prescription_says_something CHECK (
        num_nonnulls(zone_lo, resistance_per_week, balance_per_week, steps_per_day) > 0
    ),
    ADD CONSTRAINT prescription_zone_order CHECK (zone_lo < zone_hi AND zone_hi < 'infinity'),
    ADD CONSTRAINT prescription_amount CHECK (
        session_min < 'infinity' AND sessions_per_week < 'infinity' AND weekly_min < 'infinity'
    ),
    ADD CONSTRAINT prescription_rpe_range CHECK (
        intensity_kind <> 'rpe' OR zone_lo >= 6 AND zone_hi <= 20
    ),
    ADD CONSTRAINT prescription_ceiling_above_zone CHECK (
        CASE intensity_kind
            WHEN 'bpm' THEN ceiling_bpm > zone_lo
            WHEN 'hr_max' THEN 100 * ceiling_bpm > zone_lo * hr_max_bpm
            WHEN 'hrr' THEN
                100 * (ceiling_bpm - rest_hr_bpm) > zone_lo * (hr_max_bpm - rest_hr_bpm)
        END
    ),
    ADD CONSTRAINT prescription_adds_up_aerobic CHECK (NOT day_adds_up OR zone_lo IS NOT NULL),
    ADD CONSTRAINT prescription_length_of_something CHECK (
        (resistance_min IS NULL OR resistance_per_week IS NOT NULL)
        AND (balance_min IS NULL OR balance_per_week IS NOT NULL)
    ),
    ADD CONSTRAINT prescription_rest_leaves_room CHECK (
        rest_days = 0
        OR resistance_per_week IS NOT NULL
        AND resistance_per_week <= ceil(7.0 / (rest_days + 1))
    );
COMMENT ON TABLE prescription IS 'One version of an exercise prescription; a change is a new version, never an edit. Each of its parts (aerobic, resistance, balance, steps) may be missing, not all.';
COMMENT ON COLUMN prescription.intensity_kind IS 'What the zone is written in: percent of heart-rate reserve (hrr), percent of maximum heart rate (hr_max), beats per minute (bpm), or perceived exertion, Borg 6-20 (rpe): then heart rate credits nothing.';
COMMENT ON COLUMN prescription.zone_lo IS 'In the unit of intensity_kind; the lower edge belongs to the zone (C8). Null: no aerobic part.';
COMMENT ON COLUMN prescription.zone_hi IS 'In the unit of intensity_kind; the upper edge does not belong to the zone, but of rpe.';
COMMENT ON COLUMN prescription.day_adds_up IS 'The bouts of a day add up to a session (method, section 13).';
COMMENT ON COLUMN prescription.resistance_per_week IS 'Days a week with resistance work; null: not prescribed.';
COMMENT ON COLUMN prescription.resistance_min IS 'Minutes of one time; null: any length counts.';
COMMENT ON COLUMN prescription.rest_days IS 'Whole days between two times of resistance work that both count.';
COMMENT ON COLUMN prescription.balance_per_week IS 'Days a week with balance work; null: not prescribed.';
COMMENT ON COLUMN prescription.balance_min IS 'Minutes of one time; null: any length counts.';
COMMENT ON COLUMN prescription.steps_per_day IS 'Null: not prescribed.';

CREATE TABLE prescription_phase (
    prescription_id integer NOT NULL REFERENCES prescription,
    from_week integer NOT NULL CHECK (from_week BETWEEN 1 AND 520),
    phase text NOT NULL CHECK (phase IN ('adapt', 'progress', 'reach', 'hold')),
    zone_lo double precision CHECK (zone_lo > 0 AND zone_lo < 'infinity'),
    zone_hi double precision CHECK (zone_hi > 0 AND zone_hi < 'infinity'),
    session_min double precision CHECK (session_min > 0 AND session_min < 'infinity'),
    sessions_per_week double precision
        CHECK (sessions_per_week > 0 AND sessions_per_week < 'infinity'),
    weekly_min double precision CHECK (weekly_min > 0 AND weekly_min < 'infinity'),
    PRIMARY KEY (prescription_id, from_week)
);
COMMENT ON TABLE prescription_phase IS 'From which week of the programme on the aerobic part of a version asks something else; it belongs to its version and is never edited.';
COMMENT ON COLUMN prescription_phase.from_week IS 'Week 1 is the one in which the enrolment starts; a phase holds from the Monday of its week until the next phase.';
COMMENT ON COLUMN prescription_phase.zone_lo IS 'As in the version, where null; so are the others.';

CREATE FUNCTION check_phase() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
DECLARE
    version prescription%ROWTYPE;
BEGIN
    SELECT * INTO version FROM prescription WHERE id = NEW.prescription_id;
    IF version.zone_lo IS NULL THEN
        RAISE check_violation USING
            MESSAGE = 'a phase without an aerobic part', CONSTRAINT = 'phase_of_nothing';
    END IF;
    version.zone_lo := coalesce(NEW.zone_lo, version.zone_lo);
    version.zone_hi := coalesce(NEW.zone_hi, version.zone_hi);
    IF version.zone_lo >= version.zone_hi THEN
        RAISE check_violation USING
            MESSAGE = 'a phase whose zone is none', CONSTRAINT = 'phase_zone_order';
    END IF;
    IF version.intensity_kind = 'rpe' AND (version.zone_lo < 6 OR version.zone_hi > 20) THEN
        RAISE check_violation USING
            MESSAGE = 'a phase outside Borg 6-20', CONSTRAINT = 'phase_rpe_range';
    END IF;
    IF (CASE version.intensity_kind
        WHEN 'bpm' THEN version.ceiling_bpm <= version.zone_lo
        WHEN 'hr_max' THEN 100 * version.ceiling_bpm <= version.zone_lo * version.hr_max_bpm
        WHEN 'hrr' THEN
            100 * (version.ceiling_bpm - version.rest_hr_bpm)
            <= version.zone_lo * (version.hr_max_bpm - version.rest_hr_bpm)
    END) THEN
        RAISE check_violation USING
            MESSAGE = 'a phase above the ceiling', CONSTRAINT = 'phase_ceiling_above_zone';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION check_phase() IS 'Refuses a phase that contradicts its version: what is null in it stands as the version has it.';
CREATE TRIGGER check_phase BEFORE INSERT OR UPDATE ON prescription_phase
    FOR EACH ROW EXECUTE FUNCTION check_phase();

CREATE VIEW prescribed AS
SELECT
    version.id AS prescription_id, piece.days, piece.phase,
    coalesce(piece.zone_lo, version.zone_lo) AS zone_lo,
    coalesce(piece.zone_hi, version.zone_hi) AS zone_hi,
    coalesce(piece.session_min, version.session_min) AS session_min,
    coalesce(piece.sessions_per_week, version.sessions_per_week) AS sessions_per_week,
    coalesce(piece.weekly_min, version.weekly_min) AS weekly_min
FROM prescription AS version
JOIN enrolment ON enrolment.id = version.enrolment_id
CROSS JOIN LATERAL (
    SELECT
        daterange(begins, lead(begins) OVER (ORDER BY begins NULLS FIRST))
        * version.effective * daterange(enrolment.starts_on, enrolment.ends_on) AS days,
        part.*
    FROM (
        SELECT
            NULL::date AS begins, NULL::text AS phase, NULL::double precision AS zone_lo,
            NULL::double precision AS zone_hi, NULL::double precision AS session_min,
            NULL::double precision AS sessions_per_week, NULL::double precision AS weekly_min
        UNION ALL
        SELECT
            date_trunc('week', enrolment.starts_on::timestamp)::date + 7 * (from_week - 1), phase,
            zone_lo, zone_hi, session_min, sessions_per_week, weekly_min
        FROM prescription_phase
        WHERE prescription_id = version.id
    ) AS part
) AS piece
WHERE NOT isempty(piece.days);
COMMENT ON VIEW prescribed IS 'What the aerobic part of each version asks on which local days, its phases worked in.';

CREATE FUNCTION asked_in_week(of_prescription integer, monday date) RETURNS SETOF prescribed
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM prescribed
    WHERE prescription_id = of_prescription AND days && daterange(monday, monday + 7)
    ORDER BY days
    LIMIT 1;
END;
COMMENT ON FUNCTION asked_in_week(integer, date) IS 'What a version asks in a week: as on its Monday, or from its first day in that week on.';

CREATE TABLE session_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_key text NOT NULL CHECK (length(entry_key) BETWEEN 1 AND 80),
    revision integer NOT NULL CHECK (revision >= 1),
    enrolment_id integer NOT NULL REFERENCES enrolment,
    date date NOT NULL,
    component text NOT NULL CHECK (component IN ('aerobic', 'resistance', 'balance')),
    attended boolean NOT NULL,
    minutes double precision CHECK (minutes > 0 AND minutes <= 1440),
    rpe double precision CHECK (rpe BETWEEN 6 AND 20),
    supervised_by integer REFERENCES staff,
    withdrawn boolean NOT NULL DEFAULT false,
    correction_reason text CHECK (correction_reason <> ''),
    noted_by integer NOT NULL REFERENCES staff,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (entry_key, revision),
    CONSTRAINT session_log_absent_has_nothing CHECK (
        attended OR num_nonnulls(minutes, rpe) = 0
    ),
    CONSTRAINT session_log_correction_has_reason CHECK (
        (revision = 1) = (correction_reason IS NULL)
    ),
    CONSTRAINT session_log_withdrawn_later CHECK (NOT withdrawn OR revision > 1)
);
CREATE INDEX ON session_log (enrolment_id, date);
COMMENT ON TABLE session_log IS 'What somebody says was done in a session, or that the patient did not come. A row is never edited: a correction is another revision of its entry, with who, when and why.';
COMMENT ON COLUMN session_log.entry_key IS 'Given by the writer: an entry that is sent twice is one entry.';
COMMENT ON COLUMN session_log.date IS 'The local day of the session.';
COMMENT ON COLUMN session_log.minutes IS 'Null: not known.';
COMMENT ON COLUMN session_log.rpe IS 'Perceived exertion, Borg 6-20; null: not asked.';
COMMENT ON COLUMN session_log.supervised_by IS 'Who was there; null: done alone.';
COMMENT ON COLUMN session_log.withdrawn IS 'The entry says nothing any more.';
COMMENT ON COLUMN session_log.correction_reason IS 'Of every revision but the first.';

CREATE VIEW logged_session AS
SELECT * FROM session_log AS entry
WHERE NOT withdrawn
    AND NOT EXISTS (
        SELECT FROM session_log AS later
        WHERE later.entry_key = entry.entry_key AND later.revision > entry.revision
    );
COMMENT ON VIEW logged_session IS 'The newest revision of every entry of the session log that stands.';

CREATE FUNCTION note_changed_phase() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO changed (patient_id, days)
    SELECT DISTINCT patient_id, effective
    FROM prescription
    JOIN enrolment ON enrolment.id = enrolment_id
    WHERE prescription.id IN (
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.prescription_id END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.prescription_id END
    );
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION note_changed_phase() IS 'Notes the days of a version whose phases change, for the nightly recomputation.';

CREATE FUNCTION note_changed_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    said session_log%ROWTYPE;
BEGIN
    IF TG_OP = 'DELETE' THEN said := OLD; ELSE said := NEW; END IF;
    -- Every day the entry ever stood on: the newest revision takes the earlier ones' place.
    INSERT INTO changed (patient_id, days)
    SELECT DISTINCT patient_id, daterange(day, day, '[]')
    FROM (
        SELECT enrolment_id, date AS day FROM session_log WHERE entry_key = said.entry_key
        UNION
        SELECT said.enrolment_id, said.date
        UNION
        SELECT OLD.enrolment_id, OLD.date WHERE TG_OP = 'UPDATE'
    ) AS stood
    JOIN enrolment ON enrolment.id = stood.enrolment_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION note_changed_session() IS 'Notes the days of an entry of the session log, for the nightly recomputation.';

DO $$
DECLARE
    noted record;
BEGIN
    FOR noted IN
        SELECT * FROM (VALUES
            ('prescription_phase', 'note_changed_phase'),
            ('session_log', 'note_changed_session')
        ) AS pair (record_table, function_name)
    LOOP
        EXECUTE format(
            'CREATE TRIGGER note_added_or_removed AFTER INSERT OR DELETE ON public.%I '
            'FOR EACH ROW EXECUTE FUNCTION %I()',
            noted.record_table, noted.function_name
        );
        EXECUTE format(
            'CREATE TRIGGER note_changed AFTER UPDATE ON public.%I FOR EACH ROW '
            'WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION %I()',
            noted.record_table, noted.function_name
        );
    END LOOP;
END
$$;
COMMENT ON TABLE changed IS 'Time of a patient, or of a centre''s patients, that a change of assignment, enrolment, prescription, phase, session log, pause or outage touches; the nightly recomputation deletes what it has claimed.';

ALTER TABLE week
    ALTER COLUMN attendance DROP NOT NULL,
    ALTER COLUMN rdi DROP NOT NULL,
    ALTER COLUMN volume DROP NOT NULL,
    ADD COLUMN aerobic_pct double precision,
    ADD COLUMN resistance_pct double precision,
    ADD COLUMN balance_pct double precision,
    ADD COLUMN steps_pct double precision;
-- Until now every prescription was aerobic alone, so its adherence is the week's.
UPDATE week SET aerobic_pct = adherence_pct;
COMMENT ON COLUMN week.attendance IS 'Null, like the relative dose and the volume, where no aerobic part is prescribed.';
COMMENT ON COLUMN week.adherence_pct IS 'The lowest of the parts prescribed (method, section 13).';
COMMENT ON COLUMN week.aerobic_pct IS 'Of the aerobic part alone (C14); null where it is not prescribed, and so are the next three.';
