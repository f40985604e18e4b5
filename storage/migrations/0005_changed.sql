-- What the nightly recomputation must look at because a record changed, not a reading.
-- Triggers fill it, so no writer can forget; a write that changes nothing leaves no row.
CREATE TABLE changed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id integer REFERENCES patient,
    centre_id integer REFERENCES organisation,
    during tstzrange,
    days daterange,
    CHECK (num_nonnulls(patient_id, centre_id) = 1),
    CHECK (num_nonnulls(during, days) = 1)
);
COMMENT ON TABLE changed IS 'Time of a patient, or of a centre''s patients, that a change of assignment, enrolment, prescription, pause or outage touches; the nightly recomputation deletes what it has claimed.';
COMMENT ON COLUMN changed.during IS 'Instants, where the record is kept in instants.';
COMMENT ON COLUMN changed.days IS 'Local days, where the record is kept in local days.';

CREATE FUNCTION note_changed_assignment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO changed (patient_id, during) VALUES (OLD.patient_id, OLD.worn);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO changed (patient_id, during) VALUES (NEW.patient_id, NEW.worn);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_changed_enrolment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO changed (patient_id, days)
        VALUES (OLD.patient_id, daterange(OLD.starts_on, OLD.ends_on));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO changed (patient_id, days)
        VALUES (NEW.patient_id, daterange(NEW.starts_on, NEW.ends_on));
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_changed_prescription() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO changed (patient_id, days)
        SELECT patient_id, OLD.effective FROM enrolment WHERE id = OLD.enrolment_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO changed (patient_id, days)
        SELECT patient_id, NEW.effective FROM enrolment WHERE id = NEW.enrolment_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_changed_pause() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO changed (patient_id, days)
        SELECT patient_id, OLD.during FROM enrolment WHERE id = OLD.enrolment_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO changed (patient_id, days)
        SELECT patient_id, NEW.during FROM enrolment WHERE id = NEW.enrolment_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_changed_outage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO changed (centre_id, during)
        SELECT centre_id, OLD.during FROM gateway WHERE id = OLD.gateway_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO changed (centre_id, during)
        SELECT centre_id, NEW.during FROM gateway WHERE id = NEW.gateway_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_moved_patient() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO changed (patient_id, days) VALUES (NEW.id, daterange(NULL, NULL));
    RETURN NULL;
END
$$;

CREATE FUNCTION note_gateways_of_centre() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO changed (centre_id, days) VALUES (OLD.centre_id, daterange(NULL, NULL));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO changed (centre_id, days) VALUES (NEW.centre_id, daterange(NULL, NULL));
    END IF;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    noted record;
BEGIN
    FOR noted IN
        SELECT * FROM (VALUES
            ('device_assignment', 'note_changed_assignment'),
            ('enrolment', 'note_changed_enrolment'),
            ('prescription', 'note_changed_prescription'),
            ('pause', 'note_changed_pause'),
            ('gateway_outage', 'note_changed_outage')
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
CREATE TRIGGER note_moved AFTER UPDATE ON patient
    FOR EACH ROW WHEN (OLD.centre_id <> NEW.centre_id) EXECUTE FUNCTION note_moved_patient();
-- A centre without a gateway observes nothing: its first one changes what its weeks can say.
CREATE TRIGGER note_added_or_removed AFTER INSERT OR DELETE ON gateway
    FOR EACH ROW EXECUTE FUNCTION note_gateways_of_centre();
CREATE TRIGGER note_changed AFTER UPDATE ON gateway
    FOR EACH ROW WHEN (OLD.centre_id <> NEW.centre_id) EXECUTE FUNCTION note_gateways_of_centre();

ALTER TABLE week ADD COLUMN counted_to date NOT NULL;
COMMENT ON COLUMN week.counted_to IS 'The last local day that counts in the row: its Sunday, or the night''s day while the week runs.';

ALTER TABLE nightly_run
    ADD COLUMN data_until timestamptz,
    ADD COLUMN batches bigint NOT NULL,
    ADD COLUMN readings bigint NOT NULL,
    ADD COLUMN quarantined bigint NOT NULL,
    ADD COLUMN dead_letters bigint NOT NULL;
COMMENT ON COLUMN nightly_run.data_until IS 'When the newest batch it saw was committed; with the counts beside it, what its cover says.';

ALTER TABLE device_assignment
    ADD CHECK (NOT upper_inc(worn) AND (lower_inc(worn) OR lower_inf(worn)));
COMMENT ON COLUMN device_assignment.worn IS 'Half-open, [from, to): at the moment a band changes hands it is the next person''s.';
