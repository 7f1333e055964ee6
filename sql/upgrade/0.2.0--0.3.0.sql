\echo Use "ALTER EXTENSION anomaly UPDATE TO '0.3.0'" to load this file. \quit

-- What moves, changes its form or goes. Functions, aggregates, views and
-- comments follow, as the install script has them (replace.awk).

SET LOCAL search_path = pg_catalog, pg_temp;

-- What is private moves to a schema where nobody else may create. The objects
-- stay what they are: whatever of users' depends on them survives.
CREATE SCHEMA _anomaly;
GRANT USAGE ON SCHEMA _anomaly TO PUBLIC;

DO $$
DECLARE
	o record;
BEGIN
	FOR o IN
		SELECT i.type, i.identity, d.classid
		FROM pg_depend d
		     JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		     CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
		     LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
		     LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
		     LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid AND t.typtype = 'b' AND t.typelem = 0
		WHERE e.extname = 'anomaly' AND coalesce(p.proname, c.relname, t.typname) LIKE '\_ad\_%'
		-- functions first, while the types that they take are where their names say
		ORDER BY d.classid <> 'pg_proc'::regclass, d.objid
	LOOP
		EXECUTE format('ALTER %s %s SET SCHEMA _anomaly',
			CASE WHEN o.classid = 'pg_proc'::regclass THEN 'ROUTINE' ELSE o.type END, o.identity);
	END LOOP;
END $$;

-- What pg_cron runs named the procedure in the extension's schema.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
		EXECUTE $sql$
			UPDATE cron.job SET command = regexp_replace(command, '^CALL \S+\.ad_run_job\((.*)\)$', 'CALL _anomaly._ad_run_job(\1, NULL)')
			WHERE jobname LIKE 'anomaly %' AND database = current_database() AND command ~ '^CALL \S+\.ad_run_job\((.*)\)$'
		$sql$;
	END IF;
END $$;
