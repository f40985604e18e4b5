-- The audit trail as a chain: its rows are sealed in blocks, each over its rows and the block before.
-- One sealer, and no lock per page: a row that is written costs what it cost before.
CREATE TABLE audit_block (
    number bigint PRIMARY KEY CHECK (number >= 1),
    from_id bigint NOT NULL CHECK (from_id >= 1),
    to_id bigint NOT NULL CHECK (to_id >= from_id),
    row_count integer NOT NULL CHECK (row_count >= 1),
    sealed_at timestamptz NOT NULL,
    previous_sha256 bytea NOT NULL CHECK (length(previous_sha256) = 32),
    sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32)
);
COMMENT ON TABLE audit_block IS 'Sealed stretches of audit, each chained to the one before: an edited, removed or added row is found. The newest is the anchor that reports and backups name.';
COMMENT ON COLUMN audit_block.number IS 'Counts from 1 without a gap.';
COMMENT ON COLUMN audit_block.from_id IS 'The id after the last one of the block before; ids that were never committed leave gaps.';
COMMENT ON COLUMN audit_block.to_id IS 'The last row in it.';
COMMENT ON COLUMN audit_block.previous_sha256 IS 'Of the block before; 32 zero bytes in the first.';
COMMENT ON COLUMN audit_block.sha256 IS 'SHA-256 of previous_sha256, then of the block and its rows as netstrings; docs/howto/restore.md says which.';

CREATE FUNCTION seal_audit(most_rows integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    settled bigint;
    newest public.audit_block%ROWTYPE;
    next_block public.audit_block%ROWTYPE;
    row_texts text;
    blocks integer := 0;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_transaction_state',
            MESSAGE = 'sealing must see what was committed a moment ago';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('adhere.seal_audit', 0));
    -- Ids are given before rows are committed, so a lower id may come later. With the door shut for
    -- a moment nobody is on the way: every id up to here is committed or never will be, and whoever
    -- writes next is given a higher one. Rolling back opens the door again at once.
    BEGIN
        LOCK TABLE public.audit IN SHARE MODE;
        SELECT max(id) INTO settled FROM public.audit;
        RAISE EXCEPTION USING ERRCODE = 'ADH01';
    EXCEPTION WHEN SQLSTATE 'ADH01' THEN
        NULL;
    END;
    SELECT * INTO newest FROM public.audit_block ORDER BY number DESC LIMIT 1;
    LOOP
        next_block.number := coalesce(newest.number, 0) + 1;
        next_block.from_id := coalesce(newest.to_id, 0) + 1;
        next_block.previous_sha256 := coalesce(newest.sha256, decode(repeat('00', 32), 'hex'));
        next_block.sealed_at := date_trunc('milliseconds', clock_timestamp());
        SELECT
            max(taken.id), count(*),
            string_agg(
                (
                    SELECT string_agg(
                        length(convert_to(field, 'UTF8')) || ':' || field || ',', '' ORDER BY place
                    )
                    FROM unnest(ARRAY[
                        taken.id::text,
                        (extract(epoch FROM taken.at) * 1000000)::bigint::text,
                        taken.actor,
                        taken.action,
                        taken.subject,
                        taken.detail::text
                    ]) WITH ORDINALITY AS fields (field, place)
                ),
                '' ORDER BY taken.id
            )
        INTO next_block.to_id, next_block.row_count, row_texts
        FROM (
            SELECT * FROM public.audit
            WHERE id >= next_block.from_id AND id <= settled
            ORDER BY id
            LIMIT most_rows
        ) AS taken;
        EXIT WHEN next_block.row_count = 0;
        SELECT
            sha256(
                next_block.previous_sha256 || convert_to(
                    string_agg(length(field) || ':' || field || ',', '' ORDER BY place) || row_texts,
                    'UTF8'
                )
            )
        INTO next_block.sha256
        FROM unnest(ARRAY[
            next_block.number::text,
            next_block.from_id::text,
            next_block.to_id::text,
            next_block.row_count::text,
            (extract(epoch FROM next_block.sealed_at) * 1000)::bigint::text
        ]) WITH ORDINALITY AS fields (field, place);
        INSERT INTO public.audit_block SELECT (next_block).*;
        newest := next_block;
        blocks := blocks + 1;
    END LOOP;
    RETURN blocks;
END
$$;
COMMENT ON FUNCTION seal_audit IS 'Seal what was written into audit since the last block; return how many blocks that made. Gives up (55P03) where somebody is writing for longer than two seconds: call it again later.';
REVOKE ALL ON FUNCTION seal_audit FROM PUBLIC;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE insufficient_privilege USING
        MESSAGE = format('%s is only added to', TG_TABLE_NAME);
END
$$;
COMMENT ON FUNCTION refuse_change() IS 'Refuses to change or remove rows, also to the owner of the table.';
REVOKE ALL ON FUNCTION refuse_change FROM PUBLIC;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_block
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Also in a session that says it replicates.
ALTER TABLE audit ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE audit_block ENABLE ALWAYS TRIGGER refuse_change;

ALTER TABLE nightly_run ADD COLUMN audit_block bigint REFERENCES audit_block;
COMMENT ON COLUMN nightly_run.audit_block IS 'The anchor printed on its cover; null in a report of before there were anchors, or of a district without an audited act.';

GRANT SELECT ON audit_block TO adhere_auditor, adhere_core, adhere_reports, adhere_operator;
GRANT EXECUTE ON FUNCTION seal_audit TO adhere_core, adhere_reports, adhere_operator;
