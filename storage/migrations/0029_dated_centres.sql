-- Where a patient belongs, by time: a move to another centre judges no week anew that is over.
CREATE TABLE patient_centre (
    patient_id integer NOT NULL REFERENCES patient,
    centre_id integer NOT NULL REFERENCES organisation,
    during tstzrange NOT NULL CHECK (
        NOT isempty(during) AND NOT upper_inc(during) AND (lower_inc(during) OR lower_inf(during))
    ),
    EXCLUDE USING gist (patient_id WITH =, during WITH &&)
);
CREATE INDEX ON patient_centre (centre_id);
COMMENT ON TABLE patient_centre IS 'Which centre a patient belonged to, and when: a week is judged, and a month''s lines belong, by the centre of its Monday. patient.centre_id is the one of now.';
COMMENT ON COLUMN patient_centre.during IS 'Half-open, [from, to): without an end for the centre of now, without a beginning for the first.';
INSERT INTO patient_centre (patient_id, centre_id, during) SELECT id, centre_id, '(,)' FROM patient;

-- Say from when a patient belongs to a centre; null: always. What stands of later centres goes.
CREATE FUNCTION move_patient(of_patient integer, to_centre integer, since timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    behind CONSTANT tstzrange := tstzrange(since, NULL);
BEGIN
    PERFORM FROM patient WHERE id = of_patient FOR UPDATE;
    IF EXISTS (
        SELECT FROM patient_centre
        WHERE patient_id = of_patient AND centre_id = to_centre AND during @> behind
    ) THEN
        RETURN false;
    END IF;
    DELETE FROM patient_centre WHERE patient_id = of_patient AND during <@ behind;
    UPDATE patient_centre SET during = during - behind
    WHERE patient_id = of_patient AND during && behind;
    INSERT INTO patient_centre (patient_id, centre_id, during)
    VALUES (of_patient, to_centre, behind);
    UPDATE patient SET centre_id = to_centre WHERE id = of_patient AND centre_id <> to_centre;
    INSERT INTO changed (patient_id, during) VALUES (of_patient, behind);
    RETURN true;
END
$$;
COMMENT ON FUNCTION move_patient IS 'Have a patient belong to a centre from an instant on, or always, and say whether that is new; what was before stays.';
REVOKE ALL ON FUNCTION move_patient FROM PUBLIC;

CREATE FUNCTION keep_centre() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO patient_centre (patient_id, centre_id, during)
        VALUES (NEW.id, NEW.centre_id, '(,)');
    ELSIF NOT EXISTS (
        SELECT FROM patient_centre
        WHERE patient_id = NEW.id AND centre_id = NEW.centre_id AND upper_inf(during)
    ) THEN
        -- Who writes the centre alone moves the patient now.
        PERFORM move_patient(NEW.id, NEW.centre_id, clock_timestamp());
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION keep_centre FROM PUBLIC;
DROP TRIGGER note_moved ON patient;
DROP FUNCTION note_moved_patient;
CREATE TRIGGER keep_first_centre AFTER INSERT ON patient
    FOR EACH ROW EXECUTE FUNCTION keep_centre();
CREATE TRIGGER keep_centre AFTER UPDATE ON patient
    FOR EACH ROW WHEN (OLD.centre_id <> NEW.centre_id) EXECUTE FUNCTION keep_centre();

GRANT SELECT ON patient_centre TO adhere_core, adhere_reports, adhere_operator, adhere_portal;
GRANT EXECUTE ON FUNCTION move_patient TO adhere_operator;
SELECT protect_rows('patient_centre');
-- The page of a week says by which centre's gateways it was judged.
CREATE POLICY pages ON patient_centre FOR SELECT TO adhere_portal
    USING (patient_id IN (SELECT reader_patients()));
