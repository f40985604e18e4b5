-- What gateways send: who they are, the ledger of batches, and everything that was refused.
CREATE TABLE gateway (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    centre_id integer NOT NULL REFERENCES organisation,
    code text NOT NULL CHECK (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    UNIQUE (centre_id, code)
);
COMMENT ON TABLE gateway IS 'A box in a centre. Its code is unique within the centre only.';

CREATE TABLE gateway_key (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    signing_key bytea NOT NULL UNIQUE CHECK (length(signing_key) = 32),
    encryption_key bytea NOT NULL CHECK (length(encryption_key) = 32),
    kid bytea NOT NULL GENERATED ALWAYS AS (substring(sha256(signing_key) FROM 1 FOR 8)) STORED,
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX ON gateway_key (kid);
COMMENT ON COLUMN gateway_key.kid IS 'The key identifier in a COSE header: the first 8 bytes of the SHA-256 of the signing key.';
COMMENT ON COLUMN gateway_key.revoked_at IS 'From then on nothing signed with it is taken.';
COMMENT ON TABLE gateway_key IS 'Ed25519 and X25519 public keys made on the box; rotation adds a row.';

CREATE TABLE gateway_outage (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    reason text NOT NULL
);
COMMENT ON TABLE gateway_outage IS 'When a box is known to have heard nothing: such hours can not be held against a patient.';

CREATE TABLE batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    seq bigint NOT NULL CHECK (seq >= 0),
    content_sha256 bytea NOT NULL CHECK (length(content_sha256) = 32),
    previous_sha256 bytea CHECK (length(previous_sha256) = 32),
    lane text NOT NULL CHECK (lane IN ('live', 'backlog')),
    schema_version smallint NOT NULL,
    sealed_at timestamptz NOT NULL,
    sealed_mono_ms bigint NOT NULL,
    reading_count integer NOT NULL CHECK (reading_count >= 0),
    quarantined_count integer NOT NULL CHECK (quarantined_count >= 0),
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (gateway_id, boot, seq)
);
COMMENT ON TABLE batch IS 'The ledger. Same key and same content: a duplicate. Same key, other content: a forked spool, refused.';

COMMENT ON COLUMN batch.boot IS 'Random, once per spool file: a new spool starts a new sequence.';
COMMENT ON COLUMN batch.content_sha256 IS 'Of the uncompressed CBOR content, whatever the compression and the signature.';
COMMENT ON COLUMN batch.previous_sha256 IS 'The batch before it in the same spool; the chain is checked later, workers have no common order.';
COMMENT ON COLUMN batch.sealed_at IS 'The wall clock of the box, right or wrong; committed_at is ours.';
COMMENT ON COLUMN batch.reading_count IS 'All readings in it, those in quarantine too.';

CREATE TABLE batch_payload (
    content_sha256 bytea PRIMARY KEY,
    sealed bytea NOT NULL
);
COMMENT ON TABLE batch_payload IS 'The signed bytes as they came, kept as long as evidence is.';

CREATE TABLE touched (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id bigint NOT NULL,
    device_id integer NOT NULL,
    min_at timestamptz NOT NULL,
    max_at timestamptz NOT NULL
);
COMMENT ON COLUMN touched.batch_id IS 'Of batch; unchecked like the readings themselves, for their speed.';
COMMENT ON COLUMN touched.device_id IS 'Of device; unchecked as above.';
COMMENT ON TABLE touched IS 'What the nightly recomputation has still to look at; it deletes what it has claimed.';

CREATE TABLE batch_queue (
    batch_id bigint PRIMARY KEY REFERENCES batch,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE batch_queue IS 'What alert evaluation has still to look at.';

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    bytes bytea NOT NULL,
    full_length bigint NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    times_seen integer NOT NULL DEFAULT 1,
    UNIQUE (sha256, topic, reason)
);
COMMENT ON TABLE dead_letter IS 'What could not be taken, with its bytes and the reason; the same thing again only counts up.';
COMMENT ON COLUMN dead_letter.reason IS 'A short fixed word (bad_signature, forked_spool, ...), the same as in logs and counters.';
COMMENT ON COLUMN dead_letter.bytes IS 'What came, cut at a limit; `full_length` and `sha256` are of the whole.';

CREATE TABLE quarantined_reading (
    batch_id bigint NOT NULL REFERENCES batch,
    device_key text NOT NULL,
    quantity text NOT NULL,
    value double precision NOT NULL,
    at_utc_ms bigint NOT NULL,
    span_ms bigint NOT NULL,
    flags smallint NOT NULL,
    device_ts_ms bigint,
    reason text NOT NULL
);
CREATE INDEX ON quarantined_reading (batch_id);
COMMENT ON TABLE quarantined_reading IS 'Readings of a good batch that can not be true: kept as they came, used for nothing.';
COMMENT ON COLUMN quarantined_reading.reason IS 'not_finite, too_early, too_late or span_too_long.';
