-- What is kept of readings that are deleted, so that their deletion changes nothing that stays: a band
-- that says them once more says nothing new. And a day leaves for files only when nobody's readings
-- have been here for their days.

CREATE TABLE said_before (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL,
    reading_table text NOT NULL,
    device_ts_ms bigint[] NOT NULL CHECK (cardinality(device_ts_ms) > 0),
    at timestamptz[] NOT NULL CHECK (cardinality(at) = cardinality(device_ts_ms)),
    sealed_at timestamptz[] NOT NULL CHECK (cardinality(sealed_at) = cardinality(device_ts_ms)),
    said bytea NOT NULL CHECK (length(said) = cardinality(device_ts_ms))
);
CREATE INDEX ON said_before (device_id);
COMMENT ON TABLE said_before IS 'Readings of band memory that are no longer in the tables, a row per band and deletion: enough to know one when the band says it again. Not their values.';
COMMENT ON COLUMN said_before.device_id IS 'Of device; unchecked, as that of unowned_span is.';
COMMENT ON COLUMN said_before.device_ts_ms IS 'The own stamps of the band, rising.';
COMMENT ON COLUMN said_before.at IS 'Where each was placed.';
COMMENT ON COLUMN said_before.sealed_at IS 'When the batch of each was sealed: who told a record first keeps it.';
COMMENT ON COLUMN said_before.said IS 'A said_byte of each.';

CREATE FUNCTION said_byte(device_ts_ms bigint, value double precision, span_ms integer) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT substr(
        sha256(int8send(device_ts_ms) || float8send(value + 0::double precision) || int4send(span_ms)),
        1, 1
    );
END;
COMMENT ON FUNCTION said_byte IS 'The first byte of the SHA-256 of stamp, value and span, big end first: two different values of a stamp have the same once in 256 times.';
REVOKE ALL ON FUNCTION said_byte FROM PUBLIC;

CREATE FUNCTION remember_said(reading_table text, of_day date) RETURNS void
LANGUAGE plpgsql
SET search_path = public, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
BEGIN
    EXECUTE format(
        $query$
        INSERT INTO said_before (device_id, reading_table, device_ts_ms, at, sealed_at, said)
        SELECT
            device_id, %1$L, array_agg(device_ts_ms ORDER BY place), array_agg(at ORDER BY place),
            array_agg(sealed_at ORDER BY place), string_agg(said, '' ORDER BY place)
        FROM (
            SELECT
                r.device_id, r.device_ts_ms, r.at, batch.sealed_at,
                said_byte(r.device_ts_ms, r.value, r.span_ms) AS said,
                row_number() OVER (PARTITION BY r.device_id ORDER BY r.device_ts_ms, r.at) AS place
            FROM %1$I AS r
            JOIN batch ON batch.id = r.batch_id
            WHERE r.at >= %2$L AND r.at < %3$L AND r.device_ts_ms IS NOT NULL
        ) AS stamped
        GROUP BY device_id
        $query$,
        reading_table,
        of_day::timestamp AT TIME ZONE 'UTC', (of_day + 1)::timestamp AT TIME ZONE 'UTC'
    );
END
$$;
COMMENT ON FUNCTION remember_said IS 'Keep of a UTC day of a reading table what stands in said_before, before the day is dropped.';
REVOKE ALL ON FUNCTION remember_said FROM PUBLIC;

-- What repeated a reading that was deleted before this was kept stays a repeat.
ALTER TABLE said_again ADD COLUMN is_settled boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN said_again.is_settled IS 'Not computed anew: when it was found, nothing was kept yet of deleted readings, and what it repeats may be gone.';
UPDATE said_again SET is_settled = true
WHERE EXISTS (SELECT FROM purged) OR EXISTS (SELECT FROM dropped_day);

CREATE OR REPLACE FUNCTION drop_reading_day(day date) RETURNS integer
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
    piece regclass;
    these integer;
    dropped integer := 0;
BEGIN
    -- A late batch for this day waits: what came after it was remembered would be dropped unseen.
    FOREACH reading_table IN ARRAY ARRAY['heart_rate', 'steps_counter', 'steps'] LOOP
        piece := public.partition_of_day(reading_table, drop_reading_day.day);
        IF piece IS NOT NULL THEN
            EXECUTE format('LOCK TABLE %s IN SHARE MODE', piece);
            PERFORM public.remember_said(reading_table, drop_reading_day.day);
        END IF;
    END LOOP;
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
COMMENT ON FUNCTION drop_reading_day IS 'Drop a UTC day of all reading tables for good, and remember it, and what it takes to know its readings again; return how many partitions or chunks that were.';

