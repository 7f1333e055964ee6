-- What the extension promises by its shape: see docs/security.md.
\pset format unaligned
CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, i.type, i.schema, i.name, i.identity
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass,
     pg_identify_object(d.classid, d.objid, 0) i
WHERE e.extname = 'anomaly' AND d.deptype = 'e'
	-- array types, and the types of tables' rows, are members from 18 on
	AND i.identity NOT LIKE '%[]'
	AND NOT EXISTS (SELECT FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
		WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid AND c.relkind <> 'c');

-- nothing is without a comment
SELECT identity AS no_comment FROM member WHERE obj_description(objid, classid::regclass::name) IS NULL;
-- no function runs with the rights of anybody but its caller
SELECT p.oid::regprocedure AS security_definer FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid WHERE p.prosecdef;
-- what is private is in a schema of its own, and what is not there is public
SELECT identity FROM member WHERE schema = '_anomaly' AND name !~ '^_?_ad_' OR schema <> '_anomaly' AND (name !~ '^_?ad_' OR name ~ '^_ad_');
-- where nobody but the owner may create, and everybody may look up
SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'public') AS role, a.privilege_type
FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = '_anomaly' AND a.grantee <> n.nspowner;
-- SQL text names objects of that schema or pg_catalog only: the extension's schema stands in no function
SELECT p.oid::regprocedure AS names_the_schema FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
JOIN pg_language l ON l.oid = p.prolang JOIN pg_extension e ON e.extname = 'anomaly'
WHERE l.lanname IN ('sql', 'plpgsql') AND p.prosrc LIKE '%' || e.extnamespace::regnamespace || '.%';
-- a function in SQL or PL/pgSQL has a fixed search path, but where a query of its caller means what it means to the caller
SELECT p.oid::regprocedure AS caller_s_path FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname IN ('sql', 'plpgsql') AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
ORDER BY p.oid::regprocedure::text;
-- views by which others see rows are barriers
SELECT c.oid::regclass AS no_barrier FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'v' AND NOT coalesce(c.reloptions @> ARRAY['security_barrier=true'], false) ORDER BY 1;
-- what everybody may do with tables, views and sequences
SELECT c.oid::regclass AS relation, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS public
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid, aclexplode(c.relacl) a
WHERE a.grantee = 0 GROUP BY c.oid ORDER BY c.oid::regclass::text;
