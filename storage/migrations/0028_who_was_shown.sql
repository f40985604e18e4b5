-- Who was shown is found by whoever it was, in a list too; and a box that was taken out is known as such.
-- A row about a list names the people it showed in its detail. Row security looks at each row before
-- an operator that it does not trust, so an index on those names is of use to a function alone.
CREATE INDEX audit_patients ON audit USING gin ((detail -> 'patients')) WHERE detail ? 'patients';

CREATE FUNCTION audit_about(wanted text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF public.reader_role() IS DISTINCT FROM 'auditor' THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT id FROM public.audit WHERE detail ? 'patients' AND detail -> 'patients' ? wanted;
END
$$;
COMMENT ON FUNCTION audit_about(text) IS 'The rows of the trail about a list that showed this person, for an auditor.';
REVOKE ALL ON FUNCTION audit_about(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_about(text) TO adhere_portal;

-- A list that shows fewer people shows nobody new.
CREATE OR REPLACE FUNCTION note_listed(token bytea, pseudonyms text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
BEGIN
    SELECT listed INTO before FROM public.web_session WHERE token_sha256 = token FOR UPDATE;
    IF NOT FOUND OR before = pseudonyms THEN
        RETURN false;
    END IF;
    UPDATE public.web_session SET listed = pseudonyms WHERE token_sha256 = token;
    RETURN NOT pseudonyms <@ before;
END
$$;
COMMENT ON FUNCTION note_listed IS 'Note whom a session''s list shows; true where somebody is among them whom the last one did not show.';

-- A box is out of use when its last key is revoked; the heads of the work list leave it out.
GRANT SELECT (gateway_id, revoked_at) ON gateway_key TO adhere_portal;
