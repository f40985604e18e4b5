-- Who wears a band that changes its address: identity keys, claims on the on-site page, offers.
CREATE TABLE band_key (
    device_id integer PRIMARY KEY REFERENCES device,
    irk bytea NOT NULL CHECK (length(irk) = 16),
    put_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
REVOKE ALL ON band_key FROM PUBLIC;
COMMENT ON TABLE band_key IS 'A secret: what resolves the changing addresses of a band. Read by the rosters alone, which are encrypted to each gateway; never on a page.';
COMMENT ON COLUMN band_key.irk IS 'The identity resolving key, its most significant byte first; in a table of its own, so that who may read the bands need not be let at it.';

CREATE TABLE claim_code (
    patient_id integer PRIMARY KEY REFERENCES patient,
    salt bytea NOT NULL CHECK (length(salt) = 16),
    hash bytea NOT NULL CHECK (length(hash) = 16),
    given_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
REVOKE ALL ON claim_code FROM PUBLIC;
COMMENT ON TABLE claim_code IS 'Who may say on the on-site page that a band is theirs, and the hash of the code they say it with.';
COMMENT ON COLUMN claim_code.hash IS 'scrypt; the code itself is nowhere.';

CREATE TABLE claim_said (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    number bigint NOT NULL CHECK (number >= 0),
    claim bytea NOT NULL CHECK (length(claim) = 16),
    device_key text NOT NULL,
    family text,
    subject text NOT NULL,
    began_at timestamptz NOT NULL,
    latest_at timestamptz NOT NULL CHECK (latest_at > began_at),
    ended_at timestamptz CHECK (ended_at >= began_at),
    why_ended text CHECK ((why_ended IS NULL) = (ended_at IS NULL)),
    age_ms bigint CHECK (age_ms >= 0),
    came_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (gateway_id, boot, number)
);
COMMENT ON TABLE claim_said IS 'What gateways said of claims, once each: the beginning of a claim, and its end.';
COMMENT ON COLUMN claim_said.boot IS 'Of one start of the gateway; with the number it is one of its events.';
COMMENT ON COLUMN claim_said.claim IS 'Random, given by the gateway: beginning and end name the same claim.';
COMMENT ON COLUMN claim_said.began_at IS 'By the clock of the box.';
COMMENT ON COLUMN claim_said.latest_at IS 'The local midnight at which it ends, if nothing ends it before.';
COMMENT ON COLUMN claim_said.age_ms IS 'As for edge_event.';

CREATE TABLE band_claim (
    gateway_id integer NOT NULL REFERENCES gateway,
    claim bytea NOT NULL CHECK (length(claim) = 16),
    device_id integer NOT NULL REFERENCES device,
    patient_id integer NOT NULL REFERENCES patient,
    began_at timestamptz NOT NULL,
    ended_at timestamptz CHECK (ended_at >= began_at),
    why_ended text CHECK (
        why_ended IN (
            'finished', 'silent', 'midnight', 'another_wearer', 'another_band', 'roster'
        )
    ),
    assignment_id integer UNIQUE REFERENCES device_assignment ON DELETE SET NULL,
    came_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (gateway_id, claim),
    CHECK ((why_ended IS NULL) = (ended_at IS NULL))
);
CREATE INDEX ON band_claim (patient_id, began_at);
CREATE INDEX ON band_claim (device_id);
COMMENT ON TABLE band_claim IS 'A wearer''s word on the on-site page that a band is theirs, for one session: where an assignment that nobody of the staff made comes from.';
COMMENT ON COLUMN band_claim.began_at IS 'Where the box did not know the time, corrected by how long ago it said it was.';
COMMENT ON COLUMN band_claim.ended_at IS 'Null while it goes on; the assignment then ends at the latest at the next local midnight.';
COMMENT ON COLUMN band_claim.assignment_id IS 'Null where it covers no time, or the band was assigned to that person anyway.';

CREATE TABLE band_offer (
    gateway_id integer NOT NULL REFERENCES gateway,
    device_key text NOT NULL,
    families text[] NOT NULL,
    boot bytea NOT NULL CHECK (length(boot) = 16),
    number bigint NOT NULL CHECK (number >= 0),
    offered_at timestamptz NOT NULL,
    came_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (gateway_id, device_key)
);
COMMENT ON TABLE band_offer IS 'A band near a gateway that somebody there asks the district to register: address and kind, never a value. Kept for 30 days.';
COMMENT ON COLUMN band_offer.families IS 'What it may be, by its adverts.';
COMMENT ON COLUMN band_offer.boot IS 'With the number: which event of the gateway said so last.';

DO $$
DECLARE
    told text;
BEGIN
    FOREACH told IN ARRAY ARRAY['band_key', 'claim_code', 'band_claim']
    LOOP
        EXECUTE format(
            'CREATE TRIGGER call_for_rosters AFTER INSERT OR UPDATE OR DELETE ON public.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION call_for_rosters()',
            told
        );
    END LOOP;
END
$$;
