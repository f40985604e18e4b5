-- The ledger counts on, whatever a box says; and a refused message does not outlive what it held.
ALTER TABLE ledger_finding DROP CONSTRAINT ledger_finding_kind_check;
ALTER TABLE ledger_finding ADD CONSTRAINT ledger_finding_kind_check CHECK (kind IN (
    'broken_chain', 'count_contradicts', 'forked_spool', 'unread_keys', 'number_too_high'
));
COMMENT ON COLUMN ledger_finding.kind IS 'broken_chain: the batch before it has another hash than it says. count_contradicts: nor has it as many readings. forked_spool: another content came for a place that is taken. unread_keys: its program is newer than the hub''s. number_too_high: no box can have sealed so many batches.';
COMMENT ON FUNCTION ledger_count(bigint) IS 'A count by a box, or the number of a batch; null where it cannot be one: a thousand a second take 34 years to come so far. So no box can make a sum overflow.';

-- What was declared lost explains what is missing before the batch that says so, and nothing later.
CREATE TABLE ledger_declared (
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    lost_sealed bigint NOT NULL CHECK (lost_sealed >= 0),
    released bigint NOT NULL CHECK (released >= 0),
    seq bigint NOT NULL,
    PRIMARY KEY (gateway_id, boot, lost_sealed, released)
);
COMMENT ON TABLE ledger_declared IS 'Readings that a spool has declared lost of what it had sealed: with which batch it first said each total.';
COMMENT ON COLUMN ledger_declared.lost_sealed IS 'Damaged on its disk, over the life of the spool file.';
COMMENT ON COLUMN ledger_declared.released IS 'Given up of what was refused here, over the life of the spool file.';
INSERT INTO ledger_declared (gateway_id, boot, lost_sealed, released, seq)
SELECT gateway_id, boot, lost_sealed, released, min(seq)
FROM (
    SELECT
        gateway_id, boot, seq, coalesce(ledger_count(sealed), 0) AS lost_sealed,
        coalesce(ledger_count(released), 0) AS released
    FROM declared_loss
    JOIN batch ON batch.id = batch_id
    WHERE ledger_count(seq) IS NOT NULL
) AS said
WHERE lost_sealed + released > 0
GROUP BY gateway_id, boot, lost_sealed, released;

-- Letters: what they held does not stay for ever, and which batch one became.
ALTER TABLE dead_letter
    ALTER COLUMN bytes DROP NOT NULL,
    ADD COLUMN bytes_dropped_at timestamptz,
    ADD COLUMN batch_id bigint REFERENCES batch,
    ADD CHECK ((bytes IS NULL) = (bytes_dropped_at IS NOT NULL));
