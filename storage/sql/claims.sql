-- name: insert_claim_said
-- Once each; a resent one changes nothing.
INSERT INTO claim_said (
    gateway_id, boot, number, claim, device_key, family, subject, began_at, latest_at, ended_at,
    why_ended, age_ms
)
VALUES (
    %(gateway_id)s, %(boot)b, %(number)s, %(claim)b, %(device_key)s, %(family)s, %(subject)s,
    timestamptz 'epoch' + %(began_utc_ms)s * interval '1 millisecond',
    timestamptz 'epoch' + %(latest_utc_ms)s * interval '1 millisecond',
    timestamptz 'epoch' + %(ended_utc_ms)s::bigint * interval '1 millisecond',
    %(why_ended)s, %(age_ms)s
)
ON CONFLICT (gateway_id, boot, number) DO NOTHING
RETURNING id;

-- name: is_same_claim_said
-- The age is that of one sending: it differs from one to the next, the rest does not.
SELECT EXISTS (
    SELECT FROM claim_said
    WHERE gateway_id = %(gateway_id)s AND boot = %(boot)b AND number = %(number)s
        AND (claim, device_key, subject, began_at, latest_at)
            = (%(claim)b, %(device_key)s, %(subject)s,
               timestamptz 'epoch' + %(began_utc_ms)s * interval '1 millisecond',
               timestamptz 'epoch' + %(latest_utc_ms)s * interval '1 millisecond')
        AND (family, ended_at, why_ended) IS NOT DISTINCT FROM (
            %(family)s::text,
            timestamptz 'epoch' + %(ended_utc_ms)s::bigint * interval '1 millisecond',
            %(why_ended)s::text
        )
);

-- name: claimer_of_centre
-- The person of that name, if they are of the gateway's centre and in a programme at that time; a
-- local day begins up to 14 hours before or after the UTC day.
SELECT patient.id
FROM patient
JOIN gateway ON gateway.centre_id = patient.centre_id
WHERE gateway.id = %(gateway_id)s AND pseudonym = %(subject)s
    AND EXISTS (
        SELECT FROM enrolment
        WHERE enrolment.patient_id = patient.id
            AND starts_on <= (%(began_at)s::timestamptz + interval '14 hours')::date
            AND (ends_on IS NULL OR ends_on >= (%(began_at)s::timestamptz - interval '14 hours')::date)
    );

-- name: lock_band
-- All spellings of an address are one band; whoever says something of it waits for the other.
SELECT id FROM device WHERE upper(device_key) = upper(%(device_key)s) ORDER BY id FOR UPDATE;

-- name: find_claim
SELECT
    band_claim.began_at, band_claim.ended_at, band_claim.patient_id, band_claim.assignment_id,
    lower(worn), upper(worn), device_key
FROM band_claim
JOIN device ON device.id = band_claim.device_id
LEFT JOIN device_assignment ON device_assignment.id = assignment_id
WHERE gateway_id = %(gateway_id)s AND claim = %(claim)b
FOR UPDATE OF band_claim;

-- name: assigned_meanwhile
-- Who has the band in that time, and whether by a claim.
SELECT
    held.id, held.patient_id, lower(held.worn), band_claim.claim IS NOT NULL
FROM device_assignment AS held
LEFT JOIN band_claim ON band_claim.assignment_id = held.id
WHERE held.device_id = ANY (%(device_ids)s)
    AND held.worn && tstzrange(%(began_at)s, %(until)s)
ORDER BY lower(held.worn) NULLS FIRST;

-- name: assigned_beside
-- Who else has the band in that time, in order, and whether by a claim.
SELECT held.id, lower(held.worn), upper(held.worn), band_claim.claim IS NOT NULL
FROM device_assignment AS held
LEFT JOIN band_claim ON band_claim.assignment_id = held.id
WHERE held.device_id = ANY (%(device_ids)s) AND held.id <> %(assignment_id)s
    AND held.worn && tstzrange(%(since)s, %(until)s)
ORDER BY lower(held.worn) NULLS FIRST;

-- name: move_assignment
UPDATE device_assignment SET worn = tstzrange(%(since)s, %(until)s)
WHERE id = %(assignment_id)s;

-- name: cut_assignment
UPDATE device_assignment SET worn = tstzrange(lower(worn), least(upper(worn), %(until)s))
WHERE id = %(assignment_id)s AND lower(worn) < %(until)s;

-- name: drop_empty_assignment
-- Of a claim that was over before it began, or in the moment it did.
SELECT drop_claimed_assignment(%(assignment_id)s, %(until)s);

-- name: end_claim
UPDATE band_claim
SET ended_at = greatest(%(ended_at)s, began_at), why_ended = %(why_ended)s
WHERE assignment_id = %(assignment_id)s AND (ended_at IS NULL OR ended_at > %(ended_at)s);

-- name: end_claim_itself
UPDATE band_claim
SET ended_at = greatest(%(ended_at)s, began_at), why_ended = %(why_ended)s
WHERE gateway_id = %(gateway_id)s AND claim = %(claim)b AND ended_at IS NULL;

-- name: assign_claimed
INSERT INTO device_assignment (device_id, patient_id, worn)
VALUES (%(device_id)s, %(patient_id)s, tstzrange(%(began_at)s, %(until)s))
RETURNING id;

