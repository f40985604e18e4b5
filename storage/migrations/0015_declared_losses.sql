-- What gateways say they have lost, so that nothing is missing silently.
CREATE TABLE declared_loss (
    batch_id bigint PRIMARY KEY REFERENCES batch,
    unsealed bigint NOT NULL CHECK (unsealed >= 0),
    sealed bigint NOT NULL CHECK (sealed >= 0),
    released bigint NOT NULL CHECK (released >= 0),
    released_batches bigint NOT NULL CHECK (released_batches >= 0)
);
COMMENT ON TABLE declared_loss IS 'What a spool file had lost when it sealed this batch, over its life; only batches of spools that have lost something have a row.';
COMMENT ON COLUMN declared_loss.unsealed IS 'Readings in rows that were damaged on the disk before they were sealed.';
COMMENT ON COLUMN declared_loss.sealed IS 'Readings in batches that were damaged on the disk.';
COMMENT ON COLUMN declared_loss.released IS 'Readings in batches that were refused, and then given up by an operator or for their age; the dead letters keep their bytes.';
COMMENT ON COLUMN declared_loss.released_batches IS 'And how many batches that were.';

CREATE VIEW spool_loss AS
SELECT
    b.gateway_id,
    b.boot,
    max(l.unsealed) AS unsealed,
    max(l.sealed) AS sealed,
    max(l.released) AS released,
    max(l.released_batches) AS released_batches
FROM declared_loss AS l
JOIN batch AS b ON b.id = l.batch_id
GROUP BY b.gateway_id, b.boot;
COMMENT ON VIEW spool_loss IS 'What each spool file has said last of its losses: the counts only rise.';

COMMENT ON COLUMN quarantined_reading.reason IS 'not_finite, too_early, too_late, span_too_long or clock_suspect.';
