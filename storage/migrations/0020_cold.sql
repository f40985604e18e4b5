-- Readings of closed days in files: what was written where, by which hash, and what left the tables.
-- A reading goes through three states and is counted in one: in the tables; in the tables and in a
-- file (the tables count); in a file alone, once its part is dropped (the file counts).
CREATE TABLE cold_part (
    day date NOT NULL,
    part smallint NOT NULL CHECK (part >= 1),
    folder text NOT NULL,
    buckets smallint NOT NULL CHECK (buckets BETWEEN 1 AND 1000),
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    exported_at timestamptz,
    manifest_sha256 bytea CHECK (length(manifest_sha256) = 32),
    readings bigint CHECK (readings > 0),
    bytes bigint CHECK (bytes > 0),
    verified_at timestamptz,
    verified_state bytea CHECK (length(verified_state) = 32),
    dropped_at timestamptz,
    PRIMARY KEY (day, part),
    CHECK (num_nulls(exported_at, manifest_sha256, readings, bytes) IN (0, 4)),
    CHECK (verified_at IS NULL OR exported_at IS NOT NULL),
    CHECK ((verified_at IS NULL) = (verified_state IS NULL)),
    CHECK (dropped_at IS NULL OR verified_at IS NOT NULL)
);
COMMENT ON TABLE cold_part IS 'Files of one UTC day of readings: what was there when it was exported is part 1, what came later is another part. A part is never edited.';
COMMENT ON COLUMN cold_part.folder IS 'The archive it lies in, as a path of the machine that exports and recomputes.';
COMMENT ON COLUMN cold_part.buckets IS 'Into so many folders its people are divided: see cold_bucket.';
COMMENT ON COLUMN cold_part.exported_at IS 'Null while it is being written: then nothing of it counts, and the next export starts it anew.';
COMMENT ON COLUMN cold_part.manifest_sha256 IS 'Of the manifest''s bytes, which name every file with its own.';
COMMENT ON COLUMN cold_part.verified_state IS 'state_of_day of the tables that the files were compared with.';
COMMENT ON COLUMN cold_part.dropped_at IS 'From then on its readings are in the files alone, and are read there.';

CREATE TABLE cold_content (
    day date NOT NULL,
    part smallint NOT NULL,
    reading_table text NOT NULL,
    bucket smallint NOT NULL,
    piece integer NOT NULL,
    patient_id integer NOT NULL,
    device_id integer NOT NULL,
    readings integer NOT NULL CHECK (readings > 0),
    content_sha256 bytea NOT NULL CHECK (length(content_sha256) = 32),
    PRIMARY KEY (device_id, day, reading_table, patient_id, part),
    FOREIGN KEY (day, part) REFERENCES cold_part ON DELETE CASCADE
);
CREATE INDEX ON cold_content (day, part);
COMMENT ON TABLE cold_content IS 'Which file holds the readings of which band of a day. To whom they belong is said by the assignments of today, not by this table.';
COMMENT ON COLUMN cold_content.piece IS 'Number of the file among those of its day, part, table and bucket.';
COMMENT ON COLUMN cold_content.patient_id IS 'Who was assigned when it was exported; unchecked, as device_id is.';
COMMENT ON COLUMN cold_content.content_sha256 IS 'content_hash of these readings in the tables; the file, read back, came to the same.';

