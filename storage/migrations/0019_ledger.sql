-- The completeness ledger: what each box has sealed, what is here of it, what is missing and why.
ALTER TABLE batch
    ADD COLUMN readings_before bigint CHECK (readings_before >= 0),
    ADD COLUMN unread text;
COMMENT ON COLUMN batch.readings_before IS 'Readings in all batches its spool file had sealed before, by the box''s own count; null from a gateway that does not say it.';
COMMENT ON COLUMN batch.unread IS 'Keys of a newer gateway''s batch that the hub''s program did not know; they are in the payload. Null: none.';

-- Letters: of whom, and what came of trying again.
ALTER TABLE dead_letter
    ADD COLUMN gateway_id integer REFERENCES gateway,
    ADD COLUMN retried_at timestamptz,
    ADD COLUMN retry_outcome text,
    ADD COLUMN retry_detail text,
    ADD CHECK ((retried_at IS NULL) = (retry_outcome IS NULL));
COMMENT ON COLUMN dead_letter.gateway_id IS 'The gateway on whose topic it came, be it that gateway''s or not; null: no topic of an enrolled gateway.';
COMMENT ON COLUMN dead_letter.retried_at IS 'When an operator last had it read again; null: never.';
COMMENT ON COLUMN dead_letter.retry_outcome IS 'stored, duplicate, truncated, not_retriable, or the reason why it was refused again.';
COMMENT ON COLUMN dead_letter.retry_detail IS 'As detail, of the last try; no value of any reading.';
CREATE INDEX ON dead_letter (last_seen_at DESC, id DESC);
CREATE INDEX ON dead_letter (gateway_id, first_seen_at);

CREATE FUNCTION gateway_of_topic(topic text) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT gateway.id
    FROM gateway
    JOIN organisation AS centre ON centre.id = gateway.centre_id
    WHERE topic LIKE 'adhere/v1/%'
        AND centre.kind = 'centre'
        AND centre.code = split_part(topic, '/', 3)
        AND gateway.code = split_part(topic, '/', 4)
$$;
COMMENT ON FUNCTION gateway_of_topic(text) IS 'Which gateway a topic belongs to, whoever wrote there; null: none that is enrolled.';
UPDATE dead_letter SET gateway_id = gateway_of_topic(topic);

-- What is still to be counted. The hub only inserts batches; a trigger puts them here.
CREATE TABLE ledger_due (batch_id bigint NOT NULL);
COMMENT ON TABLE ledger_due IS 'Batches that the ledger has still to count; ledger_catch_up deletes what it has counted. No index: any of it will do.';
COMMENT ON COLUMN ledger_due.batch_id IS 'Of batch; unchecked, for the speed of the hub.';
INSERT INTO ledger_due SELECT id FROM batch;

CREATE FUNCTION call_the_ledger() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO ledger_due SELECT id FROM come;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION call_the_ledger() IS 'Batches just stored are to be counted.';
CREATE TRIGGER call_the_ledger AFTER INSERT ON batch
    REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION call_the_ledger();

