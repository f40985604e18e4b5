-- name: describe_tables
-- Every table of ours, without the days of the reading tables.
SELECT relname, obj_description(oid, 'pg_class')
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname;

-- name: describe_columns
SELECT
    pg_class.relname, attname, format_type(atttypid, atttypmod), attnotnull,
    col_description(attrelid, attnum),
    (
        SELECT target.relname
        FROM pg_constraint
        JOIN pg_class AS target ON target.oid = confrelid
        WHERE conrelid = attrelid AND contype = 'f' AND conkey = ARRAY[attnum]
    )
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND attnum > 0 AND NOT attisdropped
ORDER BY pg_class.relname, attnum;

-- name: describe_functions
-- Those of our own: not an extension's, and not what a trigger calls.
SELECT
    proname || '(' || pg_get_function_identity_arguments(oid) || ')',
    obj_description(oid, 'pg_proc')
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
ORDER BY 1;
