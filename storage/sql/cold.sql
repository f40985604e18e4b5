-- name: copy_day_content
-- The readings of a day that belong to somebody, one row for each person and band.
COPY (
    SELECT * FROM day_content(
        %(reading_table)s, %(day)s::date, %(buckets)s, %(bucket)s::integer,
        %(devices)s::integer[], %(with_readings)s
    )
) TO STDOUT (FORMAT BINARY);

-- name: copy_day_readings
-- All readings of these bands on a day, whoever they belong to, if to anybody.
SELECT
    device_id,
    ((extract(epoch FROM at) - 946684800) * 1000000)::bigint,
    batch_id, device_ts_ms, span_ms, flags, value + 0::double precision
FROM {reading_table}
WHERE at >= %(day)s::timestamp AT TIME ZONE 'UTC'
    AND at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
    AND device_id = ANY (%(devices)s);

-- name: days_with_readings
SELECT DISTINCT day FROM days_with_readings(%(before)s) AS day ORDER BY day;

-- name: cold_parts
-- The finished parts, of one day or of all.
SELECT
    day, part, folder, buckets, exported_at, manifest_sha256, readings, bytes, verified_at, dropped_at
FROM cold_part
WHERE exported_at IS NOT NULL AND (%(day)s::date IS NULL OR day = %(day)s)
ORDER BY day, part;

-- name: unfinished_cold_parts
SELECT day, part, folder FROM cold_part WHERE exported_at IS NULL ORDER BY day, part;

-- name: begin_cold_part
INSERT INTO cold_part (day, part, folder, buckets)
SELECT %(day)s, coalesce(max(part), 0) + 1, %(folder)s, %(buckets)s
FROM cold_part WHERE day = %(day)s
RETURNING part;

-- name: forget_cold_part
DELETE FROM cold_part WHERE day = %(day)s AND part = %(part)s AND exported_at IS NULL;

-- name: finish_cold_part
UPDATE cold_part
SET exported_at = clock_timestamp(), manifest_sha256 = %(manifest_sha256)s,
    readings = %(readings)s, bytes = %(bytes)s
WHERE day = %(day)s AND part = %(part)s AND exported_at IS NULL;

-- name: copy_cold_content
COPY cold_content (
    day, part, reading_table, bucket, piece, patient_id, device_id, readings, content_sha256
) FROM STDIN;

-- name: cold_content_of_day
SELECT part, reading_table, bucket, piece, patient_id, device_id, readings, content_sha256
FROM cold_content WHERE day = %(day)s
ORDER BY part, reading_table, bucket, piece, device_id, patient_id;

-- name: verified_cold_parts
UPDATE cold_part
SET verified_at = clock_timestamp(), verified_state = %(state)s
WHERE day = %(day)s AND part = ANY (%(parts)s) AND exported_at IS NOT NULL;

-- name: state_of_day
SELECT state_of_day(%(day)s);

-- name: nobody_since
-- Since when the newest readings of nobody on this day are nobody's; null: there are none.
SELECT nullif(nobody_since(%(day)s), '-infinity');

