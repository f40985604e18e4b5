-- name: copy_readings_of
-- Readings of patients in spans of time, by whoever was assigned then. Bands that are asked for the same
-- part of a UTC day are one group, and a group is one row that holds whole arrays: a message per
-- reading is what makes a plain COPY slow to read, and a look into the table per band is what makes
-- it slow to find, as a page holds readings of many. Day by day also means one partition at a time;
-- `earliest` and `latest` are constants, by which the planner leaves out all others.
-- Readings with a stamp of the band come apart, with the stamp, so that repeats can be told.
-- `heard_span` and `stamped_span` are arrays of spans, or null where nobody asks for them.
COPY (
    WITH piece AS MATERIALIZED (
        SELECT
            span.number,
            assignment.device_id,
            greatest(day.start_at, span.from_at, lower(assignment.worn)) AS from_at,
            least(day.start_at + interval '24 hours', span.to_at, upper(assignment.worn)) AS to_at
        FROM (
            SELECT
                number, patient_id,
                timestamptz 'epoch' + from_ms * interval '1 millisecond' AS from_at,
                timestamptz 'epoch' + to_ms * interval '1 millisecond' AS to_at
            FROM unnest(
                %(window)s::bigint[], %(patient_id)s::bigint[],
                %(from_ms)s::bigint[], %(to_ms)s::bigint[]
            ) AS given (number, patient_id, from_ms, to_ms)
        ) AS span
        JOIN device_assignment AS assignment
            ON assignment.patient_id = span.patient_id
            AND assignment.worn && tstzrange(span.from_at, span.to_at)
        CROSS JOIN LATERAL generate_series(
            date_trunc('day', greatest(span.from_at, lower(assignment.worn)), 'UTC'),
            least(span.to_at, upper(assignment.worn)),
            interval '24 hours'
        ) AS day (start_at)
    ),
    asked AS MATERIALIZED (
        SELECT
            from_at, to_at, array_agg(number) AS windows, array_agg(device_id) AS devices
        FROM piece
        GROUP BY from_at, to_at
    )
    SELECT
        asked.windows, asked.devices,
        reading.heard_device, reading.heard_at, reading.heard_value, reading.heard_span,
        reading.stamped_device, reading.stamped_at, reading.stamped_value, reading.stamped_span,
        reading.device_ts_ms
    FROM asked
    CROSS JOIN LATERAL (
        SELECT
            array_agg(device_id) FILTER (WHERE device_ts_ms IS NULL) AS heard_device,
            array_agg(at) FILTER (WHERE device_ts_ms IS NULL) AS heard_at,
            array_agg(value) FILTER (WHERE device_ts_ms IS NULL) AS heard_value,
            {heard_span} AS heard_span,
            array_agg(device_id) FILTER (WHERE device_ts_ms IS NOT NULL) AS stamped_device,
            array_agg(at) FILTER (WHERE device_ts_ms IS NOT NULL) AS stamped_at,
            array_agg(value) FILTER (WHERE device_ts_ms IS NOT NULL) AS stamped_value,
            {stamped_span} AS stamped_span,
            array_agg(device_ts_ms) FILTER (WHERE device_ts_ms IS NOT NULL) AS device_ts_ms
        FROM {reading_table}
        WHERE device_id = ANY (asked.devices)
            AND at >= asked.from_at
            AND at < asked.to_at
            AND at >= %(earliest)s::timestamptz
            AND at < %(latest)s::timestamptz
            AND span_ms <= %(longest_span_ms)s
            AND batch_id <> ALL (%(without)s::bigint[])
    ) AS reading
    WHERE reading.heard_at IS NOT NULL OR reading.stamped_at IS NOT NULL
) TO STDOUT (FORMAT BINARY);

-- name: copy_trace_readings
-- As copy_readings_of, by the ways of the pages: rows of the same columns.
COPY (
    SELECT * FROM trace_readings(
        %(window)s::bigint[], %(patient_id)s::integer[], %(from_ms)s::bigint[], %(to_ms)s::bigint[]
    )
) TO STDOUT (FORMAT BINARY);

-- name: copy_list_readings
COPY (
    SELECT * FROM list_readings(
        %(window)s::bigint[], %(patient_id)s::integer[], %(from_ms)s::bigint[], %(to_ms)s::bigint[]
    )
) TO STDOUT (FORMAT BINARY);

-- name: copy_week_readings
COPY (
    SELECT * FROM week_readings(
        %(reading_table)s, %(window)s::bigint[], %(patient_id)s::integer[], %(from_ms)s::bigint[],
        %(to_ms)s::bigint[], %(longest_span_ms)s
    )
) TO STDOUT (FORMAT BINARY);

-- name: bands_of
-- Which bands these patients wear, from when to when (null: open), and of which family they are.
SELECT
    a.id AS assignment_id,
    a.patient_id,
    a.device_id,
    (extract(epoch FROM lower(a.worn)) * 1000)::bigint AS from_ms,
    (extract(epoch FROM upper(a.worn)) * 1000)::bigint AS to_ms,
    d.family
FROM device_assignment AS a
JOIN device AS d ON d.id = a.device_id
WHERE a.patient_id = ANY (%(patients)s)
ORDER BY a.id;
