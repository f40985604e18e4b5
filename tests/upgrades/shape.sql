-- Everything that a schema says, a row a thing: what an upgraded database has as a new one has it.
SELECT 'column', relname || '.' || attname, concat_ws(' ', format_type(atttypid, atttypmod), attnotnull,
    attidentity, attgenerated, attstorage, pg_get_expr(adbin, adrelid), attacl::text,
    col_description(attrelid, attnum))
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped AND NOT relispartition
    AND relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'relation', relname, concat_ws(' ', relkind, relrowsecurity, relforcerowsecurity, relacl::text,
    obj_description(oid, 'pg_class'))
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition
UNION ALL
SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, concat_ws(chr(32), pg_get_constraintdef(oid), convalidated)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND coninhcount = 0
UNION ALL
SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND NOT relispartition
UNION ALL
SELECT 'trigger', tgrelid::regclass || '.' || tgname, concat_ws(chr(32), pg_get_triggerdef(oid), tgenabled)
FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (
    SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition
)
UNION ALL
SELECT 'policy', tablename || '.' || policyname, concat_ws(' ', permissive, roles, cmd, qual, with_check)
FROM pg_policies WHERE schemaname = 'public'
UNION ALL
SELECT 'function', pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid) || coalesce(proacl::text, '')
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND NOT EXISTS (
    SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e'
)
ORDER BY 1, 2
