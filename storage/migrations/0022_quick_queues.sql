-- A reading costs what a COPY costs, and so must what is written beside it: two rows for each band of
-- a batch. Of a small batch they were more work than its readings.
-- Their keys guarded what the ledger does already: a batch is stored once, and names a band once.
ALTER TABLE touched DROP COLUMN id;
ALTER TABLE batch_queue DROP CONSTRAINT batch_queue_pkey;
COMMENT ON TABLE touched IS 'What the nightly recomputation has still to look at, a row per batch and band; it deletes what it has claimed. No index: all of it is read at once.';
COMMENT ON TABLE batch_queue IS 'What alert evaluation has still to look at, a row per batch and band; it deletes what it has claimed. One index: the newest first.';

-- The signed bytes are compressed and encrypted: to compress them again only takes time.
ALTER TABLE batch_payload ALTER COLUMN sealed SET STORAGE EXTERNAL;