CREATE INDEX ON dead_letter (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX ON dead_letter (first_seen_at) WHERE bytes_dropped_at IS NULL;
COMMENT ON TABLE dead_letter IS 'What could not be taken, and the reason; the same thing again only counts up. Its bytes stay until they are stored, or too old.';
COMMENT ON COLUMN dead_letter.bytes IS 'What came, cut at a limit; `full_length` and `sha256` are of the whole. Empty of a gateway''s state: such are counted, not kept. Null: dropped.';
COMMENT ON COLUMN dead_letter.bytes_dropped_at IS 'When the bytes were dropped: stored by a retry, or older than config/retention.toml lets them be. Null: they are here.';
COMMENT ON COLUMN dead_letter.batch_id IS 'The batch that a retry made of it; null: none did.';
UPDATE dead_letter SET bytes = NULL, bytes_dropped_at = clock_timestamp()
WHERE retry_outcome IN ('stored', 'duplicate');

CREATE FUNCTION drop_letter_bytes(came_before timestamptz, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        UPDATE dead_letter
        SET bytes = NULL, bytes_dropped_at = clock_timestamp()
        WHERE id IN (
            SELECT old.id
            FROM dead_letter AS old
            WHERE old.first_seen_at < came_before AND old.bytes_dropped_at IS NULL
            LIMIT most
        )
        RETURNING 1
    )
    SELECT count(*) FROM gone;
END;
COMMENT ON FUNCTION drop_letter_bytes IS 'Drop the bytes of at most so many letters that first came before; the letters stay. Return how many that were.';
REVOKE ALL ON FUNCTION drop_letter_bytes FROM PUBLIC;

CREATE OR REPLACE FUNCTION ledger_catch_up(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    ids bigint[];
    all_ids bigint[];
BEGIN
    -- One at a time: two neighbours of one chain must not be counted side by side.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('adhere.ledger', 0)) THEN
        RETURN NULL;
    END IF;
    WITH counted AS (
        DELETE FROM ledger_due
        WHERE ctid = ANY (ARRAY(SELECT ctid FROM ledger_due LIMIT most))
        RETURNING batch_id
    )
    SELECT array_agg(batch_id) INTO all_ids FROM counted;
    IF all_ids IS NULL THEN
        RETURN 0;
    END IF;

    INSERT INTO ledger_hour AS kept (gateway_id, hour, batches, readings, quarantined, clock_suspect)
    SELECT
        gateway_id, date_bin('1 hour', ledger_time(sealed_at, committed_at), timestamptz 'epoch'),
        count(*), sum(reading_count), sum(quarantined_count), coalesce(sum(of_no_time.readings), 0)
    FROM batch
    LEFT JOIN LATERAL (
        SELECT count(*) AS readings
        FROM quarantined_reading
        WHERE batch_id = batch.id AND reason = 'clock_suspect'
    ) AS of_no_time ON quarantined_count > 0
    WHERE id = ANY (all_ids)
    GROUP BY 1, 2
    ON CONFLICT (gateway_id, hour) DO UPDATE
    SET batches = kept.batches + excluded.batches,
        readings = kept.readings + excluded.readings,
        quarantined = kept.quarantined + excluded.quarantined,
        clock_suspect = kept.clock_suspect + excluded.clock_suspect;

    -- A number that no box can have come to is here, and says nothing about its neighbours.
    INSERT INTO ledger_finding (kind, gateway_id, boot, seq)
    SELECT 'number_too_high', gateway_id, boot, seq
    FROM batch
    WHERE id = ANY (all_ids) AND ledger_count(seq) IS NULL
    ON CONFLICT DO NOTHING;
    SELECT array_agg(id) INTO ids
    FROM batch
    WHERE id = ANY (all_ids) AND ledger_count(seq) IS NOT NULL;

    INSERT INTO ledger_loss AS kept (gateway_id, boot, unsealed, seq, hour)
    SELECT DISTINCT ON (gateway_id, boot, unsealed)
        gateway_id, boot, unsealed, seq,
        date_bin('1 hour', ledger_time(sealed_at, committed_at), timestamptz 'epoch')
    FROM declared_loss
    JOIN batch ON batch.id = batch_id
    WHERE batch.id = ANY (ids) AND ledger_count(unsealed) > 0
    ORDER BY gateway_id, boot, unsealed, seq
    ON CONFLICT (gateway_id, boot, unsealed) DO UPDATE
    SET seq = excluded.seq, hour = excluded.hour
    WHERE excluded.seq < kept.seq;

    INSERT INTO ledger_declared AS kept (gateway_id, boot, lost_sealed, released, seq)
    SELECT gateway_id, boot, lost_sealed, released, min(seq)
    FROM (
        SELECT
            gateway_id, boot, seq, coalesce(ledger_count(sealed), 0) AS lost_sealed,
            coalesce(ledger_count(released), 0) AS released
        FROM declared_loss
        JOIN batch ON batch.id = batch_id
        WHERE batch.id = ANY (ids)
    ) AS said
    WHERE lost_sealed + released > 0
    GROUP BY gateway_id, boot, lost_sealed, released
    ON CONFLICT (gateway_id, boot, lost_sealed, released) DO UPDATE
    SET seq = excluded.seq
    WHERE excluded.seq < kept.seq;

    PERFORM ledger_mind_the_gaps(ids);

    WITH come AS MATERIALIZED (
        SELECT
            gateway_id, boot, seq, ledger_count(readings_before) AS readings_before,
            ledger_count(readings_before) + reading_count AS sealed_readings,
            previous_sha256 IS NULL AS is_beginning, ledger_time(sealed_at, committed_at) AS at,
            committed_at
        FROM batch
        WHERE id = ANY (ids)
    ), ends AS (
        SELECT
            gateway_id, boot, min(seq) AS first_seq, max(seq) AS last_seq,
            max(committed_at) AS newest_came_at
        FROM come
        GROUP BY gateway_id, boot
    )
    INSERT INTO ledger_spool AS kept (
        gateway_id, boot, first_seq, first_at, first_readings_before, is_beginning, last_seq,
        last_at, sealed_readings, newest_came_at
    )
    SELECT
        ends.gateway_id, ends.boot, first.seq, first.at, first.readings_before, first.is_beginning,
        last.seq, last.at, last.sealed_readings, ends.newest_came_at
    FROM ends
    JOIN come AS first
        ON (first.gateway_id, first.boot, first.seq) = (ends.gateway_id, ends.boot, ends.first_seq)
    JOIN come AS last
        ON (last.gateway_id, last.boot, last.seq) = (ends.gateway_id, ends.boot, ends.last_seq)
    ON CONFLICT (gateway_id, boot) DO UPDATE
    SET (first_seq, first_at, first_readings_before, is_beginning) = (
            SELECT
                one.seq, one.at, one.readings_before, one.is_beginning
            FROM (VALUES
                (kept.first_seq, kept.first_at, kept.first_readings_before, kept.is_beginning),
                (
                    excluded.first_seq, excluded.first_at, excluded.first_readings_before,
                    excluded.is_beginning
                )
            ) AS one (seq, at, readings_before, is_beginning)
            ORDER BY one.seq
            LIMIT 1
        ),
        (last_seq, last_at, sealed_readings) = (
            SELECT one.seq, one.at, one.sealed_readings
            FROM (VALUES
                (kept.last_seq, kept.last_at, kept.sealed_readings),
                (excluded.last_seq, excluded.last_at, excluded.sealed_readings)
            ) AS one (seq, at, sealed_readings)
            ORDER BY one.seq DESC
            LIMIT 1
        ),
        newest_came_at = greatest(kept.newest_came_at, excluded.newest_came_at);

    -- Each pair of neighbours is looked at when the second of them is counted.
    INSERT INTO ledger_finding (kind, gateway_id, boot, seq)
    SELECT kind, pair.gateway_id, pair.boot, pair.seq
    FROM (
        SELECT
            later.gateway_id, later.boot, later.seq,
            later.previous_sha256 IS DISTINCT FROM earlier.content_sha256 AS is_broken,
            later.readings_before::numeric <> earlier.readings_before::numeric + earlier.reading_count AS contradicts
        FROM batch AS later
        JOIN batch AS earlier
            ON (earlier.gateway_id, earlier.boot, earlier.seq)
                = (later.gateway_id, later.boot, later.seq - 1)
        WHERE later.id = ANY (ids)
        UNION
        SELECT
            later.gateway_id, later.boot, later.seq,
            later.previous_sha256 IS DISTINCT FROM earlier.content_sha256,
            later.readings_before::numeric <> earlier.readings_before::numeric + earlier.reading_count
        FROM batch AS earlier
        JOIN batch AS later
            ON (later.gateway_id, later.boot, later.seq)
                = (earlier.gateway_id, earlier.boot, earlier.seq + 1)
        WHERE earlier.id = ANY (ids)
    ) AS pair
    CROSS JOIN LATERAL (
        VALUES ('broken_chain', is_broken), ('count_contradicts', contradicts)
    ) AS found (kind, holds)
    WHERE found.holds
    ON CONFLICT DO NOTHING;

    INSERT INTO ledger_finding (kind, gateway_id, boot, seq, unread)
    SELECT DISTINCT ON (gateway_id, unread) 'unread_keys', gateway_id, boot, seq, unread
    FROM batch
    WHERE id = ANY (ids) AND unread IS NOT NULL
    ORDER BY gateway_id, unread, seq
    ON CONFLICT DO NOTHING;

    DELETE FROM expected WHERE closed_at < clock_timestamp() - interval '90 days';
    RETURN cardinality(all_ids);
END
$$;

-- Readers go on seeing the counts of before until all is counted; hubs go on storing.
CREATE OR REPLACE FUNCTION ledger_anew() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    slice integer;
    counted bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('adhere.ledger', 0));
    DELETE FROM ledger_hour;
    DELETE FROM ledger_spool;
    DELETE FROM ledger_loss;
    DELETE FROM ledger_declared;
    DELETE FROM expected;
    -- In one statement: what is committed meanwhile is in both or in neither.
    WITH gone AS (DELETE FROM ledger_due)
    INSERT INTO ledger_due SELECT id FROM batch;
    LOOP
        slice := ledger_catch_up(100000);
        EXIT WHEN slice = 0;
        counted := counted + slice;
    END LOOP;
    RETURN counted;
