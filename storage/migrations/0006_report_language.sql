-- A report is current only while it is the newest of its night in its language. Figures that change and
-- change back are a new revision; the older one that said the same has been overtaken.
ALTER TABLE nightly_run ADD COLUMN language text NOT NULL DEFAULT 'zh_CN';
ALTER TABLE nightly_run ALTER COLUMN language DROP DEFAULT;
ALTER TABLE nightly_run DROP CONSTRAINT nightly_run_night_input_sha256_key;
COMMENT ON COLUMN nightly_run.language IS 'Language of the workbook; the same night may be reported in several.';
COMMENT ON TABLE nightly_run IS 'A night that says the same as its newest report in that language makes no row; anything else makes a revision, never an edit.';