CREATE FUNCTION ledger_time(sealed_at timestamptz, committed_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN sealed_at BETWEEN committed_at - interval '400 days' AND committed_at + interval '5 minutes'
            THEN sealed_at
        ELSE committed_at
    END
$$;
COMMENT ON FUNCTION ledger_time(timestamptz, timestamptz) IS 'When a batch was sealed: by its box, or by the hub where the box cannot be right (in the future, or older than readings may be).';

CREATE TABLE ledger_hour (
    gateway_id integer NOT NULL REFERENCES gateway,
    hour timestamptz NOT NULL,
    batches bigint NOT NULL,
    readings bigint NOT NULL,
    quarantined bigint NOT NULL,
    clock_suspect bigint NOT NULL,
    PRIMARY KEY (gateway_id, hour)
);
CREATE INDEX ON ledger_hour (hour);
COMMENT ON TABLE ledger_hour IS 'What is here, by gateway and hour of sealing; made of batch by ledger_catch_up, also of late ones.';
COMMENT ON COLUMN ledger_hour.hour IS 'UTC; see ledger_time.';
COMMENT ON COLUMN ledger_hour.readings IS 'All that were stored, those in quarantine too.';
COMMENT ON COLUMN ledger_hour.clock_suspect IS 'Of those in quarantine: nobody can say when they were heard.';

CREATE TABLE ledger_spool (
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    first_seq bigint NOT NULL,
    first_at timestamptz NOT NULL,
    first_readings_before bigint,
    is_beginning boolean NOT NULL,
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    last_at timestamptz NOT NULL,
    sealed_readings bigint,
    lost_sealed bigint NOT NULL DEFAULT 0,
    released bigint NOT NULL DEFAULT 0,
    newest_came_at timestamptz NOT NULL,
    PRIMARY KEY (gateway_id, boot)
);
COMMENT ON TABLE ledger_spool IS 'How far each spool file is known: its first and last batch that is here.';
COMMENT ON COLUMN ledger_spool.is_beginning IS 'The first batch here says that none was before it.';
COMMENT ON COLUMN ledger_spool.sealed_readings IS 'Sealed up to and with the last batch here, by the box''s own count; null: it does not say.';
COMMENT ON COLUMN ledger_spool.lost_sealed IS 'The most it has declared lost of what was sealed: damaged on its disk.';
COMMENT ON COLUMN ledger_spool.released IS 'The most it has declared given up of what was refused here.';
COMMENT ON COLUMN ledger_spool.newest_came_at IS 'When the hub last committed a batch of it.';

CREATE TABLE ledger_loss (
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    unsealed bigint NOT NULL CHECK (unsealed > 0),
    seq bigint NOT NULL,
    hour timestamptz NOT NULL,
    PRIMARY KEY (gateway_id, boot, unsealed)
);
COMMENT ON TABLE ledger_loss IS 'Readings lost before they were sealed: with which batch a spool first declared each total. No batch is missing for them.';
COMMENT ON COLUMN ledger_loss.unsealed IS 'The total over the life of the spool file.';

CREATE TABLE expected (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    first_seq bigint NOT NULL CHECK (first_seq >= 0),
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    readings_before bigint,
    readings_until bigint,
    after_at timestamptz,
    before_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz
);
CREATE UNIQUE INDEX expected_open ON expected (gateway_id, boot, first_seq) WHERE closed_at IS NULL;
CREATE INDEX ON expected (closed_at);
COMMENT ON TABLE expected IS 'Gaps: batches that a spool has sealed, for later ones are here, and that are not here. Closed when the last of them has come.';
COMMENT ON COLUMN expected.first_seq IS 'A gap that is filled from its beginning moves; one that is filled in its middle becomes two.';
COMMENT ON COLUMN expected.readings_before IS 'Sealed before the gap, by the box''s count; null: it does not say.';
COMMENT ON COLUMN expected.readings_until IS 'Sealed before the batch after the gap; the difference is missing.';
COMMENT ON COLUMN expected.after_at IS 'When the batch before the gap was sealed; null: none of this spool is here from before it.';
COMMENT ON COLUMN expected.before_at IS 'When the batch after the gap was sealed.';
COMMENT ON COLUMN expected.opened_at IS 'When the ledger first missed them.';

CREATE TABLE ledger_finding (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL
        CHECK (kind IN ('broken_chain', 'count_contradicts', 'forked_spool', 'unread_keys')),
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea CHECK (length(boot) = 16),
    seq bigint,
    dead_letter_id bigint REFERENCES dead_letter,
    unread text,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz,
    seen_by integer REFERENCES staff,
    CHECK ((kind = 'forked_spool') = (dead_letter_id IS NOT NULL)),
    CHECK ((dead_letter_id IS NULL) = (boot IS NOT NULL AND seq IS NOT NULL)),
    CHECK ((kind = 'unread_keys') = (unread IS NOT NULL)),
    CHECK ((seen_at IS NULL) = (seen_by IS NULL))
);
CREATE UNIQUE INDEX ON ledger_finding (kind, gateway_id, boot, seq) WHERE dead_letter_id IS NULL;
CREATE UNIQUE INDEX ON ledger_finding (gateway_id, unread) WHERE unread IS NOT NULL;
CREATE UNIQUE INDEX ON ledger_finding (dead_letter_id) WHERE dead_letter_id IS NOT NULL;
CREATE INDEX ON ledger_finding (found_at) WHERE seen_at IS NULL;
COMMENT ON TABLE ledger_finding IS 'What the ledger holds against a box: technical alerts for operators. It refuses nothing; each is found once.';
COMMENT ON COLUMN ledger_finding.kind IS 'broken_chain: the batch before it has another hash than it says. count_contradicts: nor has it as many readings. forked_spool: another content came for a place that is taken. unread_keys: its program is newer than the hub''s.';
COMMENT ON COLUMN ledger_finding.unread IS 'The keys that were not read, told once for each gateway; later ones of the same keys are in batch.unread.';
COMMENT ON COLUMN ledger_finding.seq IS 'Of the later of the two batches.';
COMMENT ON COLUMN ledger_finding.seen_at IS 'When an operator took note of it.';

CREATE FUNCTION find_fork() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO ledger_finding (kind, gateway_id, dead_letter_id)
    VALUES ('forked_spool', NEW.gateway_id, NEW.id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION find_fork() IS 'A restored or cloned spool is alarmed the moment its letter is kept.';
CREATE TRIGGER find_fork AFTER INSERT ON dead_letter
    FOR EACH ROW WHEN (NEW.reason = 'forked_spool' AND NEW.gateway_id IS NOT NULL)
    EXECUTE FUNCTION find_fork();
INSERT INTO ledger_finding (kind, gateway_id, dead_letter_id, found_at)
SELECT 'forked_spool', gateway_id, id, first_seen_at
FROM dead_letter
WHERE reason = 'forked_spool' AND gateway_id IS NOT NULL;

CREATE FUNCTION ledger_count(said bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN said < 1099511627776 THEN said END
$$;
COMMENT ON FUNCTION ledger_count(bigint) IS 'A count by a box, null where it cannot be one: a thousand readings a second take 34 years to come so far. So no box can make a sum overflow.';

CREATE FUNCTION gateways_looked_after(of_staff integer) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    WITH RECURSIVE above (centre_id, organisation_id, parent_id) AS (
        SELECT id, id, parent_id FROM organisation WHERE kind = 'centre'
        UNION
        SELECT above.centre_id, parent.id, parent.parent_id
        FROM above
        JOIN organisation AS parent ON parent.id = above.parent_id
    )
    SELECT gateway.id
    FROM staff
    JOIN organisation AS own ON own.id = staff.organisation_id
    CROSS JOIN gateway
    JOIN organisation AS centre ON centre.id = gateway.centre_id
    WHERE staff.id = of_staff AND staff.role = 'operator'
        AND (
            EXISTS (
                SELECT FROM above
                WHERE above.centre_id = centre.id AND above.organisation_id = own.id
            )
            OR own.kind <> 'centre' AND centre.parent_id IS NULL
        )
$$;
COMMENT ON FUNCTION gateways_looked_after(integer) IS 'The gateways of an operator: those of the own centre, and of all centres below the own organisation; centres that stand below nothing are everybody''s who is of no centre. Nobody else has any.';

CREATE FUNCTION ledger_catch_up(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    ids bigint[];
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
    SELECT array_agg(batch_id) INTO ids FROM counted;
    IF ids IS NULL THEN
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
    WHERE id = ANY (ids)
    GROUP BY 1, 2
    ON CONFLICT (gateway_id, hour) DO UPDATE
    SET batches = kept.batches + excluded.batches,
        readings = kept.readings + excluded.readings,
        quarantined = kept.quarantined + excluded.quarantined,
        clock_suspect = kept.clock_suspect + excluded.clock_suspect;

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

    PERFORM ledger_mind_the_gaps(ids);

    WITH come AS MATERIALIZED (
        SELECT
            gateway_id, boot, seq, ledger_count(readings_before) AS readings_before,
            ledger_count(readings_before) + reading_count AS sealed_readings,
            previous_sha256 IS NULL AS is_beginning, ledger_time(sealed_at, committed_at) AS at,
            committed_at, coalesce(ledger_count(declared_loss.sealed), 0) AS lost_sealed,
            coalesce(ledger_count(declared_loss.released), 0) AS released
        FROM batch
        LEFT JOIN declared_loss ON batch_id = batch.id
        WHERE batch.id = ANY (ids)
    ), ends AS (
        SELECT
            gateway_id, boot, min(seq) AS first_seq, max(seq) AS last_seq,
            max(committed_at) AS newest_came_at, max(lost_sealed) AS lost_sealed,
            max(released) AS released
        FROM come
        GROUP BY gateway_id, boot
    )
    INSERT INTO ledger_spool AS kept (
        gateway_id, boot, first_seq, first_at, first_readings_before, is_beginning, last_seq,
        last_at, sealed_readings, lost_sealed, released, newest_came_at
    )
    SELECT
        ends.gateway_id, ends.boot, first.seq, first.at, first.readings_before, first.is_beginning,
        last.seq, last.at, last.sealed_readings, ends.lost_sealed, ends.released,
        ends.newest_came_at
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
        lost_sealed = greatest(kept.lost_sealed, excluded.lost_sealed),
        released = greatest(kept.released, excluded.released),
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
    RETURN cardinality(ids);
END
$$;
COMMENT ON FUNCTION ledger_catch_up(integer) IS 'Count batches that are due, so many at most; return how many it was, null while another session does it. In whatever order and parts batches come, the ledger ends the same.';

CREATE FUNCTION ledger_mind_the_gaps(ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp
AS $$
    WITH come AS MATERIALIZED (
        SELECT
            gateway_id, boot, seq, ledger_count(readings_before) AS readings_before,
            ledger_count(readings_before) + reading_count AS sealed_readings,
            previous_sha256 IS NULL AS is_beginning, ledger_time(sealed_at, committed_at) AS at
        FROM batch
        WHERE id = ANY (ids)
    ), ends AS (
        SELECT gateway_id, boot, min(seq) AS first_seq, max(seq) AS last_seq
        FROM come
        GROUP BY gateway_id, boot
    ),
    -- Every number that has come lies in one range: in an open gap, before all that was known of the
    -- spool, or behind it.
    range AS (
        SELECT
            expected.id, ends.gateway_id, ends.boot, expected.first_seq, expected.last_seq,
            expected.readings_before, expected.readings_until, expected.after_at,
            expected.before_at, expected.opened_at
        FROM ends
        JOIN expected USING (gateway_id, boot)
        WHERE closed_at IS NULL
            AND expected.first_seq <= ends.last_seq AND expected.last_seq >= ends.first_seq
        UNION ALL
        SELECT
            NULL, ends.gateway_id, ends.boot, 0, known.first_seq - 1, 0,
            known.first_readings_before, NULL, known.first_at, NULL
        FROM ends
        JOIN ledger_spool AS known USING (gateway_id, boot)
        WHERE known.is_beginning AND ends.first_seq < known.first_seq
        UNION ALL
        SELECT
            NULL, ends.gateway_id, ends.boot, coalesce(known.last_seq + 1, 0), ends.last_seq,
            CASE WHEN known.last_seq IS NULL THEN 0 ELSE known.sealed_readings END,
            NULL, known.last_at, NULL, NULL
        FROM ends
        LEFT JOIN ledger_spool AS known USING (gateway_id, boot)
        WHERE ends.last_seq > coalesce(known.last_seq, -1)
    ), placed AS (
        SELECT
            range.*, come.seq, come.readings_before AS seq_before, come.at, come.is_beginning,
            lag(come.seq) OVER in_range AS seq_left, lag(come.at) OVER in_range AS at_left,
            lag(come.sealed_readings) OVER in_range AS sealed_left,
            come.sealed_readings, lead(come.seq) OVER in_range IS NULL AS is_last
        FROM range
        JOIN come
            ON (come.gateway_id, come.boot) = (range.gateway_id, range.boot)
            AND come.seq BETWEEN range.first_seq AND range.last_seq
        WINDOW in_range AS (
            PARTITION BY range.gateway_id, range.boot, range.first_seq ORDER BY come.seq
        )
    ), piece AS (
        SELECT
            id, gateway_id, boot, opened_at, coalesce(seq_left + 1, first_seq) AS first_seq,
            seq - 1 AS last_seq,
            CASE WHEN seq_left IS NULL THEN readings_before ELSE sealed_left END AS readings_before,
            seq_before AS readings_until, coalesce(at_left, after_at) AS after_at, at AS before_at
        FROM placed
        WHERE seq > coalesce(seq_left + 1, first_seq)
            -- Nothing was before a batch that says so, unless something earlier is here.
            AND NOT (is_beginning AND seq_left IS NULL AND first_seq = 0)
        UNION ALL
        SELECT
            id, gateway_id, boot, opened_at, seq + 1, last_seq, sealed_readings, readings_until,
            at, before_at
        FROM placed
        WHERE is_last AND seq < last_seq
    ), numbered AS (
        SELECT piece.*, row_number() OVER (PARTITION BY id ORDER BY first_seq) AS no
        FROM piece
    ), moved AS (
        UPDATE expected
        SET first_seq = numbered.first_seq,
            last_seq = numbered.last_seq,
            readings_before = numbered.readings_before,
            readings_until = numbered.readings_until,
            after_at = numbered.after_at,
            before_at = numbered.before_at
        FROM numbered
        WHERE expected.id = numbered.id AND no = 1
    ), closed AS (
        UPDATE expected
        SET closed_at = clock_timestamp()
        WHERE id IN (SELECT id FROM placed WHERE id IS NOT NULL EXCEPT SELECT id FROM piece)
    )
    INSERT INTO expected (
        gateway_id, boot, first_seq, last_seq, readings_before, readings_until, after_at, before_at,
        opened_at
    )
    SELECT
        gateway_id, boot, first_seq, last_seq, readings_before, readings_until, after_at, before_at,
        coalesce(opened_at, clock_timestamp())
    FROM numbered
    WHERE id IS NULL OR no > 1
$$;
COMMENT ON FUNCTION ledger_mind_the_gaps(bigint[]) IS 'Open, narrow, split and close gaps by batches just counted; ledger_spool still says what was known before them.';

CREATE FUNCTION ledger_anew() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    due bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('adhere.ledger', 0));
    TRUNCATE ledger_hour, ledger_spool, ledger_loss, expected, ledger_due;
    INSERT INTO ledger_due SELECT id FROM batch;
    GET DIAGNOSTICS due = ROW_COUNT;
    RETURN due;
END
$$;
COMMENT ON FUNCTION ledger_anew() IS 'Forget the counts and have every batch counted again; findings stay. Return how many are due.';

CREATE VIEW ledger_gap AS
SELECT
    gap.id, gap.gateway_id, gap.boot, gap.first_seq, gap.last_seq,
    gap.last_seq - gap.first_seq + 1 AS batches, gap.readings,
    CASE
        WHEN gap.readings IS NOT NULL THEN least(
            gap.readings,
            greatest(
                0,
                gap.lost_sealed + gap.released - coalesce(
                    sum(gap.readings) OVER (
                        PARTITION BY gap.gateway_id, gap.boot ORDER BY gap.first_seq
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                    ),
                    0
                )
            )
        )
    END::bigint AS lost,
    gap.after_at, gap.before_at, gap.opened_at,
    date_bin('1 hour', coalesce(gap.after_at, gap.before_at), timestamptz 'epoch') AS hour
FROM (
    SELECT
        expected.*, spool.lost_sealed, spool.released,
        CASE WHEN readings_until >= readings_before THEN readings_until - readings_before END
            AS readings
    FROM expected
    JOIN ledger_spool AS spool USING (gateway_id, boot)
    WHERE closed_at IS NULL
) AS gap;
COMMENT ON VIEW ledger_gap IS 'Open gaps: how many readings are missing (null: the box does not say), and how many of them it has declared lost; of several gaps the oldest are taken for those.';

CREATE VIEW ledger_on_box AS
SELECT
    gateway_id, said_at, came_at, sealed + unsealed - sealed_readings AS ahead,
    greatest(0, sealed + unsealed - sealed_readings) AS pending
FROM (
    SELECT
        gateway_id, said_at, came_at, decode(boot, 'hex') AS boot, sealed::bigint AS sealed,
        unsealed::bigint AS unsealed
    FROM gateway_state
    CROSS JOIN LATERAL (
        SELECT
            substring(said ->> 'boot' FROM '^[0-9a-f]{32}$') AS boot,
            substring(said ->> 'sealed' FROM '^[0-9]{1,15}$') AS sealed,
            substring(said ->> 'unsealed' FROM '^[0-9]{1,15}$') AS unsealed
    ) AS told
    WHERE online
) AS said
JOIN ledger_spool USING (gateway_id, boot);
COMMENT ON VIEW ledger_on_box IS 'What a box that is up has on its disk beyond its last batch here, by its own unsigned word of came_at. Of a box that has no row nobody knows.';
COMMENT ON COLUMN ledger_on_box.ahead IS 'Below zero: batches have come since it said so.';

CREATE VIEW ledger AS
SELECT
    gateway_id, hour,
    CASE WHEN sum(unknown_batches) = 0 THEN sum(stored) + sum(lost) + sum(pending) END::bigint
        AS expected,
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
    SELECT
        gateway_id, date_bin('1 hour', came_at, timestamptz 'epoch'), 0, 0, pending, 0, 0, 0, 0
    FROM ledger_on_box
    WHERE pending > 0
) AS part
GROUP BY gateway_id, hour;
COMMENT ON VIEW ledger IS 'By gateway and hour of sealing: expected = stored + declared lost + pending, in readings. A gap stands in the hour of the batch before it, what a box still holds in the hour in which it said so.';
COMMENT ON COLUMN ledger.expected IS 'Null: some batches are missing of which nobody knows how many readings they hold.';
COMMENT ON COLUMN ledger.lost IS 'Of what is missing: what the box itself has declared lost.';

-- A message is about a patient's alert, or about a box.
ALTER TABLE delivery
    ALTER COLUMN alert_id DROP NOT NULL,
    ADD COLUMN finding_id bigint REFERENCES ledger_finding,
    ADD CHECK (num_nonnulls(alert_id, finding_id) = 1);
CREATE UNIQUE INDEX delivery_of_finding ON delivery (finding_id, channel, recipient, again)
WHERE finding_id IS NOT NULL;
COMMENT ON COLUMN delivery.finding_id IS 'What it tells an operator of; null: it is about an alert.';

ALTER TABLE nightly_run ADD COLUMN quality jsonb;
COMMENT ON COLUMN nightly_run.quality IS 'The rows of the sheet of data quality as they were then: a workbook that has gone missing is written again with them. Null: it had no such sheet.';

REVOKE ALL ON FUNCTION
    gateway_of_topic, gateways_looked_after, ledger_count, call_the_ledger, ledger_time, find_fork, ledger_catch_up, ledger_mind_the_gaps,
    ledger_anew
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gateway_of_topic TO adhere_hub;
-- Whoever looks at the ledger may have it brought up to date.
GRANT EXECUTE ON FUNCTION ledger_catch_up TO
    adhere_alerts, adhere_reports, adhere_portal, adhere_operator;
GRANT EXECUTE ON FUNCTION gateways_looked_after TO adhere_alerts, adhere_portal;
GRANT EXECUTE ON FUNCTION ledger_anew TO adhere_operator;
GRANT SELECT ON ledger, ledger_gap, ledger_on_box, ledger_spool, ledger_finding TO
    adhere_alerts, adhere_reports, adhere_portal, adhere_operator;
GRANT SELECT (id, centre_id, code) ON gateway TO adhere_alerts;
-- From which day on a box may be asked what it has sealed.
GRANT SELECT (gateway_id, enrolled_at) ON gateway_key TO adhere_reports;
GRANT SELECT ON expected TO adhere_operator;
GRANT UPDATE (seen_at, seen_by) ON ledger_finding TO adhere_portal, adhere_operator;
-- Of letters everything but their bytes.
GRANT SELECT (
    id, topic, reason, gateway_id, full_length, first_seen_at, last_seen_at, times_seen, retried_at,
    retry_outcome
) ON dead_letter TO adhere_reports, adhere_portal;
GRANT UPDATE (retried_at, retry_outcome, retry_detail) ON dead_letter TO adhere_operator;