CREATE OR REPLACE FUNCTION purge_unowned(of_device integer, came_before date)
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
    remembered text[] := ARRAY['heart_rate', 'steps', 'steps_counter'];
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
                    $query$
                    WITH gone AS (
                        DELETE FROM public.%1$I
                        WHERE device_id = %2$s AND batch_id <= %3$s
                            AND at >= %4$L::timestamptz AND at < %5$L::timestamptz
                        RETURNING batch_id, at, device_ts_ms, value, span_ms
                    ),
                    remembered AS (
                        INSERT INTO public.said_before (
                            device_id, reading_table, device_ts_ms, at, sealed_at, said
                        )
                        SELECT
                            %2$s, %1$L, array_agg(stamp ORDER BY place),
                            array_agg(placed_at ORDER BY place),
                            array_agg(batch_sealed_at ORDER BY place),
                            string_agg(byte, '' ORDER BY place)
                        FROM (
                            SELECT
                                gone.device_ts_ms AS stamp, gone.at AS placed_at,
                                batch.sealed_at AS batch_sealed_at,
                                said_byte(gone.device_ts_ms, gone.value, gone.span_ms) AS byte,
                                row_number() OVER (ORDER BY gone.device_ts_ms, gone.at) AS place
                            FROM gone
                            JOIN batch ON batch.id = gone.batch_id
                            WHERE gone.device_ts_ms IS NOT NULL AND %6$L
                        ) AS stamped
                        HAVING count(*) > 0
                    ),
                    counts AS (SELECT batch_id, count(*) AS n FROM gone GROUP BY batch_id)
                    SELECT coalesce(array_agg(batch_id), '{}'), coalesce(array_agg(n), '{}')
                    FROM counts
                    $query$,
                    reading_table, of_device, span.until_batch_id,
                    coalesce(lower(gap), '-infinity'), coalesce(upper(gap), 'infinity'),
                    reading_table = ANY (remembered)
                ) INTO batches, counted;
                -- Readings of later batches may stay, and repeat what they repeated.
                EXECUTE format(
                    'DELETE FROM said_again AS old '
                    'WHERE old.device_id = %2$s AND old.reading_table = %1$L AND old.at <@ %3$L::tstzrange '
                    'AND NOT EXISTS (SELECT FROM public.%1$I AS r '
                    'WHERE (r.device_id, r.at, r.device_ts_ms, r.value, r.span_ms) '
                    '= (old.device_id, old.at, old.device_ts_ms, old.value, old.span_ms))',
                    reading_table, of_device, gap
                );
                INSERT INTO purged AS old (batch_id, readings)
                SELECT of_batch, n FROM unnest(batches, counted) AS come (of_batch, n)
                ON CONFLICT ON CONSTRAINT purged_pkey DO UPDATE
                SET readings = old.readings + excluded.readings;
                readings := readings + coalesce((SELECT sum(n) FROM unnest(counted) AS c (n)), 0);
                all_batches := all_batches || batches;
            END LOOP;
            UPDATE cold_part SET has_unowned = true
            FROM cold_content
            WHERE cold_content.device_id = of_device
                AND (cold_content.day, cold_content.part) = (cold_part.day, cold_part.part)
                AND cold_part.dropped_at IS NOT NULL
                AND gap && tstzrange(
                    cold_part.day::timestamp AT TIME ZONE 'UTC',
                    (cold_part.day + 1)::timestamp AT TIME ZONE 'UTC'
                );
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

CREATE FUNCTION nobody_since(of_day date) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    reading_table text;
    since timestamptz;
    newest timestamptz := '-infinity';
BEGIN
    FOREACH reading_table IN ARRAY
        ARRAY['battery', 'heart_rate', 'rr_interval', 'steps_counter', 'steps']
    LOOP
        -- Whoever came late, and what an assignment left to nobody since it came.
        EXECUTE format(
            $query$
            WITH nobodys AS MATERIALIZED (
                SELECT r.device_id, r.batch_id, min(r.at) AS first_at, max(r.at) AS last_at
                FROM %1$I AS r
                WHERE r.at >= %2$L AND r.at < %3$L
                    AND NOT EXISTS (
                        SELECT FROM device_assignment AS a
                        WHERE a.device_id = r.device_id AND a.worn @> r.at
                    )
                GROUP BY r.device_id, r.batch_id
            )
            SELECT greatest(
                (SELECT max(b.committed_at) FROM nobodys AS n JOIN batch AS b ON b.id = n.batch_id),
                (
                    SELECT max(left_by.came_on + 1)::timestamptz
                    FROM nobodys AS n
                    JOIN unowned_span AS left_by
                        ON left_by.device_id = n.device_id
                        AND left_by.until_batch_id >= n.batch_id
                        AND left_by.during && tstzrange(n.first_at, n.last_at, '[]')
                )
            )
            $query$,
            reading_table,
            of_day::timestamp AT TIME ZONE 'UTC', (of_day + 1)::timestamp AT TIME ZONE 'UTC'
        ) INTO since;
        newest := greatest(newest, since);
    END LOOP;
    RETURN newest;
END
$$;
COMMENT ON FUNCTION nobody_since IS 'Since when the newest readings of nobody on a UTC day are here as nobody''s: when they came, or the end of the day on which the assignment that covered them was taken back; -infinity where there are none.';
REVOKE ALL ON FUNCTION nobody_since FROM PUBLIC;