END
$$;
COMMENT ON FUNCTION ledger_anew() IS 'Forget the counts and count every batch again, all in one transaction; findings stay. Return how many that was.';

CREATE OR REPLACE VIEW ledger_gap AS
SELECT
    gap.id, told.gateway_id, told.boot, gap.first_seq, gap.last_seq,
    gap.last_seq - gap.first_seq + 1 AS batches, told.readings,
    CASE
        WHEN told.readings IS NOT NULL THEN greatest(
            0, least(told.readings, told.explained - (told.missing_until - told.readings))
        )
    END::bigint AS lost,
    gap.after_at, gap.before_at, gap.opened_at,
    date_bin('1 hour', coalesce(gap.after_at, gap.before_at), timestamptz 'epoch') AS hour
FROM (
    SELECT
        gateway_id, boot, gap_id, readings, missing_until,
        max(declared) OVER spool + least(0, min(missing_until - declared) OVER spool) AS explained
    FROM (
        SELECT
            gateway_id, boot, gap_id, readings, missing_until,
            most_lost_sealed + greatest(
                0, max(most_released - retried_until) OVER until_here
            ) AS declared,
            seq, place
        FROM (
            SELECT
                gateway_id, boot, gap_id, readings, seq, place,
                coalesce(sum(readings) OVER until_here, 0) AS missing_until,
                coalesce(sum(retried) OVER until_here, 0) AS retried_until,
                coalesce(max(lost_sealed) OVER until_here, 0) AS most_lost_sealed,
                coalesce(max(released) OVER until_here, 0) AS most_released
            FROM (
                SELECT
                    gateway_id, boot, first_seq AS seq, 0 AS place, id AS gap_id,
                    CASE WHEN readings_until >= readings_before
                        THEN readings_until - readings_before END AS readings,
                    NULL::bigint AS retried, NULL::bigint AS lost_sealed, NULL::bigint AS released
                FROM expected
                WHERE closed_at IS NULL
                UNION ALL
                SELECT gateway_id, boot, seq, 1, NULL, NULL, NULL, lost_sealed, released
                FROM ledger_declared
                UNION ALL
                SELECT gateway_id, boot, seq, 2, NULL, NULL, reading_count, NULL, NULL
                FROM (SELECT DISTINCT batch_id FROM dead_letter WHERE batch_id IS NOT NULL) AS of
                JOIN batch ON batch.id = of.batch_id
            ) AS event
            WINDOW until_here AS (PARTITION BY gateway_id, boot ORDER BY seq, place)
        ) AS summed
        WINDOW until_here AS (PARTITION BY gateway_id, boot ORDER BY seq, place)
    ) AS netted
    WINDOW spool AS (PARTITION BY gateway_id, boot)
) AS told
JOIN expected AS gap ON gap.id = told.gap_id;
COMMENT ON VIEW ledger_gap IS 'Open gaps: how many readings are missing (null: the box does not say), and how many of them it has declared lost. A loss explains what is missing before the batch that declares it, the oldest first; what was given up and then stored by a retry is taken off.';

