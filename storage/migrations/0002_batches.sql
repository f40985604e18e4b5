-- What gateways send: who they are, the ledger of batches, and everything that was refused.
CREATE TABLE gateway (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    centre_id integer NOT NULL REFERENCES organisation,
    code text NOT NULL CHECK (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    UNIQUE (centre_id, code)
);

CREATE TABLE gateway_key (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    signing_key bytea NOT NULL UNIQUE CHECK (length(signing_key) = 32),
    encryption_key bytea NOT NULL CHECK (length(encryption_key) = 32),
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
COMMENT ON TABLE gateway_key IS 'Ed25519 and X25519 public keys made on the box; rotation adds a row.';

CREATE TABLE gateway_outage (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    reason text NOT NULL
);

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

CREATE TABLE batch_payload (
    content_sha256 bytea PRIMARY KEY,
    sealed bytea NOT NULL
);
COMMENT ON TABLE batch_payload IS 'The signed bytes as they came, kept as long as evidence is.';

CREATE TABLE touched (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id bigint NOT NULL REFERENCES batch,
    device_id integer NOT NULL REFERENCES device,
    min_at timestamptz NOT NULL,
    max_at timestamptz NOT NULL
);
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
