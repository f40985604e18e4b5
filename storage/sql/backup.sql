-- What a backup says of the database it was taken of, and what it is compared by.

-- name: find_tables
-- Every table of ours whose rows are to be the same: a table kept by day stands for its days.
SELECT relname
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
    )
ORDER BY relname;

-- name: find_anything
-- Whether somebody has made anything at all in this database, beside what its extensions made.
SELECT
    (
        SELECT count(*) FROM pg_class
        WHERE relnamespace NOT IN (
            SELECT oid FROM pg_namespace
            WHERE starts_with(nspname, 'pg_') OR nspname = 'information_schema'
                OR starts_with(nspname, '_timescaledb_')
        )
        AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
        )
    )
    + (
        SELECT count(*) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
        )
    );

-- name: find_hidden_tables
-- Tables of which row security would show this login a part only: a dump of them is no backup.
SELECT oid::regclass::text
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND row_security_active(oid)
ORDER BY 1;

-- name: describe_database
-- The rights on the database itself without its owner's: they are in no dump.
SELECT
    current_database(),
    current_setting('server_version'),
    current_setting('server_version_num')::integer / 10000,
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
    pg_encoding_to_char(encoding),
    datcollate,
    pg_database_size(oid),
    (
        SELECT pg_get_userbyid(relowner)::text FROM pg_class
        WHERE oid = to_regclass('public.migration')
    ),
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END,
            privilege_type
        ) ORDER BY grantee, privilege_type), '[]')
        FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
        WHERE grantee <> datdba
    ),
    (
        SELECT coalesce(array_agg(setting ORDER BY setting), '{}')
        FROM pg_db_role_setting, unnest(setconfig) AS setting
        WHERE setdatabase = pg_database.oid AND setrole = 0
    )
FROM pg_database
WHERE datname = current_database();

-- name: describe_roles
-- Who owns something here or was granted something, and what such a role is a member of.
WITH RECURSIVE named AS (
    SELECT refobjid AS oid
    FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND deptype IN ('o', 'a', 'r')
        AND (SELECT oid FROM pg_database WHERE datname = current_database()) IN (
            dbid, CASE WHEN classid = 'pg_database'::regclass THEN objid END
        )
    UNION
    SELECT member FROM pg_auth_members JOIN named ON named.oid = pg_auth_members.roleid
)
SELECT
    rolname::text, rolcanlogin, rolbypassrls, rolcreaterole,
    (
        SELECT coalesce(array_agg(DISTINCT pg_get_userbyid(roleid)::text), '{}')
        FROM pg_auth_members WHERE member = pg_roles.oid
    )
FROM pg_roles
JOIN named USING (oid)
WHERE NOT rolsuper
ORDER BY rolname;

-- name: find_lacking_roles
SELECT named FROM unnest(%(roles)s::text[]) AS named WHERE to_regrole(quote_ident(named)) IS NULL;

-- name: may_work_as
SELECT to_regrole(quote_ident(%(role)s)) IS NOT NULL
    AND pg_has_role(current_user, to_regrole(quote_ident(%(role)s))::oid, 'MEMBER');

-- name: timescale_versions
SELECT array_agg(version) FROM pg_available_extension_versions WHERE name = 'timescaledb';