CREATE FUNCTION cold_bucket(pseudonym text, buckets integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (
        (
            get_byte(h.sha256, 0)::bigint * 16777216 + get_byte(h.sha256, 1) * 65536
            + get_byte(h.sha256, 2) * 256 + get_byte(h.sha256, 3)
        ) % buckets
    )::integer
    FROM (SELECT sha256(convert_to(pseudonym, 'UTF8')) AS sha256) AS h;
END;
COMMENT ON FUNCTION cold_bucket IS 'Which of so many folders a person''s readings go to: the first 4 bytes of the SHA-256 of the pseudonym, big end first, modulo their number.';
REVOKE ALL ON FUNCTION cold_bucket FROM PUBLIC;

CREATE FUNCTION content_hash(
    pseudonym text, at timestamptz[], value double precision[], batch_id bigint[], stamp bigint[],
    has_stamp smallint[], span_ms integer[], flags smallint[]
) RETURNS bytea
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT sha256(
        convert_to(pseudonym, 'UTF8') || '\x00'::bytea
        || array_send(at) || array_send(value) || array_send(batch_id) || array_send(stamp)
        || array_send(has_stamp) || array_send(span_ms) || array_send(flags)
    );
END;
COMMENT ON FUNCTION content_hash IS 'SHA-256 of one band''s readings, column by column in PostgreSQL''s binary form; sorted as in day_content, so that it says what they are and not how they lie.';
REVOKE ALL ON FUNCTION content_hash FROM PUBLIC;

CREATE FUNCTION day_content(
    reading_table text, of_day date, buckets integer, of_bucket integer,
    devices integer[], with_readings boolean
) RETURNS TABLE (
    patient_id integer, pseudonym text, device_id integer, readings integer, content_sha256 bytea,
    at timestamptz[], value double precision[], batch_id bigint[], stamp bigint[],
    has_stamp smallint[], span_ms integer[], flags smallint[], sealed_ms bigint[]
)
LANGUAGE plpgsql STABLE
SET search_path = public, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
-- Rows are sorted once, below; nothing may bring them into another order on the way into arrays.
SET max_parallel_workers_per_gather = 0
SET enable_hashagg = off
SET work_mem = '64MB'
AS $$
DECLARE
    arrays text := CASE
        WHEN with_readings
            THEN 'at, value, batch_id, stamp, has_stamp, span_ms, flags, sealed_ms'
        ELSE 'NULL::timestamptz[], NULL::double precision[], NULL::bigint[], NULL::bigint[], '
            'NULL::smallint[], NULL::integer[], NULL::smallint[], NULL::bigint[]'
    END;
    -- Of readings with a stamp: which of two clocks of a band told a record first is said by it.
    sealed text := CASE
        WHEN with_readings THEN
            'CASE WHEN r.device_ts_ms IS NULL THEN 0 ELSE coalesce(('
            'SELECT (extract(epoch FROM b.sealed_at) * 1000)::bigint '
            'FROM batch AS b WHERE b.id = r.batch_id), 0) END'
        ELSE '0::bigint'
    END;
    bound_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    bound_to timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF reading_table NOT IN ('heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery') THEN
        RAISE invalid_parameter_value USING MESSAGE = 'no such reading table';
    END IF;
    -- Zero has one form: which of two the server kept says nothing, and they compare as equal.
    RETURN QUERY EXECUTE format(
        $query$
        WITH worn AS MATERIALIZED (
            SELECT a.device_id, a.patient_id, p.pseudonym, a.worn
            FROM device_assignment AS a
            JOIN patient AS p ON p.id = a.patient_id
            WHERE a.worn && tstzrange(%2$L, %3$L)
                AND ($2 IS NULL OR cold_bucket(p.pseudonym, $1) = $2)
                AND ($3 IS NULL OR a.device_id = ANY ($3))
        ),
        gathered AS (
            SELECT
                patient_id, pseudonym, device_id, count(*)::integer AS readings,
                array_agg(at) AS at, array_agg(value) AS value, array_agg(batch_id) AS batch_id,
                array_agg(stamp) AS stamp, array_agg(has_stamp) AS has_stamp,
                array_agg(span_ms) AS span_ms, array_agg(flags) AS flags,
                array_agg(sealed_ms) AS sealed_ms
            FROM (
                SELECT
                    w.patient_id, w.pseudonym, r.device_id, r.at,
                    r.value + 0::double precision AS value, r.batch_id,
                    coalesce(r.device_ts_ms, 0) AS stamp,
                    (r.device_ts_ms IS NOT NULL)::integer::smallint AS has_stamp,
                    r.span_ms, r.flags, %5$s AS sealed_ms
                FROM %1$I AS r
                JOIN worn AS w ON w.device_id = r.device_id AND w.worn @> r.at
                WHERE r.at >= %2$L AND r.at < %3$L
                    AND r.device_id = ANY (ARRAY (SELECT worn.device_id FROM worn))
                ORDER BY
                    r.device_id, w.patient_id, w.pseudonym, r.at, r.batch_id, stamp, has_stamp,
                    r.span_ms, r.flags, value
            ) AS sorted
            GROUP BY device_id, patient_id, pseudonym
        )
        SELECT
            patient_id, pseudonym, device_id, readings,
            content_hash(pseudonym, at, value, batch_id, stamp, has_stamp, span_ms, flags),
            %4$s
        FROM gathered
        $query$,
        reading_table, bound_from, bound_to, arrays, sealed
    ) USING buckets, of_bucket, devices;
END
$$;
COMMENT ON FUNCTION day_content IS 'The readings of a UTC day that belong to somebody, a row for each person and band: how many, their content_hash, and if asked for themselves, sorted by time, batch, stamp, span, flags and value; with a stamp also when the batch was sealed, ms UTC. Of one bucket, or of all where it is null; of these bands, or of all.';
REVOKE ALL ON FUNCTION day_content FROM PUBLIC;

CREATE FUNCTION partition_of_day(reading_table text, of_day date) RETURNS regclass
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    parent regclass := format('public.%I', reading_table)::regclass;
    found regclass;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = parent) = 'p' THEN
        RETURN (
            SELECT inhrelid::regclass
            FROM pg_inherits
            JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = parent
                AND relname = reading_table || to_char(of_day, '_YYYYMMDD')
        );
    END IF;
    EXECUTE
        'SELECT format(''%I.%I'', chunk_schema, chunk_name)::regclass '
        'FROM timescaledb_information.chunks '
        'WHERE hypertable_schema = ''public'' AND hypertable_name = $1 '
        'AND range_start = $2::timestamp AT TIME ZONE ''UTC'' '
        'AND range_end = ($2 + 1)::timestamp AT TIME ZONE ''UTC'''
    INTO found USING reading_table, of_day;
    RETURN found;