-- name: worn_on_day
-- By whom these bands were worn on a day: from and to, in the server's own microseconds since 2000.
SELECT
    device_id,
    ((extract(epoch FROM greatest(lower(worn), %(day)s::timestamp AT TIME ZONE 'UTC')) - 946684800)
        * 1000000)::bigint AS from_us,
    ((extract(epoch FROM least(upper(worn), (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'))
        - 946684800) * 1000000)::bigint AS to_us
FROM device_assignment
WHERE device_id = ANY (%(devices)s)
    AND worn && tstzrange(
        %(day)s::timestamp AT TIME ZONE 'UTC', (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
    )
ORDER BY 1, 2, 3;

-- name: not_worn_all_day
-- The bands in these parts of a day that nobody wore for some of it.
SELECT DISTINCT c.device_id
FROM cold_content AS c
WHERE c.day = %(day)s AND c.part = ANY (%(parts)s)
    AND NOT tstzrange(
        %(day)s::timestamp AT TIME ZONE 'UTC', (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
    ) <@ coalesce(
        (SELECT range_agg(a.worn) FROM device_assignment AS a WHERE a.device_id = c.device_id), '{}'
    )
ORDER BY c.device_id;

-- name: waiting_on_day
-- When on a day a band's readings may still become somebody's, in the server's own microseconds since
-- 2000: an assignment of then was taken back on that day or later.
SELECT
    device_id,
    ((extract(epoch FROM greatest(lower(during), %(day)s::timestamp AT TIME ZONE 'UTC')) - 946684800)
        * 1000000)::bigint AS from_us,
    ((extract(epoch FROM least(upper(during), (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'))
        - 946684800) * 1000000)::bigint AS to_us
FROM unowned_span
WHERE device_id = %(device)s
    AND came_on >= %(came_before)s
    AND during && tstzrange(
        %(day)s::timestamp AT TIME ZONE 'UTC', (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
    )
ORDER BY 1, 2, 3;

-- name: cold_parts_with_unowned
SELECT day, part FROM cold_part WHERE has_unowned AND dropped_at IS NOT NULL ORDER BY day, part;

-- name: have_no_unowned
UPDATE cold_part SET has_unowned = false WHERE day = %(day)s AND part = %(part)s;

-- name: hold_bands
SELECT hold_bands(%(devices)s);

-- name: count_assignments_of_bands
SELECT count(*) FROM device_assignment WHERE device_id = ANY (%(devices)s);

-- name: replace_cold_part
SELECT replace_cold_part(%(day)s, %(part)s::smallint, %(by)s::smallint, %(readings)s);

-- name: drop_exported_day
SELECT drop_exported_day(%(day)s, %(nobody_days)s);

-- name: are_days_cold
-- Whether readings of these UTC days are in files alone.
SELECT EXISTS (
    SELECT FROM cold_part
    WHERE dropped_at IS NOT NULL AND day BETWEEN %(first)s::date AND %(last)s::date
);

-- name: cold_files_of
-- The files with readings of patients in spans of time, by whoever was assigned then, and of each file
-- which band is asked for, from when to when.
SELECT
    c.day, c.part, p.folder, p.manifest_sha256, c.bucket, c.piece,
    given.number, a.device_id,
    (extract(epoch FROM greatest(given.from_at, lower(a.worn))) * 1000)::bigint AS from_ms,
    (extract(epoch FROM least(given.to_at, upper(a.worn))) * 1000)::bigint AS to_ms
FROM (
    SELECT
        number, patient_id,
        timestamptz 'epoch' + from_ms * interval '1 millisecond' AS from_at,
        timestamptz 'epoch' + to_ms * interval '1 millisecond' AS to_at
    FROM unnest(
        %(window)s::bigint[], %(patient_id)s::bigint[], %(from_ms)s::bigint[], %(to_ms)s::bigint[]
    ) AS span (number, patient_id, from_ms, to_ms)
) AS given
JOIN device_assignment AS a
    ON a.patient_id = given.patient_id AND a.worn && tstzrange(given.from_at, given.to_at)
JOIN cold_content AS c
    ON c.device_id = a.device_id
    AND c.reading_table = %(reading_table)s
    AND c.day >= (greatest(given.from_at, lower(a.worn)) AT TIME ZONE 'UTC')::date
    AND c.day <= (least(given.to_at, upper(a.worn)) AT TIME ZONE 'UTC')::date
JOIN cold_part AS p ON p.day = c.day AND p.part = c.part AND p.dropped_at IS NOT NULL
GROUP BY
    c.day, c.part, p.folder, p.manifest_sha256, c.bucket, c.piece,
    given.number, a.device_id, given.from_at, given.to_at, a.worn
ORDER BY c.day, c.part, c.bucket, c.piece;

-- name: cold_files_of_bands
-- The files of dropped parts with readings of these bands, and which of the bands each has.
SELECT
    c.reading_table, c.day, c.part, p.folder, p.manifest_sha256, c.bucket, c.piece,
    array_agg(DISTINCT c.device_id)
FROM cold_content AS c
JOIN cold_part AS p ON p.day = c.day AND p.part = c.part AND p.dropped_at IS NOT NULL
WHERE c.device_id = ANY (%(devices)s)
    AND c.reading_table IN ('heart_rate', 'steps', 'steps_counter')
GROUP BY c.reading_table, c.day, c.part, p.folder, p.manifest_sha256, c.bucket, c.piece
ORDER BY c.day, c.part, c.reading_table, c.bucket, c.piece;

-- name: are_readings_gone
-- Whether any UTC day of this time was dropped out of the tables, into files or for good.
SELECT EXISTS (
    SELECT FROM dropped_day
    WHERE day >= (%(from_at)s AT TIME ZONE 'UTC')::date
        AND day <= ((%(to_at)s - interval '1 microsecond') AT TIME ZONE 'UTC')::date
);