-- name: put_claim
INSERT INTO band_claim (
    gateway_id, claim, device_id, patient_id, began_at, ended_at, why_ended, assignment_id
)
VALUES (
    %(gateway_id)s, %(claim)b, %(device_id)s, %(patient_id)s, %(began_at)s, %(ended_at)s,
    %(why_ended)s, %(assignment_id)s
);

-- name: family_of_claimed
UPDATE device SET family = %(family)s WHERE id = %(device_id)s AND family IS NULL;

-- name: name_gateway
SELECT organisation.code, gateway.code
FROM gateway JOIN organisation ON organisation.id = gateway.centre_id
WHERE gateway.id = %(gateway_id)s;

-- name: put_offer
-- The newest word on a band near a gateway; the same one again changes nothing.
INSERT INTO band_offer (gateway_id, device_key, families, boot, number, offered_at)
VALUES (
    %(gateway_id)s, %(device_key)s, %(families)s, %(boot)b, %(number)s,
    timestamptz 'epoch' + %(offered_utc_ms)s * interval '1 millisecond'
)
ON CONFLICT (gateway_id, device_key) DO UPDATE
SET families = excluded.families, boot = excluded.boot, number = excluded.number,
    offered_at = excluded.offered_at, came_at = clock_timestamp()
WHERE (band_offer.boot, band_offer.number) <> (excluded.boot, excluded.number)
RETURNING gateway_id;

-- name: forget_old_offers
DELETE FROM band_offer WHERE came_at < clock_timestamp() - interval '30 days';

-- name: list_offers
-- Bands that somebody asks to register and that nobody wears now, the newest first.
SELECT band_offer.device_key, band_offer.families, centre.code, gateway.code, band_offer.came_at
FROM band_offer
JOIN gateway ON gateway.id = band_offer.gateway_id
JOIN organisation AS centre ON centre.id = gateway.centre_id
WHERE (%(centre)s::text IS NULL OR centre.code = %(centre)s)
    AND band_offer.came_at >= clock_timestamp() - interval '30 days'
    AND NOT EXISTS (
        SELECT FROM device_assignment
        JOIN device ON device.id = device_assignment.device_id
        WHERE upper(device.device_key) = upper(band_offer.device_key) AND worn @> clock_timestamp()
    )
ORDER BY band_offer.came_at DESC, band_offer.device_key;

-- name: list_claims
-- Claims since a time, the newest first, with the time they count for; who said it is the person's
-- pseudonym. Where the box did not know the time, the claim keeps its guess and its assignment has
-- moved: the assignment's times stand for it, for its end too where that was before the guess.
SELECT
    patient.pseudonym, device.device_key, centre.code, gateway.code, counted.began_at,
    CASE
        WHEN band_claim.ended_at = band_claim.began_at AND counted.began_at < band_claim.began_at
            THEN upper(held.worn)
        ELSE band_claim.ended_at
    END,
    band_claim.why_ended, lower(held.worn), upper(held.worn)
FROM band_claim
JOIN patient ON patient.id = band_claim.patient_id
JOIN device ON device.id = band_claim.device_id
JOIN gateway ON gateway.id = band_claim.gateway_id
JOIN organisation AS centre ON centre.id = gateway.centre_id
LEFT JOIN device_assignment AS held ON held.id = band_claim.assignment_id
CROSS JOIN LATERAL (SELECT coalesce(lower(held.worn), band_claim.began_at) AS began_at) AS counted
WHERE counted.began_at >= %(since)s
    AND (%(until)s::timestamptz IS NULL OR counted.began_at < %(until)s)
    AND (%(centre)s::text IS NULL OR centre.code = %(centre)s)
    AND (%(patient_id)s::integer IS NULL OR patient.id = %(patient_id)s)
ORDER BY counted.began_at DESC, device.device_key;

-- name: put_band_key
INSERT INTO band_key (device_id, irk)
SELECT id, %(irk)b FROM device WHERE device_key = %(device_key)s
ON CONFLICT (device_id) DO UPDATE SET irk = excluded.irk, put_at = clock_timestamp()
WHERE band_key.irk <> excluded.irk;

-- name: forget_band_key
DELETE FROM band_key
USING device
WHERE device.id = band_key.device_id AND device_key = %(device_key)s;

-- name: put_claim_code
INSERT INTO claim_code (patient_id, salt, hash)
SELECT id, %(salt)b, %(hash)b FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT (patient_id) DO UPDATE
SET salt = excluded.salt, hash = excluded.hash, given_at = clock_timestamp()
RETURNING patient_id;

-- name: withdraw_claim_code
DELETE FROM claim_code
USING patient
WHERE patient.id = claim_code.patient_id AND pseudonym = %(patient)s;

-- name: list_bands
-- Registered bands with who wears them now, by address; whether there is an identity key, never it.
SELECT
    device.device_key, device.family, patient.pseudonym, lower(held.worn), upper(held.worn),
    band_key.device_id IS NOT NULL, band_claim.claim IS NOT NULL
FROM device
LEFT JOIN band_key ON band_key.device_id = device.id
LEFT JOIN device_assignment AS held ON held.device_id = device.id AND held.worn @> clock_timestamp()
LEFT JOIN band_claim ON band_claim.assignment_id = held.id
LEFT JOIN patient ON patient.id = held.patient_id
LEFT JOIN organisation AS centre ON centre.id = patient.centre_id
WHERE (%(centre)s::text IS NULL OR centre.code = %(centre)s)
    AND (device.family IS NOT NULL OR held.id IS NOT NULL OR band_key.device_id IS NOT NULL)
ORDER BY device.device_key;
