-- Names that people type need no quotes: arguments of functions, columns of
-- functions, views and types. What is listed here does, for the sake of old
-- queries; a new one needs another name.
CREATE VIEW quoted AS
WITH member AS (
	SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'anomaly' AND d.deptype = 'e'
), named AS (
	SELECT p.proname AS object, n.name, CASE WHEN coalesce(p.proargmodes[n.i], 'i') IN ('o', 't') THEN 'column' ELSE 'argument' END AS what
	FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid, unnest(p.proargnames) WITH ORDINALITY n(name, i)
	WHERE p.pronamespace <> '_anomaly'::regnamespace AND n.name <> ''
	UNION ALL
	SELECT c.relname, a.attname, 'column'
	FROM member m LEFT JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid AND t.typtype = 'c'
	     JOIN pg_class c ON c.oid = CASE WHEN m.classid = 'pg_class'::regclass THEN m.objid ELSE t.typrelid END
	     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace <> '_anomaly'::regnamespace AND c.relkind IN ('v', 'r', 'c', 'm')
)
SELECT DISTINCT n.object, n.what, n.name, k.catdesc
FROM named n LEFT JOIN pg_get_keywords() k ON k.word = n.name
WHERE n.name !~ '^[a-z_][a-z0-9_]*$' OR k.catcode = 'R' OR k.catcode = CASE n.what WHEN 'argument' THEN 'C' ELSE 'T' END;
SELECT what, name, count(*) AS objects, min(object) AS first FROM quoted GROUP BY what, name ORDER BY what, name;
DROP VIEW quoted;