ALTER TABLE cold_part ADD COLUMN has_unowned boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN cold_part.has_unowned IS 'Of a dropped part: it may hold readings that have been nobody''s for their days; the next purge of the archive looks.';
UPDATE cold_part SET has_unowned = true WHERE dropped_at IS NOT NULL;

DROP FUNCTION drop_exported_day(date);
CREATE FUNCTION drop_exported_day(of_day date, nobody_days integer) RETURNS text
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
    -- Whoever takes an assignment back has these days to enter whose the readings were.
    IF public.nobody_since(of_day) > clock_timestamp() - nobody_days * interval '1 day' THEN
        RETURN 'too_young';
    END IF;
    FOREACH reading_table IN ARRAY ARRAY['heart_rate', 'steps_counter', 'steps'] LOOP
        PERFORM public.remember_said(reading_table, of_day);
    END LOOP;
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
    -- What was purged from the tables after its export is in the files yet.
    UPDATE public.cold_part
    SET dropped_at = clock_timestamp(),
        has_unowned = EXISTS (
            SELECT FROM public.cold_content
            WHERE (cold_content.day, cold_content.part) = (cold_part.day, cold_part.part)
                AND NOT tstzrange(
                    of_day::timestamp AT TIME ZONE 'UTC', (of_day + 1)::timestamp AT TIME ZONE 'UTC'
                ) <@ coalesce(
                    (
                        SELECT range_agg(held.worn) FROM public.device_assignment AS held
                        WHERE held.device_id = cold_content.device_id
                    ),
                    '{}'
                )
        )
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
COMMENT ON FUNCTION drop_exported_day IS 'Drop a UTC day out of the reading tables if it is, to the reading, what its files were compared with, and readings of nobody on it have been nobody''s for so many days: ''dropped'', or ''changed'', ''not_verified'' or ''too_young'' and nothing is done.';
REVOKE ALL ON FUNCTION drop_exported_day FROM PUBLIC;

CREATE FUNCTION hold_bands(devices integer[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
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
    PERFORM FROM device WHERE id = ANY (devices) ORDER BY id FOR UPDATE;
    PERFORM FROM device_assignment WHERE device_id = ANY (devices) ORDER BY id FOR UPDATE;
    RETURN (SELECT count(*) FROM device_assignment WHERE device_id = ANY (devices));
END
$$;
COMMENT ON FUNCTION hold_bands IS 'Let nobody assign these bands, or change whose they were, until the transaction ends: a new assignment refers to the device, a changed one is locked. Return of how many assignments they have: whoever sees fewer must delete nothing.';
REVOKE ALL ON FUNCTION hold_bands FROM PUBLIC;

CREATE FUNCTION replace_cold_part(
    of_day date, old_part smallint, new_part smallint, purged_readings bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    old cold_part%ROWTYPE;
BEGIN
    SELECT * INTO old FROM cold_part
    WHERE day = of_day AND part = old_part AND dropped_at IS NOT NULL
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE invalid_parameter_value USING MESSAGE = 'only a dropped part is replaced';
    END IF;
    IF new_part IS NOT NULL THEN
        UPDATE cold_part
        SET verified_at = clock_timestamp(), verified_state = old.verified_state,
            dropped_at = old.dropped_at
        WHERE day = of_day AND part = new_part AND exported_at IS NOT NULL AND dropped_at IS NULL
            AND readings = old.readings - purged_readings;
        IF NOT FOUND THEN
            RAISE invalid_parameter_value USING MESSAGE = 'the new part is not the rest of the old';
        END IF;
    ELSIF purged_readings <> old.readings THEN
        RAISE invalid_parameter_value USING MESSAGE = 'readings of the old part are left';
    END IF;
    DELETE FROM cold_content WHERE day = of_day AND part = old_part;
    -- As of an export that was killed: its files are removed, then the row.
    UPDATE cold_part
    SET exported_at = NULL, manifest_sha256 = NULL, readings = NULL, bytes = NULL,
        verified_at = NULL, verified_state = NULL, dropped_at = NULL, has_unowned = false
    WHERE day = of_day AND part = old_part;
    INSERT INTO audit (actor, action, subject, detail)
    VALUES (
        'adhere db export', 'purge_exported_readings', format('day %s part %s', of_day, old_part),
        jsonb_build_object('by', new_part, 'readings', purged_readings)
    );
END
$$;
COMMENT ON FUNCTION replace_cold_part IS 'Let another part count instead of a dropped one that had readings of nobody, or none where it had no others; the old one becomes as one that was never finished.';
REVOKE ALL ON FUNCTION replace_cold_part FROM PUBLIC;

GRANT UPDATE (has_unowned) ON cold_part TO adhere_core;
GRANT SELECT, INSERT (device_id, reading_table, device_ts_ms, at, sealed_at, said) ON said_before
TO adhere_core;
-- Whoever exports drops: it is one command, and the files' own account.
GRANT EXECUTE ON FUNCTION
    drop_exported_day, hold_bands, nobody_since, replace_cold_part
TO adhere_core;
