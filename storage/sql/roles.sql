-- The roles of the server, and what they may.

-- name: find_roles
SELECT rolname FROM pg_roles WHERE rolname = ANY (%(roles)s);

-- name: granted_rights
-- What anybody but the owner may do with what is ours: grantee, right, object, columns (null: all).
-- Without the days of the reading tables, which nobody is granted anything on, and without what
-- belongs to extensions.
WITH ours AS (
    SELECT oid, relname AS name, relowner AS owner, relacl AS acl
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
        AND NOT relispartition
        AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
        )
)
SELECT
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END AS grantee,
    lower(privilege_type), name, NULL::text[]
FROM ours, aclexplode(acl)
WHERE grantee <> owner
UNION ALL
SELECT
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,
    lower(privilege_type), name, array_agg(attname::text ORDER BY attname)
FROM ours
JOIN pg_attribute ON attrelid = ours.oid
CROSS JOIN aclexplode(attacl)
WHERE grantee <> owner AND NOT attisdropped
GROUP BY grantee, privilege_type, name
UNION ALL
SELECT
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,
    lower(privilege_type), proname, NULL
FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
WHERE pronamespace = 'public'::regnamespace AND grantee <> proowner
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
    );

-- name: members_of_roles
-- Which logins may work as which role; superusers may as all, and stand apart.
SELECT login.rolname, login.rolsuper, array_agg(role.rolname::text ORDER BY role.rolname)
FROM pg_roles AS login
JOIN pg_roles AS role ON role.rolname = ANY (%(roles)s) AND pg_has_role(login.oid, role.oid, 'MEMBER')
WHERE login.rolcanlogin
GROUP BY login.rolname, login.rolsuper
ORDER BY login.rolsuper, login.rolname;

-- name: overpowered_roles
-- Group roles that have rights no grant gives: they pass by every check.
SELECT rolname
FROM pg_roles
WHERE rolname = ANY (%(roles)s)
    AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolcanlogin)
ORDER BY rolname;
