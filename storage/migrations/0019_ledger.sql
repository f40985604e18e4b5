-- The completeness ledger: what each box has sealed, what is here of it, what is missing and why.
ALTER TABLE batch
    ADD COLUMN readings_before bigint CHECK (readings_before >= 0),
    ADD COLUMN unread text;
COMMENT ON COLUMN batch.readings_before IS 'Readings in all batches its spool file had sealed before, by the box''s own count; null from a gateway that does not say it.';
COMMENT ON COLUMN batch.unread IS 'Keys of a newer gateway''s batch that the hub''s program did not know; they are in the payload. Null: none.';
