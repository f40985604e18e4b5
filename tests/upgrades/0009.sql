UPDATE staff SET email = 'd1@district.example' WHERE id = 1;
INSERT INTO staff (organisation_id, code, role, name) VALUES (1, 'a1', 'administrator', 'Administrator'), (3, 'y1', 'payer', 'Payer'), (1, 'u1', 'auditor', 'Auditor');
INSERT INTO care_team VALUES (1, 2);
INSERT INTO login VALUES (1, '$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA', '2026-11-02 00:00+00', NULL), (2, NULL, NULL, '2026-11-03 00:00+00');
INSERT INTO web_session (token_sha256, staff_id, ends_at, may_set_password, listed) VALUES (sha256('s'), 1, '2026-11-10 12:00+00', false, '{p1,p2}');
INSERT INTO login_link (token_sha256, staff_id, expires_at, sets_password) VALUES (sha256('l'), 2, '2026-11-10 12:00+00', true);
INSERT INTO login_wait VALUES (sha256('k'), 3, '2026-11-10 00:00+00', '2026-11-10 00:01+00');
INSERT INTO known_browser (token_sha256, staff_id) VALUES (sha256('b'), 1);