END
$$;
COMMENT ON FUNCTION partition_of_day IS 'The partition, or the chunk of the hypertable, that holds this UTC day of a reading table; null where there is none.';
REVOKE ALL ON FUNCTION partition_of_day FROM PUBLIC;

CREATE FUNCTION days_with_readings(before date) RETURNS SETOF date
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT to_date(right(relname, 8), 'YYYYMMDD') AS day
    FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = ANY (ARRAY[
            'public.heart_rate', 'public.steps', 'public.steps_counter', 'public.rr_interval',
            'public.battery'
        ]::regclass[])
        AND relname ~ '_[0-9]{8}$'
        AND to_date(right(relname, 8), 'YYYYMMDD') < before;
    IF (SELECT relkind FROM pg_class WHERE oid = 'public.heart_rate'::regclass) <> 'p' THEN
        RETURN QUERY EXECUTE
            'SELECT DISTINCT range_start::date FROM timescaledb_information.chunks '
            'WHERE hypertable_schema = ''public'' AND hypertable_name IN '
            '(''heart_rate'', ''steps'', ''steps_counter'', ''rr_interval'', ''battery'') '
            'AND range_start < $1::timestamp AT TIME ZONE ''UTC'''
            USING before;
    END IF;
END
$$;
COMMENT ON FUNCTION days_with_readings IS 'The UTC days before this one for which there is a partition or a chunk of any reading table.';
REVOKE ALL ON FUNCTION days_with_readings FROM PUBLIC;

CREATE FUNCTION state_of_day(of_day date) RETURNS bytea
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    reading_table text;
    said text;
    state text := '';
BEGIN
    FOREACH reading_table IN ARRAY
        ARRAY['battery', 'heart_rate', 'rr_interval', 'steps_counter', 'steps']
    LOOP
        EXECUTE format(
            'SELECT concat_ws('' '', %L, count(*), sum(batch_id)) FROM %I '
            'WHERE at >= %L AND at < %L',
            reading_table, reading_table,
            of_day::timestamp AT TIME ZONE 'UTC', (of_day + 1)::timestamp AT TIME ZONE 'UTC'
        ) INTO said;
        state := state || said || E'\n';
    END LOOP;
    SELECT state || coalesce(string_agg(
        concat_ws(' ', a.id, a.device_id, a.patient_id, a.worn), E'\n' ORDER BY a.id
    ), '')
    INTO state
    FROM device_assignment AS a
    WHERE a.worn && tstzrange(
        of_day::timestamp AT TIME ZONE 'UTC', (of_day + 1)::timestamp AT TIME ZONE 'UTC'
    );
    RETURN sha256(convert_to(state, 'UTF8'));
END
$$;
COMMENT ON FUNCTION state_of_day IS 'What must stay the same between the comparison of files with tables and the drop: how many readings of which batches the day has, and whose they are. Readings are only ever added whole batch by whole batch, so numbers are enough, and quick.';
REVOKE ALL ON FUNCTION state_of_day FROM PUBLIC;

