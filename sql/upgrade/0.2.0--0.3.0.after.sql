
-- What views depended on, before they were replaced.
ALTER EXTENSION anomaly DROP TABLE _anomaly._ad_job_0_2;
DROP TABLE _anomaly._ad_job_0_2;
SELECT _anomaly._ad_drop_functions_0_2(ARRAY['_ad_stat_models()', '_ad_progress()']);
DROP FUNCTION _anomaly._ad_drop_functions_0_2(text[]);

-- What pg_cron was told until now.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
		EXECUTE $sql$
			INSERT INTO _anomaly._ad_schedule (kind, name, role, schedule, command, at)
			SELECT 'job', j.name, j.owner, c.schedule, c.command, clock_timestamp()
			FROM cron.job c JOIN _anomaly._ad_job j ON c.jobname = 'anomaly ' || j.name AND c.username = j.owner::text
			WHERE c.database = current_database()
		$sql$;
	END IF;
END $$;

-- Who may not train may not with labels, nor detect in another form, nor look at
-- what he was not to see, nor make, change, share or label jobs, or drop models.
DO $$
DECLARE
	f record;
	g record;
BEGIN
	FOR f IN SELECT new.oid::regprocedure AS new, old.proacl, old.proowner
		FROM pg_proc old JOIN pg_proc new ON '_' || new.proname = old.proname AND new.pronamespace = '@extschema@'::regnamespace
			AND CASE new.proname WHEN 'ad_train' THEN new.proargtypes[2] = old.proargtypes[2]
				WHEN 'ad_detect' THEN new.proargtypes[1] = old.proargtypes[1]
				WHEN 'ad_create_job' THEN true
				WHEN 'ad_create_layering_job' THEN true
				WHEN 'ad_drop_model' THEN true
				WHEN 'ad_label' THEN new.proargtypes = old.proargtypes OR new.proargtypes[1] = '"any"'::regtype AND old.proargtypes[1] = 'text'::regtype
				ELSE new.proargtypes = old.proargtypes END
		WHERE old.proname IN ('_ad_train', '_ad_detect', '_ad_features', '_ad_health', '_ad_create_job', '_ad_create_layering_job', '_ad_alter_job',
				'_ad_grant_job', '_ad_revoke_job', '_ad_label', '_ad_drop_model') AND old.pronamespace = '_anomaly'::regnamespace AND old.proacl IS NOT NULL
	LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.new);
		FOR g IN SELECT a.grantee, a.is_grantable FROM aclexplode(f.proacl) a WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> f.proowner LOOP
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s%s', f.new,
				CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
				CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
		END LOOP;
	END LOOP;
END $$;
