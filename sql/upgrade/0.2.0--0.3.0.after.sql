
-- What views depended on, before they were replaced.
ALTER EXTENSION anomaly DROP TABLE _anomaly._ad_job_0_2;
DROP TABLE _anomaly._ad_job_0_2;
SELECT _anomaly._ad_drop_functions_0_2(ARRAY['_ad_stat_models()']);
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