CREATE OR REPLACE VIEW ledger_on_box AS
SELECT
    gateway_id, said_at, came_at, sealed + unsealed - sealed_readings AS ahead,
    greatest(0, sealed + unsealed - sealed_readings) AS pending,
    date_bin(
        '1 hour',
        CASE
            WHEN NOT online AND said_at BETWEEN came_at - interval '400 days' AND came_at THEN said_at
            ELSE came_at
        END,
        timestamptz 'epoch'
    ) AS hour
FROM (
    SELECT
        gateway_id, said_at, came_at, online, decode(boot, 'hex') AS boot,
        sealed::bigint AS sealed, unsealed::bigint AS unsealed
    FROM gateway_state
    CROSS JOIN LATERAL (
        SELECT
            substring(said ->> 'boot' FROM '^[0-9a-f]{32}$') AS boot,
            substring(said ->> 'sealed' FROM '^[0-9]{1,15}$') AS sealed,
            substring(said ->> 'unsealed' FROM '^[0-9]{1,15}$') AS unsealed
    ) AS told
) AS said
JOIN ledger_spool USING (gateway_id, boot);
COMMENT ON VIEW ledger_on_box IS 'What a box has on its disk beyond its last batch here, by its own unsigned word; of one that is down, by its last word, and it may be more. Of a box that has no row nobody knows.';
COMMENT ON COLUMN ledger_on_box.hour IS 'In which it said so; of one that is down by its own clock, where that can be right.';