CREATE FUNCTION drop_exported_day(of_day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET lock_timeout = '5s'
AS $$
DECLARE
    -- In the order in which a batch is copied, so that two never wait for each other in a circle.
    reading_tables text[] := ARRAY['battery', 'heart_rate', 'rr_interval', 'steps_counter', 'steps'];
    reading_table text;
    held regclass[] := '{}';
    piece regclass;
    number integer;
BEGIN
    IF NOT EXISTS (SELECT FROM public.cold_part WHERE day = of_day AND dropped_at IS NULL)
        OR EXISTS (
            SELECT FROM public.cold_part
            WHERE day = of_day AND dropped_at IS NULL AND verified_state IS NULL
        )
    THEN
        RETURN 'not_verified';
    END IF;
    -- Late batches for this day wait, those for other days do not.
    FOREACH reading_table IN ARRAY reading_tables LOOP
        piece := public.partition_of_day(reading_table, of_day);
        IF piece IS NOT NULL THEN
            EXECUTE format('LOCK TABLE %s IN SHARE MODE', piece);
        END IF;
        held := held || piece;
    END LOOP;
    IF EXISTS (
        SELECT FROM public.cold_part
        WHERE day = of_day AND dropped_at IS NULL
            AND verified_state <> public.state_of_day(of_day)
    ) THEN
        RETURN 'changed';
    END IF;
    FOR number IN 1 .. array_length(reading_tables, 1) LOOP
        CONTINUE WHEN held[number] IS NULL;
        IF (
            SELECT relkind FROM pg_class
            WHERE oid = format('public.%I', reading_tables[number])::regclass
        ) = 'p' THEN
            EXECUTE format(
                'ALTER TABLE public.%I DETACH PARTITION %s', reading_tables[number], held[number]
            );
            EXECUTE format('DROP TABLE %s', held[number]);
        ELSE
            EXECUTE format(
                'SELECT %s.drop_chunks(%L::regclass, older_than => %L::timestamptz, '
                'newer_than => %L::timestamptz)',
                (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'timescaledb'),
                format('public.%I', reading_tables[number]),
                (of_day + 1)::timestamp AT TIME ZONE 'UTC',
                of_day::timestamp AT TIME ZONE 'UTC'
            );
        END IF;
        IF EXISTS (SELECT FROM pg_class WHERE oid = held[number]) THEN
            RAISE 'a day of % was not dropped', reading_tables[number];
        END IF;
    END LOOP;
    UPDATE public.cold_part SET dropped_at = clock_timestamp()
    WHERE day = of_day AND dropped_at IS NULL;
    INSERT INTO public.dropped_day AS old (day, is_exported)
    VALUES (of_day, true)
    ON CONFLICT ON CONSTRAINT dropped_day_pkey DO UPDATE SET dropped_at = excluded.dropped_at;
    INSERT INTO public.audit (actor, action, subject, detail)
    SELECT
        'adhere db export', 'drop_exported_readings', 'day ' || of_day,
        jsonb_build_object('parts', jsonb_agg(part ORDER BY part), 'readings', sum(readings))
    FROM public.cold_part WHERE day = of_day;
    RETURN 'dropped';
END
$$;
COMMENT ON FUNCTION drop_exported_day IS 'Drop a UTC day out of the reading tables if it is, to the reading, what its files were compared with: ''dropped'', or ''changed'' or ''not_verified'' and nothing is done.';
REVOKE ALL ON FUNCTION drop_exported_day FROM PUBLIC;

GRANT SELECT, DELETE, INSERT (day, part, folder, buckets), UPDATE (
    exported_at, manifest_sha256, readings, bytes, verified_at, verified_state
) ON cold_part TO adhere_core;
GRANT SELECT, INSERT ON cold_content TO adhere_core;
GRANT SELECT ON cold_part, cold_content TO adhere_reports, adhere_operator;
GRANT EXECUTE ON FUNCTION
    cold_bucket, content_hash, day_content, partition_of_day, days_with_readings, state_of_day
TO adhere_core;
GRANT EXECUTE ON FUNCTION drop_exported_day TO adhere_operator;
-- A page says that readings are no longer there; which, and of whom, it does not ask.
GRANT SELECT ON dropped_day TO adhere_portal;
