-- Band memory counts once, whatever the band's clock was taken to show when it was read.
-- Ingest says which offsets it saw, the night gathers them: nearly all bands have one clock for good.
-- For the few others the night finds, stamp by stamp, what was said again.
CREATE TABLE clock_heard (
    device_id integer NOT NULL,
    least_ms bigint NOT NULL,
    greatest_ms bigint NOT NULL
);
COMMENT ON TABLE clock_heard IS 'Per stored batch and band the offsets of its clock, as far as it gives stamps; the nightly recomputation deletes what it has claimed.';
COMMENT ON COLUMN clock_heard.least_ms IS 'The least time of a reading minus the stamp of the band for it.';

CREATE TABLE band_clock (
    device_id integer PRIMARY KEY,
    least_ms bigint NOT NULL,
    greatest_ms bigint NOT NULL
);
COMMENT ON TABLE band_clock IS 'Between what offsets the clock of a band was taken to be, in all its readings with stamps. Close together: it has one clock, and a stamp means one time.';

CREATE TABLE said_again (
    reading_table text NOT NULL,
    device_id integer NOT NULL,
    device_ts_ms bigint NOT NULL,
    at timestamptz NOT NULL,
    value double precision NOT NULL,
    span_ms integer NOT NULL,
    PRIMARY KEY (device_id, reading_table, device_ts_ms, at, value, span_ms)
);
COMMENT ON TABLE said_again IS 'Readings of band memory that had been read before, under another clock: kept as they came, and counted nowhere. Computed anew whenever such a band gives more.';
COMMENT ON COLUMN said_again.device_ts_ms IS 'The own stamp of the band: the same as that of the reading that counts.';
COMMENT ON COLUMN said_again.at IS 'Where the repeated reading was placed.';

-- What was stored before: the next night looks at it.
DO $$
DECLARE
    reading_table text;
BEGIN
    FOREACH reading_table IN ARRAY ARRAY['heart_rate', 'steps', 'steps_counter'] LOOP
        EXECUTE format(
            'INSERT INTO clock_heard (device_id, least_ms, greatest_ms) '
            'SELECT device_id, min(o), max(o) '
            'FROM (SELECT device_id, '
            '(extract(epoch FROM at) * 1000)::bigint - device_ts_ms AS o '
            'FROM public.%I WHERE device_ts_ms IS NOT NULL) AS offsets '
            'GROUP BY device_id',
            reading_table
        );
    END LOOP;
END
$$;
