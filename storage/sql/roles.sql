-- The roles of the server, and what they may.

-- name: find_roles
SELECT rolname FROM pg_roles WHERE rolname = ANY (%(roles)s);
