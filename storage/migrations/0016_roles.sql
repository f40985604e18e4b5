-- What each role may. The roles belong to the server and are made before migrations run; the owner
-- of everything is whoever migrates. `storage/privileges.toml` says it all in one place, and a test
-- compares: a migration that adds a table grants on it here and says so there.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO
    adhere_hub, adhere_core, adhere_alerts, adhere_reports, adhere_portal, adhere_auditor,
    adhere_operator;

-- Whether the database is up to date, every process asks first.
GRANT SELECT ON migration TO
    adhere_hub, adhere_core, adhere_alerts, adhere_reports, adhere_portal, adhere_auditor,
    adhere_operator;

-- A function is anybody's until it is said otherwise; what a trigger calls needs no right at all.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
            )
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', ours);
    END LOOP;
END
$$;

CREATE FUNCTION initial_of_name(of_patient integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT left(btrim(patient.name), 1) FROM patient WHERE patient.id = of_patient;
END;
COMMENT ON FUNCTION initial_of_name IS 'The first letter of a patient''s name, for a message: those who send it need no more.';
REVOKE ALL ON FUNCTION initial_of_name FROM PUBLIC;

CREATE FUNCTION drop_claimed_assignment(of_assignment bigint, over_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
BEGIN ATOMIC
    DELETE FROM device_assignment AS held
    WHERE held.id = of_assignment AND lower(held.worn) >= over_at
        AND EXISTS (SELECT FROM band_claim WHERE band_claim.assignment_id = held.id);
END;
COMMENT ON FUNCTION drop_claimed_assignment IS 'Delete the assignment that a claim made, where the claim was over before it began: the hub deletes nobody else''s.';
REVOKE ALL ON FUNCTION drop_claimed_assignment FROM PUBLIC;

-- The hub: what gateways send goes in; it reads devices, keys and the ledger, and what a roster says.
GRANT SELECT, INSERT ON batch, claim_said, edge_event TO adhere_hub;
GRANT INSERT ON
    declared_loss, quarantined_reading, touched, batch_queue, clock_heard,
    heart_rate, steps, steps_counter, rr_interval, battery
TO adhere_hub;
GRANT INSERT, SELECT (content_sha256) ON batch_payload TO adhere_hub;
GRANT EXECUTE ON FUNCTION ensure_reading_days, drop_claimed_assignment TO adhere_hub;
GRANT INSERT, SELECT (id, sha256, topic, reason, times_seen),
    UPDATE (last_seen_at, times_seen) ON dead_letter TO adhere_hub;
GRANT SELECT ON
    organisation, gateway, gateway_key, gateway_outage, gateway_state, roster_issue, band_offer,
    device, device_assignment, band_claim, band_key, claim_code, prescribed
TO adhere_hub;
GRANT INSERT, UPDATE (online, said_at, came_at, said) ON gateway_state TO adhere_hub;
GRANT INSERT, UPDATE (version, content_sha256, sealed, issued_at, expires_at) ON roster_issue
TO adhere_hub;
GRANT INSERT, DELETE, UPDATE (families, boot, number, offered_at, came_at) ON band_offer
TO adhere_hub;
GRANT INSERT, UPDATE (during) ON gateway_outage TO adhere_hub;
GRANT INSERT, UPDATE (family) ON device TO adhere_hub;
GRANT INSERT, UPDATE (worn) ON device_assignment TO adhere_hub;
GRANT INSERT, UPDATE (ended_at, why_ended) ON band_claim TO adhere_hub;
GRANT SELECT (id, pseudonym, centre_id) ON patient TO adhere_hub;
GRANT SELECT (id, patient_id, starts_on, ends_on) ON enrolment TO adhere_hub;
GRANT SELECT (
    id, enrolment_id, effective, ceiling_bpm, rest_hr_bpm, hr_max_bpm, intensity_kind
) ON prescription TO adhere_hub;

-- The nightly recomputation: reads readings and records, writes results, takes what is to be done.
GRANT SELECT ON
    organisation, enrolment, prescription, prescription_phase, prescribed, pause, logged_session,
    device, device_assignment, gateway, gateway_outage, batch, heart_rate, steps, steps_counter,
    rr_interval, battery
TO adhere_core;
GRANT SELECT (id, pseudonym, centre_id, family_doctor_id) ON patient TO adhere_core;
GRANT SELECT (id, code) ON staff TO adhere_core;
GRANT SELECT, DELETE ON touched, clock_heard TO adhere_core;
GRANT SELECT, INSERT, DELETE ON changed, said_again TO adhere_core;
GRANT SELECT, INSERT, UPDATE (least_ms, greatest_ms) ON band_clock TO adhere_core;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    day, bout, week, side_day, rest_day, side_week, refused_version
TO adhere_core;
GRANT EXECUTE ON FUNCTION asked_in_week TO adhere_core, adhere_reports, adhere_portal;

-- The watch: judges rules, keeps alerts, sends messages.
GRANT SELECT ON
    organisation, enrolment, prescription, device, device_assignment, heart_rate, edge_event, week
TO adhere_alerts;
GRANT SELECT (id, pseudonym, centre_id, family_doctor_id) ON patient TO adhere_alerts;
GRANT SELECT (id, code, email, role, organisation_id) ON staff TO adhere_alerts;
GRANT SELECT (staff_id, disabled_at) ON login TO adhere_alerts;
-- A claim locks the row it takes.
GRANT SELECT, DELETE, UPDATE (queued_at) ON batch_queue TO adhere_alerts;
GRANT SELECT, DELETE, UPDATE (edge_event_id) ON edge_queue TO adhere_alerts;
GRANT SELECT, INSERT, UPDATE ON
    alert, alert_episode, alert_week, delivery, watch_beat
TO adhere_alerts;
GRANT SELECT, INSERT ON alert_event TO adhere_alerts;
GRANT EXECUTE ON FUNCTION initial_of_name TO adhere_alerts;

-- Workbooks, payment and evidence: read results and what they rest on, write payable lines.
GRANT SELECT ON
    organisation, enrolment, prescription, prescription_phase, prescribed, pause, logged_session,
    device, device_assignment, gateway, gateway_outage, batch, heart_rate, steps, steps_counter,
    said_again, day, bout, week, side_day, rest_day, side_week, refused_version, band_claim
TO adhere_reports;
GRANT SELECT (id, pseudonym, centre_id, family_doctor_id) ON patient TO adhere_reports;
GRANT SELECT (id, code, name, role) ON staff TO adhere_reports;
GRANT SELECT (times_seen) ON dead_letter TO adhere_reports;
GRANT SELECT, INSERT ON nightly_run, payment_period, payment_line_week TO adhere_reports;
GRANT SELECT, INSERT, DELETE ON payment_line TO adhere_reports;
GRANT SELECT, INSERT, UPDATE (signed_by, signed_on) ON payment_scheme TO adhere_reports;

-- The pages get their rights together with row security, in the next migration.

-- The audit trail: its numbers and times are its own.
GRANT INSERT (actor, action, subject, detail) ON audit TO
    adhere_hub, adhere_core, adhere_reports, adhere_operator;

-- Whoever inspects who has seen what.
GRANT SELECT ON audit TO adhere_auditor;

-- Commands of the district: people, bands, boxes, what could not be taken, the ledger.
GRANT SELECT, INSERT, UPDATE (kind, name, parent_id) ON organisation TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (organisation_id, role, name, email) ON staff TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (name, centre_id, family_doctor_id) ON patient TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (mode, starts_on, ends_on) ON enrolment TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (effective) ON prescription TO adhere_operator;
GRANT SELECT, INSERT ON prescription_phase, pause, gateway, gateway_outage, session_log
TO adhere_operator;
GRANT SELECT, INSERT, DELETE ON care_team TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (family) ON device TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (worn), DELETE ON device_assignment TO adhere_operator;
GRANT SELECT, UPDATE (ended_at, why_ended) ON band_claim TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (irk, put_at), DELETE ON band_key TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (salt, hash, given_at), DELETE ON claim_code TO adhere_operator;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON gateway_key TO adhere_operator;
GRANT SELECT ON
    prescribed, batch, batch_payload, declared_loss, spool_loss, quarantined_reading, dead_letter,
    touched, batch_queue, band_offer, claim_said, edge_event, gateway_state, roster_issue
TO adhere_operator;
-- An account, a link, a password: given out, never read.
GRANT SELECT (staff_id, password_set_at, disabled_at), INSERT (staff_id),
    UPDATE (password_hash, password_set_at)
ON login TO adhere_operator;
GRANT SELECT (staff_id, expires_at, used_at),
    INSERT (token_sha256, staff_id, expires_at, sets_password), UPDATE (used_at), DELETE
ON login_link TO adhere_operator;
GRANT SELECT (staff_id), DELETE ON web_session TO adhere_operator;
