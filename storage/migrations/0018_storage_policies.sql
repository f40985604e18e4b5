-- How long readings stay, and how: compressed days, dropped days, readings that belong to nobody.
-- Nothing here deletes by itself: the night and `adhere db policies apply` call the functions, each
-- for one day or one band in a transaction of its own. TimescaleDB's own background jobs are not
-- used: they know neither the night that may be reading nor the days that were exported.

-- Settings alone compress nothing. Where the library's licence has no compression days stay as they are.
DO $$
DECLARE
    reading_table text;
BEGIN
    IF to_regclass('_timescaledb_catalog.hypertable') IS NULL THEN
        RETURN;
    END IF;
    FOREACH reading_table IN ARRAY
        ARRAY['heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery']
    LOOP
        EXECUTE format(
            'ALTER TABLE public.%I SET (timescaledb.compress, '
            'timescaledb.compress_segmentby = ''device_id'', timescaledb.compress_orderby = ''at'')',
            reading_table
        );
    END LOOP;
EXCEPTION
    WHEN feature_not_supported THEN
        RAISE NOTICE 'this TimescaleDB has no compression';
END
$$;

CREATE FUNCTION list_reading_days() RETURNS TABLE (
    reading_table text, day date, state text, bytes bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
BEGIN
    RETURN QUERY
    SELECT
        parent.relname::text,
        to_date(right(part.relname, 8), 'YYYYMMDD'),
        'open',
        pg_total_relation_size(part.oid)
    FROM pg_class AS parent
    JOIN pg_inherits ON inhparent = parent.oid
    JOIN pg_class AS part ON part.oid = inhrelid
    WHERE parent.relnamespace = 'public'::regnamespace
        AND parent.relname IN ('heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery')
        AND parent.relkind = 'p'
    ORDER BY 2, 1;
    IF to_regclass('_timescaledb_catalog.chunk') IS NOT NULL THEN
        RETURN QUERY EXECUTE
            'SELECT c.hypertable_name::text, c.range_start::date, '
            'CASE WHEN own.status & 1 = 0 THEN ''open'' '
            'WHEN own.status & 10 <> 0 THEN ''touched'' ELSE ''compressed'' END, '
            'pg_total_relation_size(format(''%I.%I'', c.chunk_schema, c.chunk_name)::regclass) '
            '+ coalesce(pg_total_relation_size('
            'to_regclass(quote_ident(packed.schema_name) || ''.'' || quote_ident(packed.table_name))), 0) '
            'FROM timescaledb_information.chunks AS c '
            'JOIN _timescaledb_catalog.chunk AS own '
            'ON own.schema_name = c.chunk_schema AND own.table_name = c.chunk_name '
            'LEFT JOIN _timescaledb_catalog.chunk AS packed ON packed.id = own.compressed_chunk_id '
            'WHERE c.hypertable_schema = ''public'' AND c.hypertable_name IN '
            '(''heart_rate'', ''steps'', ''steps_counter'', ''rr_interval'', ''battery'') '
            'ORDER BY 2, 1';
    END IF;
END
$$;
COMMENT ON FUNCTION list_reading_days IS 'The UTC days there are in each reading table; "touched" is compressed, with rows that came later beside it.';
REVOKE ALL ON FUNCTION list_reading_days FROM PUBLIC;

CREATE FUNCTION compress_reading_day(reading_table text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET lock_timeout = '5s'
AS $$
DECLARE
    chunk regclass;
BEGIN
    IF to_regclass('_timescaledb_catalog.chunk') IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE
        'SELECT format(''%I.%I'', c.chunk_schema, c.chunk_name)::regclass '
        'FROM timescaledb_information.chunks AS c '
        'JOIN _timescaledb_catalog.chunk AS own '
        'ON own.schema_name = c.chunk_schema AND own.table_name = c.chunk_name '
        'WHERE c.hypertable_schema = ''public'' AND c.hypertable_name = $1 '
        'AND $1 IN (''heart_rate'', ''steps'', ''steps_counter'', ''rr_interval'', ''battery'') '
        'AND c.range_start = $2::timestamp AT TIME ZONE ''UTC'' '
        'AND (own.status & 1 = 0 OR own.status & 10 <> 0)'
    INTO chunk
    USING reading_table, day;
    IF chunk IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT public.compress_chunk(%L::regclass, if_not_compressed => true)', chunk);
    RETURN true;
END
$$;
COMMENT ON FUNCTION compress_reading_day IS 'Compress a UTC day of a reading table, or take in what came to it since; say whether there was anything to do.';
REVOKE ALL ON FUNCTION compress_reading_day FROM PUBLIC;

CREATE TABLE dropped_day (
    day date PRIMARY KEY,
    is_exported boolean NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE dropped_day IS 'UTC days whose readings are no longer in the tables: by the retention policy, or because files hold them.';
COMMENT ON COLUMN dropped_day.is_exported IS 'They are read back from files; otherwise they are gone, and the results of those days stand as they are.';

CREATE FUNCTION drop_reading_day(day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET lock_timeout = '5s'
AS $$
DECLARE
    reading_table text;
    from_at timestamptz := day::timestamp AT TIME ZONE 'UTC';
    to_at timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    these integer;
    dropped integer := 0;
BEGIN
    FOREACH reading_table IN ARRAY
        ARRAY['heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery']
    LOOP
        IF (SELECT relkind FROM pg_class WHERE oid = format('public.%I', reading_table)::regclass)
            <> 'p'
        THEN
            EXECUTE format(
                'SELECT count(*) FROM public.drop_chunks(%L::regclass, '
                'older_than => %L::timestamptz, newer_than => %L::timestamptz)',
                format('public.%I', reading_table), to_at, from_at
            ) INTO these;
            dropped := dropped + these;
        ELSIF to_regclass(format('public.%I', reading_table || to_char(day, '_YYYYMMDD')))
            IS NOT NULL
        THEN
            EXECUTE format('DROP TABLE public.%I', reading_table || to_char(day, '_YYYYMMDD'));
            dropped := dropped + 1;
        END IF;
    END LOOP;
    IF dropped > 0 THEN
        INSERT INTO public.dropped_day (day, is_exported) VALUES (drop_reading_day.day, false)
        ON CONFLICT ON CONSTRAINT dropped_day_pkey DO UPDATE
        SET is_exported = false, dropped_at = excluded.dropped_at;
        DELETE FROM public.said_again WHERE at >= from_at AND at < to_at;
    END IF;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION drop_reading_day IS 'Drop a UTC day of all reading tables for good, and remember it; return how many partitions or chunks that were.';
REVOKE ALL ON FUNCTION drop_reading_day FROM PUBLIC;

-- Batches lie in the order they came, so this index is a few pages and costs nothing to write.
CREATE INDEX batch_committed_at_idx ON batch USING brin (committed_at);

CREATE FUNCTION drop_payloads(came_before timestamptz, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH old AS MATERIALIZED (
        SELECT batch.id, batch.content_sha256
        FROM batch
        WHERE batch.committed_at < came_before
            AND (
                EXISTS (
                    SELECT FROM batch_payload
                    WHERE batch_payload.content_sha256 = batch.content_sha256
                )
                OR EXISTS (
                    SELECT FROM quarantined_reading
                    WHERE quarantined_reading.batch_id = batch.id
                )
            )
        LIMIT most
    ),
    unusable AS (
        DELETE FROM quarantined_reading USING old
        WHERE quarantined_reading.batch_id = old.id
    ),
    payload AS (
        DELETE FROM batch_payload USING old
        WHERE batch_payload.content_sha256 = old.content_sha256
    )
    SELECT count(*) FROM old;
END;
COMMENT ON FUNCTION drop_payloads IS 'Delete the signed bytes and the quarantined readings of at most so many batches that came before; their rows in the ledger stay. Return of how many batches.';
REVOKE ALL ON FUNCTION drop_payloads FROM PUBLIC;

CREATE TABLE unowned_span (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL,
    came_on date NOT NULL,
    until_batch_id bigint NOT NULL,
    during tstzrange NOT NULL CHECK (NOT isempty(during))
);
CREATE INDEX ON unowned_span (device_id);
COMMENT ON TABLE unowned_span IS 'Time in which a band gave readings while nobody was assigned: looked at again, by the assignments of then, when they have been here for their days, and deleted as far as they still belong to nobody.';
COMMENT ON COLUMN unowned_span.device_id IS 'Of device; unchecked: a check would hold the band''s row until the night is over, and whoever hands it out waits for that row.';
COMMENT ON COLUMN unowned_span.came_on IS 'The UTC day the readings came, or an assignment that covered them was taken back.';
COMMENT ON COLUMN unowned_span.until_batch_id IS 'Readings of later batches have spans of their own.';

CREATE TABLE purged (
    batch_id bigint PRIMARY KEY REFERENCES batch,
    readings bigint NOT NULL CHECK (readings > 0)
);
COMMENT ON TABLE purged IS 'How many readings of a batch were deleted because they belonged to nobody: why a batch holds more than is stored of it.';

CREATE FUNCTION note_unowned(
    of_device integer, came_on date, until_batch_id bigint, spans tstzmultirange
) RETURNS void
LANGUAGE sql
SET search_path = public, pg_temp
BEGIN ATOMIC
    INSERT INTO unowned_span (device_id, came_on, until_batch_id, during)
    SELECT note_unowned.of_device, note_unowned.came_on, note_unowned.until_batch_id, piece.during
    FROM unnest(note_unowned.spans) AS piece (during);
END;
COMMENT ON FUNCTION note_unowned IS 'Remember that a band gave readings in this time which may belong to nobody.';
REVOKE ALL ON FUNCTION note_unowned FROM PUBLIC;

CREATE FUNCTION purge_unowned(of_device integer, came_before date)
RETURNS TABLE (readings bigint, payloads bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    reading_table text;
    span record;
    gap tstzrange;
    batches bigint[];
    counted bigint[];
    all_batches bigint[] := '{}';
BEGIN
    -- Without its assignments every reading of a band would look like nobody's.
    IF row_security_active('public.device_assignment'::regclass) AND NOT (
        is_owner() AND EXISTS (
            SELECT FROM pg_policy
            WHERE polrelid = 'public.device_assignment'::regclass AND polname = 'owner'
        )
    ) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the assignments are hidden from this role';
    END IF;
    readings := 0;
    payloads := 0;
    -- From here on nobody assigns this band until this is over: a new assignment refers to the
    -- device, and a changed one is locked. What was assigned before is seen below.
    PERFORM FROM device WHERE id = of_device FOR UPDATE;
    PERFORM FROM device_assignment WHERE device_id = of_device FOR UPDATE;
    IF to_regclass('_timescaledb_catalog.chunk') IS NOT NULL THEN
        PERFORM set_config(
            'timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true
        );
    END IF;
    FOR span IN
        DELETE FROM unowned_span AS due
        WHERE due.device_id = of_device AND due.came_on < came_before
        RETURNING due.during, due.until_batch_id
    LOOP
        FOR gap IN
            SELECT unnest(
                tstzmultirange(span.during) - coalesce(
                    (
                        SELECT range_agg(held.worn) FROM device_assignment AS held
                        WHERE held.device_id = of_device AND held.worn && span.during
                    ),
                    '{}'
                )
            )
        LOOP
            FOREACH reading_table IN ARRAY
                ARRAY['heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery']
            LOOP
                EXECUTE format(
                    'WITH gone AS ('
                    'DELETE FROM public.%I WHERE device_id = %s AND batch_id <= %s '
                    'AND at >= %L::timestamptz AND at < %L::timestamptz RETURNING batch_id), '
                    'counts AS (SELECT batch_id, count(*) AS n FROM gone GROUP BY batch_id) '
                    'SELECT coalesce(array_agg(batch_id), ''{}''), coalesce(array_agg(n), ''{}'') '
                    'FROM counts',
                    reading_table, of_device, span.until_batch_id,
                    coalesce(lower(gap), '-infinity'), coalesce(upper(gap), 'infinity')
                ) INTO batches, counted;
                INSERT INTO purged AS old (batch_id, readings)
                SELECT of_batch, n FROM unnest(batches, counted) AS come (of_batch, n)
                ON CONFLICT ON CONSTRAINT purged_pkey DO UPDATE
                SET readings = old.readings + excluded.readings;
                readings := readings + coalesce((SELECT sum(n) FROM unnest(counted) AS c (n)), 0);
                all_batches := all_batches || batches;
            END LOOP;
            DELETE FROM said_again
            WHERE device_id = of_device AND at <@ gap;
        END LOOP;
    END LOOP;
    -- The signed bytes of a batch of which nothing is left hold nothing but nobody's readings.
    WITH emptied AS (
        DELETE FROM batch_payload
        USING batch JOIN purged ON purged.batch_id = batch.id
        WHERE batch.id = ANY (all_batches)
            AND purged.readings = batch.reading_count AND batch.quarantined_count = 0
            AND batch_payload.content_sha256 = batch.content_sha256
        RETURNING 1
    )
    SELECT count(*) INTO payloads FROM emptied;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION purge_unowned IS 'Delete a band''s readings that came before a day and still belong to nobody; return how many, and of how many batches the signed bytes.';
REVOKE ALL ON FUNCTION purge_unowned FROM PUBLIC;

CREATE FUNCTION purge_quarantined(came_before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM quarantined_reading
        USING batch
        WHERE batch.id = quarantined_reading.batch_id
            AND batch.committed_at < came_before
            AND NOT EXISTS (
                SELECT FROM device
                JOIN device_assignment ON device_assignment.device_id = device.id
                WHERE device.device_key = quarantined_reading.device_key
            )
        RETURNING 1
    )
    SELECT count(*) FROM gone;
END;
COMMENT ON FUNCTION purge_quarantined IS 'Delete the quarantined readings that came before, of bands nobody ever wore; return how many.';
REVOKE ALL ON FUNCTION purge_quarantined FROM PUBLIC;

-- What is stored already is looked at as if it had come today.
INSERT INTO unowned_span (device_id, came_on, until_batch_id, during)
SELECT device.id, (clock_timestamp() AT TIME ZONE 'UTC')::date, newest.id, tstzrange(NULL, NULL)
FROM device
CROSS JOIN (SELECT max(id) AS id FROM batch) AS newest
WHERE newest.id IS NOT NULL;

-- A change of an assignment touches what changes hands by it, not all the time before: a band that
-- is taken back after a year moves no figure of that year. What it leaves to nobody is remembered.
CREATE OR REPLACE FUNCTION note_changed_assignment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    before tstzmultirange := '{}';
    since tstzmultirange := '{}';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        before := tstzmultirange(OLD.worn);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        since := tstzmultirange(NEW.worn);
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.patient_id, OLD.device_id) = (NEW.patient_id, NEW.device_id) THEN
        INSERT INTO changed (patient_id, during)
        SELECT NEW.patient_id, unnest((before - since) + (since - before));
    ELSE
        IF TG_OP <> 'INSERT' THEN
            INSERT INTO changed (patient_id, during) VALUES (OLD.patient_id, OLD.worn);
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO changed (patient_id, during) VALUES (NEW.patient_id, NEW.worn);
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF TG_OP = 'UPDATE' AND OLD.device_id = NEW.device_id THEN
            before := before - since;
        END IF;
        -- Readings of the time to come are noted by the night that meets them.
        PERFORM note_unowned(
            OLD.device_id,
            (clock_timestamp() AT TIME ZONE 'UTC')::date,
            newest.id,
            before * tstzmultirange(tstzrange(NULL, clock_timestamp() + interval '1 hour'))
        )
        FROM (SELECT max(id) AS id FROM batch) AS newest
        WHERE newest.id IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_changed_enrolment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    -- Another end alone: the days before it are judged as they were.
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - 'ends_on' = to_jsonb(NEW) - 'ends_on' THEN
        INSERT INTO changed (patient_id, days)
        VALUES (
            NEW.patient_id,
            daterange(
                least(coalesce(OLD.ends_on, 'infinity'), coalesce(NEW.ends_on, 'infinity')),
                CASE WHEN OLD.ends_on IS NOT NULL AND NEW.ends_on IS NOT NULL
                    THEN greatest(OLD.ends_on, NEW.ends_on) END
            )
        );
        RETURN NULL;
    END IF;
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

CREATE OR REPLACE FUNCTION note_changed_prescription() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    -- A version that a later one ends says of its own days what it said before.
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - 'effective' = to_jsonb(NEW) - 'effective' THEN
        INSERT INTO changed (patient_id, days)
        SELECT enrolment.patient_id, piece.days
        FROM enrolment
        CROSS JOIN unnest(
            (datemultirange(OLD.effective) - datemultirange(NEW.effective))
            + (datemultirange(NEW.effective) - datemultirange(OLD.effective))
        ) AS piece (days)
        WHERE enrolment.id = NEW.enrolment_id;
        RETURN NULL;
    END IF;
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

GRANT EXECUTE ON FUNCTION
    list_reading_days, compress_reading_day, drop_reading_day, drop_payloads, purge_unowned,
    purge_quarantined
TO adhere_core, adhere_operator;
GRANT SELECT, INSERT ON unowned_span TO adhere_core;
GRANT SELECT ON dropped_day TO adhere_core, adhere_reports, adhere_operator;
GRANT SELECT ON unowned_span TO adhere_operator;
GRANT SELECT ON purged TO adhere_reports, adhere_operator;
