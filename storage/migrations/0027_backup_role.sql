-- Who makes backups has a role as everybody has, so that its one right is known; and a dead letter
-- is read again by the hub alone, whose login is no operator's.
GRANT USAGE ON SCHEMA public TO adhere_backup;
GRANT INSERT (actor, action, subject, detail) ON audit TO adhere_backup;
CREATE POLICY adhere_backup ON audit FOR INSERT TO adhere_backup WITH CHECK (action = 'back_up');

REVOKE SELECT ON dead_letter FROM adhere_hub; -- of some of its columns
GRANT SELECT ON dead_letter TO adhere_hub;
GRANT UPDATE (retried_at, retry_detail, retry_outcome) ON dead_letter TO adhere_hub;
