-- One table per quantity, all of one shape, by day (UTC).
-- Where the server has TimescaleDB loaded they are hypertables, which make their own days. Elsewhere
-- they are partitioned by range, and `ensure_reading_days` makes the days that a batch needs:
-- recordings may be years old, so no fixed calendar of partitions would do.
-- No foreign keys and one index: a reading costs what a COPY costs.
DO $$
DECLARE
    reading_table text;
    -- This setting exists only where the server loaded the library at its start.
    has_timescale boolean :=
        EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
        AND current_setting('timescaledb.disable_load', true) IS NOT NULL;
BEGIN
    IF has_timescale THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
    END IF;
    FOREACH reading_table IN ARRAY
        ARRAY['heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery']
    LOOP
        EXECUTE format(
            'CREATE TABLE public.%I ('
            'at timestamptz NOT NULL, '
            'value double precision NOT NULL, '
            'batch_id bigint NOT NULL, '
            'device_ts_ms bigint, '
            'device_id integer NOT NULL, '
            'span_ms integer NOT NULL, '
            'flags smallint NOT NULL)%s',
            reading_table,
            CASE WHEN has_timescale THEN '' ELSE ' PARTITION BY RANGE (at)' END
        );
        EXECUTE format(
            'CREATE INDEX %I ON public.%I (device_id, at)',
            reading_table || '_device_id_at_idx', reading_table
        );
        IF has_timescale THEN
            PERFORM create_hypertable(
                format('public.%I', reading_table)::regclass,
                'at',
                chunk_time_interval => interval '1 day',
                create_default_indexes => false
            );
        END IF;
        EXECUTE format(
            'COMMENT ON COLUMN public.%I.at IS '
            '''When it was true, after any correction of the clock; a span starts here.''',
            reading_table
        );
        EXECUTE format(
            'COMMENT ON COLUMN public.%I.device_ts_ms IS '
            '''The own stamp of the band, untouched; null where it gives none.''',
            reading_table
        );
        EXECUTE format(
            'COMMENT ON COLUMN public.%I.span_ms IS ''The time it stands for; 0 for an instant.''',
            reading_table
        );
        EXECUTE format(
            'COMMENT ON COLUMN public.%I.flags IS '
            '''Bits: 1 contact is known, 2 contact, 4 suspect, 8 time of hearing, 16 clock suspect.''',
            reading_table
        );
    END LOOP;
END
$$;
COMMENT ON TABLE heart_rate IS 'Heart rate in beats per minute, as the band gave it: range and spikes are judged by the core (C2, C4).';
COMMENT ON TABLE steps IS 'Steps over a span. Only spans of at most 60 s feed the minute rules (C15, C16).';
COMMENT ON TABLE steps_counter IS 'Running totals of steps as bands give them; increments are made of the union of all gateways.';
COMMENT ON TABLE rr_interval IS 'Milliseconds between two beats.';
COMMENT ON TABLE battery IS 'Charge of the band in percent.';

CREATE FUNCTION ensure_reading_days(reading_table text, days date[]) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    parent regclass;
    day date;
    partition_name text;
    made integer := 0;
BEGIN
    IF reading_table NOT IN ('heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery') THEN
        RAISE invalid_parameter_value USING MESSAGE = 'no such reading table';
    END IF;
    parent := format('public.%I', reading_table)::regclass;
    IF (SELECT relkind FROM pg_class WHERE oid = parent) <> 'p' THEN
        RETURN 0; -- a hypertable
    END IF;
    IF NOT EXISTS (
        SELECT FROM unnest(days) AS wanted (day)
        WHERE to_regclass(format('public.%I', reading_table || to_char(wanted.day, '_YYYYMMDD'))) IS NULL
    ) THEN
        RETURN 0;
    END IF;
    -- One maker at a time; readers and writers of the table go on.
    EXECUTE format('LOCK TABLE ONLY public.%I IN SHARE UPDATE EXCLUSIVE MODE', reading_table);
    FOR day IN SELECT DISTINCT wanted.day FROM unnest(days) AS wanted (day) ORDER BY 1 LOOP
        partition_name := reading_table || to_char(day, '_YYYYMMDD');
        -- Asked again: somebody may have made it while this one waited.
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_class
            WHERE relname = partition_name AND relnamespace = 'public'::regnamespace
        );
        -- ATTACH, not PARTITION OF: that would shut every reader and writer out meanwhile.
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I)', partition_name, reading_table);
        EXECUTE format(
            'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            reading_table,
            partition_name,
            day::timestamp AT TIME ZONE 'UTC',
            (day + 1)::timestamp AT TIME ZONE 'UTC'
        );
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION ensure_reading_days IS 'Make the partitions of these UTC days where they are missing; return how many were made.';
REVOKE ALL ON FUNCTION ensure_reading_days FROM PUBLIC;
