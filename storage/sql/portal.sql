-- Accounts, sessions and links of the web pages. Tokens come as their SHA-256, never as they are.
-- What the pages may not look at themselves (other people's sessions, links, passwords) they ask of
-- functions of migration 0017.

-- name: put_email
UPDATE staff SET email = %(email)s
WHERE code = %(staff)s AND email IS DISTINCT FROM %(email)s::text;

-- name: put_care_team
INSERT INTO care_team (patient_id, staff_id)
SELECT patient.id, staff.id FROM patient, staff
WHERE patient.pseudonym = %(patient)s AND staff.code = %(staff)s
ON CONFLICT DO NOTHING;

-- name: find_care_team
SELECT patient_id
FROM care_team
JOIN patient ON patient.id = patient_id
JOIN staff ON staff.id = staff_id
WHERE patient.pseudonym = %(patient)s AND staff.code = %(staff)s;

-- name: admit_to_care_team
SELECT join_care_team(%(patient)s, %(staff)s);

-- name: dismiss_from_care_team
SELECT leave_care_team(%(patient)s, %(staff)s);

-- name: leave_care_team
DELETE FROM care_team USING patient, staff
WHERE patient.id = patient_id AND staff.id = staff_id
    AND patient.pseudonym = %(patient)s AND staff.code = %(staff)s
RETURNING patient_id;

-- name: open_account
-- Nobody's password changes by it; an account that is there stays as it is.
INSERT INTO login (staff_id) SELECT id FROM staff WHERE code = %(staff)s
ON CONFLICT DO NOTHING;

-- name: find_account
SELECT
    staff.id, staff.code, staff.role, staff.name, staff.email,
    login.password_set_at IS NOT NULL, login.disabled_at
FROM staff JOIN login ON login.staff_id = staff.id
WHERE staff.code = %(staff)s;

-- name: read_accounts
-- Everybody of the staff; `has_login` null: no account.
SELECT
    staff.code, staff.role, staff.name, organisation.name, staff.email,
    login.staff_id IS NOT NULL, login.password_set_at IS NOT NULL, login.disabled_at,
    (SELECT max(seen_at) FROM web_session WHERE web_session.staff_id = staff.id)
FROM staff
JOIN organisation ON organisation.id = organisation_id
LEFT JOIN login ON login.staff_id = staff.id
ORDER BY staff.role, staff.code;

-- name: set_password
UPDATE login SET password_hash = %(password_hash)s, password_set_at = clock_timestamp()
WHERE staff_id = %(staff_id)s;

-- name: disable_account
UPDATE login SET disabled_at = coalesce(disabled_at, clock_timestamp())
FROM staff WHERE staff.id = staff_id AND code = %(staff)s
RETURNING staff_id;

-- name: enable_account
UPDATE login SET disabled_at = NULL
FROM staff WHERE staff.id = staff_id AND code = %(staff)s
RETURNING staff_id;

-- name: count_administrators
SELECT count(*)
FROM staff JOIN login ON login.staff_id = staff.id
WHERE role = 'administrator' AND disabled_at IS NULL AND code <> %(staff)s;

-- name: insert_link
INSERT INTO login_link (token_sha256, staff_id, expires_at, sets_password)
SELECT %(token_sha256)b, staff_id, clock_timestamp() + %(valid_for)s, %(sets_password)s
FROM login JOIN staff ON staff.id = staff_id
WHERE code = %(staff)s
RETURNING staff_id;

-- name: find_link
SELECT code, name, is_used, is_over FROM link_of(%(token_sha256)b);

-- name: enter_by_link
SELECT code, sets_password
FROM enter_by_link(
    %(link_sha256)b, %(token_sha256)b, %(session_for)s, %(idle)s, %(before_sha256)b
);

-- name: password_terms
-- No row: there is no such account.
SELECT code, terms FROM password_terms(%(staff)s);

-- name: log_in
SELECT log_in(
    %(staff)s, %(proof)b, %(token_sha256)b, %(session_for)s, %(idle)s, %(before_sha256)b
);

-- name: lock_password
SELECT pg_advisory_xact_lock(hashtextextended('adhere.password ' || %(staff)s, 0));

-- name: change_password
SELECT change_password(%(proof)b::bytea, %(kept)s, %(token_sha256)b);

-- name: read_as
-- For this transaction: whose rows are seen. Null: nobody's.
SELECT set_config('adhere.session', coalesce(encode(%(token_sha256)b::bytea, 'hex'), ''), true);

-- name: end_links
UPDATE login_link SET used_at = clock_timestamp()
WHERE staff_id = %(staff_id)s AND used_at IS NULL;

-- name: forget_old_links
DELETE FROM login_link WHERE expires_at < clock_timestamp() - interval '30 days';

-- name: find_session
SELECT
    staff_id, code, role, name, has_password, may_set_password, shows_names, seen_at
FROM session_of(%(token_sha256)b, %(idle)s);

-- name: touch_session
SELECT touch_session(%(token_sha256)b);

-- name: show_names
SELECT show_names(%(token_sha256)b, %(shows_names)s);

-- name: note_listed
-- True where the list shows somebody whom the last one of this session did not.
SELECT note_listed(%(token_sha256)b, %(listed)s::text[]);

-- name: know_browser
SELECT know_browser(%(token_sha256)b, %(known_for)s);

-- name: find_browser
SELECT browser_of(%(token_sha256)b, %(known_for)s);

-- name: end_session
SELECT end_session(%(token_sha256)b);

-- name: end_sessions
DELETE FROM web_session WHERE staff_id = %(staff_id)s;

-- name: find_wait
SELECT coalesce(extract(epoch FROM max(wait_until) - clock_timestamp()), 0)::double precision
FROM login_wait
WHERE key_sha256 = ANY (%(keys)s::bytea[]) AND wait_until > clock_timestamp();

-- name: find_failures
SELECT coalesce(max(failures), 0) FROM login_wait WHERE key_sha256 = ANY (%(keys)s::bytea[]);

-- name: note_failure
-- The wait doubles with each failure from `allowed` on, up to a longest: nobody is shut out for good.
INSERT INTO login_wait AS wait (key_sha256, failures, failed_at, wait_until)
VALUES (%(key)b, 1, clock_timestamp(), clock_timestamp())
ON CONFLICT (key_sha256) DO UPDATE
SET failures = CASE
        WHEN wait.failed_at < clock_timestamp() - %(forgotten_after)s::interval THEN 1
        ELSE wait.failures + 1
    END,
    failed_at = clock_timestamp(),
    wait_until = clock_timestamp() + CASE
        WHEN wait.failed_at < clock_timestamp() - %(forgotten_after)s::interval
            OR wait.failures + 1 < %(allowed)s
        THEN interval '0'
        ELSE least(
            %(longest_wait)s::interval,
            %(first_wait)s::interval * power(2, least(wait.failures + 1 - %(allowed)s, 20))
        )
    END;

-- name: forget_failures
DELETE FROM login_wait WHERE key_sha256 = %(key)b;

-- name: forget_old_failures
DELETE FROM login_wait WHERE failed_at < clock_timestamp() - %(forgotten_after)s::interval;

-- name: read_audit
-- About somebody: rows of that subject, and of lists in which they stood (migration 0028).
SELECT id, at, actor, action, subject, detail::text
FROM audit
WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
    AND (%(actor)s::text IS NULL OR actor = %(actor)s)
    AND (
        %(subject)s::text IS NULL
        OR subject = %(subject)s
        OR id = ANY (ARRAY(SELECT audit_about(%(subject)s)))
    )
    AND (%(action)s::text IS NULL OR action = %(action)s)
ORDER BY id DESC
LIMIT %(rows)s;

-- name: note_audit
-- Of what was done at a terminal the login as well: it is the server's word, not the caller's.
INSERT INTO audit (actor, action, subject, detail)
VALUES (
    %(actor)s, %(action)s, %(subject)s,
    %(detail)s::jsonb || CASE
        WHEN starts_with(%(actor)s::text, 'terminal:')
        THEN jsonb_build_object('login', session_user::text)
        ELSE '{}'
    END
);

-- name: read_districts
-- The districts; where there is none, the centres.
SELECT code FROM organisation
WHERE kind = CASE
    WHEN EXISTS (SELECT FROM organisation WHERE kind = 'district') THEN 'district' ELSE 'centre'
END
ORDER BY code;

-- name: read_organisations
SELECT code, name FROM organisation ORDER BY kind DESC, code;