CREATE VIEW ledger_down AS
SELECT
    gateway_id,
    coalesce(date_bin('1 hour', max(last_at), timestamptz 'epoch'), '-infinity') AS since
FROM gateway_state
LEFT JOIN ledger_spool USING (gateway_id)
WHERE NOT online
GROUP BY gateway_id;
COMMENT ON VIEW ledger_down IS 'Boxes that are down, and the hour of the last batch here: what they have sealed from then on nobody knows.';

CREATE OR REPLACE VIEW ledger AS
SELECT
    part.gateway_id, part.hour,
    CASE
        WHEN sum(unknown_batches) = 0 AND part.hour < coalesce(min(down.since), 'infinity')
            THEN sum(stored) + sum(lost) + sum(pending)
    END::bigint AS expected,
    sum(stored)::bigint AS stored, sum(lost)::bigint AS lost, sum(pending)::bigint AS pending,
    sum(unknown_batches)::bigint AS unknown_batches, sum(batches)::bigint AS batches,
    sum(quarantined)::bigint AS quarantined, sum(clock_suspect)::bigint AS clock_suspect
FROM (
    SELECT
        gateway_id, hour, readings AS stored, 0 AS lost, 0 AS pending, 0 AS unknown_batches,
        batches, quarantined, clock_suspect
    FROM ledger_hour
    UNION ALL
    SELECT
        gateway_id, hour, 0,
        unsealed - coalesce(
            lag(unsealed) OVER (PARTITION BY gateway_id, boot ORDER BY unsealed), 0
        ),
        0, 0, 0, 0, 0
    FROM ledger_loss
    UNION ALL
    SELECT
        gateway_id, hour, 0, coalesce(lost, 0), coalesce(readings - lost, 0),
        CASE WHEN readings IS NULL THEN batches ELSE 0 END, 0, 0, 0
    FROM ledger_gap
    UNION ALL
    SELECT gateway_id, hour, 0, 0, pending, 0, 0, 0, 0
    FROM ledger_on_box
    WHERE pending > 0
) AS part
LEFT JOIN ledger_down AS down ON down.gateway_id = part.gateway_id
GROUP BY part.gateway_id, part.hour;
COMMENT ON COLUMN ledger.expected IS 'Null: some batches are missing of which nobody knows how many readings they hold, or the box is down and may have sealed more.';

-- Each spool's declared losses stand in ledger_declared now.
ALTER TABLE ledger_spool DROP COLUMN lost_sealed, DROP COLUMN released;
-- What was stored with a number that the sums cannot hold is counted from the beginning.
SELECT ledger_anew() WHERE EXISTS (SELECT FROM batch WHERE ledger_count(seq) IS NULL);

ALTER TABLE nightly_run ADD COLUMN uncounted_batches bigint CHECK (uncounted_batches >= 0);
COMMENT ON COLUMN nightly_run.uncounted_batches IS 'Batches that the ledger could not count for the sheet of data quality, which says so; null: it could.';

GRANT SELECT ON ledger_down TO adhere_alerts, adhere_reports, adhere_portal, adhere_operator;
GRANT SELECT ON ledger_due TO adhere_reports, adhere_portal, adhere_operator;
-- What a retry has stored needs no letter any more.
GRANT UPDATE (bytes, bytes_dropped_at, batch_id) ON dead_letter TO adhere_hub;
GRANT EXECUTE ON FUNCTION drop_letter_bytes TO adhere_core, adhere_operator;
