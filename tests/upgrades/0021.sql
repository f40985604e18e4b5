SELECT seal_audit();
INSERT INTO audit (actor, action, subject) VALUES ('d1', 'read_patient', 'p2');
