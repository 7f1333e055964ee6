-- Jobs over columns of every type of watermark, and of any name.
\set SHOW_CONTEXT never
SET timezone = 'Europe/Vienna';

CREATE TABLE reading AS
SELECT i AS id, ad_random(1, i, 'normal') AS a, i AS n, timestamptz '2026-01-01' + i * interval '3 minutes' AS at
FROM generate_series(1, 3000) i;
UPDATE reading SET a = 50 WHERE id % 1000 = 0;
SELECT ad_train('r', 'SELECT a FROM reading WHERE a < 50', 'zscore');

-- batches within a value, days apart, late by less than a day: every row once, and no more
CREATE PROCEDURE each_type() LANGUAGE plpgsql AS $$
DECLARE
	type text;
BEGIN
	FOREACH type IN ARRAY '{date,timestamp,timestamptz,bigint,integer,smallint}'::text[] LOOP
		EXECUTE format('CREATE TABLE by_%1$s AS SELECT id, a, %2$s::%1$s AS w FROM reading', type, CASE WHEN type ~ 'int' THEN 'n / 100' ELSE 'at' END);
		PERFORM ad_create_job('by ' || type, 'r', 'by_' || type, 'id', 'w', rule => '{"score": 20}', batch_size => 100,
							  lag => CASE WHEN type ~ 'int' THEN '3' ELSE '5 minutes' END);
	END LOOP;
END $$;
CALL each_type();
SET statement_timeout = '60s';
CALL ad_run_job('by date');
CALL ad_run_job('by timestamp');
CALL ad_run_job('by timestamptz');
CALL ad_run_job('by bigint');
CALL ad_run_job('by integer');
CALL ad_run_job('by smallint');
RESET statement_timeout;
SELECT job, rows, batches, alerts, (SELECT count(*) FROM ad_alert a WHERE a.job = r.job) AS kept FROM ad_job_run r ORDER BY job;
-- the lag of a date is whole days: a row of the day before the last is late within five minutes
INSERT INTO by_date SELECT 5001, 60, max(w) FROM by_date;
INSERT INTO by_date SELECT 5002, 60, max(w) - 1 FROM by_date;
CALL ad_run_job('by date');
SELECT rows, alerts FROM ad_job_run WHERE job = 'by date' ORDER BY run;
INSERT INTO by_date SELECT 5003, 60, max(w) - 2 FROM by_date;
CALL ad_run_job('by date', until => '2026-01-01 12:00');
SELECT rows, status FROM ad_job_run WHERE job = 'by date' ORDER BY run DESC LIMIT 1;

-- names that the queries around the source have
CREATE TABLE odd AS
SELECT id AS "ke""y.1", at AS "w.m", a AS _q, a AS _q_, id AS _k, at AS _w, id % 3 AS _s, 1 AS _n, 2 AS _b, 'x'::text AS "row", 3 AS _t, 4 AS t, 5 AS place FROM reading;
SELECT ad_train('o', 'SELECT _q, _q_, _s, _t, t FROM odd WHERE _q < 50', ad_zscore() || ad_calibrate(share => 0.5));
SELECT ad_create_job('odd', 'o', 'odd', 'ke"y.1', 'w.m', rule => '{"fdr": 0.5}', entity => '_n');
CALL ad_run_job('odd');
SELECT ad_create_job('spaced', 'o', ' public . odd ', 'ke"y.1', 'w.m', rule => '{"fdr": 0.5}', features => '{_q,_q_,_s,_t,t}');
SELECT ad_create_job('odder', 'o', 'SELECT * FROM odd -- all', 'ke"y.1', 'w.m', rule => '{"score": 20}', entity => 'place', features => '{_q,_q_,_s,_t,t}');
CALL ad_run_job('odder');
SELECT job, rows, alerts FROM ad_job_run WHERE job LIKE 'odd%' ORDER BY job;
SELECT key, entity, "row" ->> '_q' AS q, "row" ->> '_q_' AS q_ FROM ad_alert WHERE job = 'odder' ORDER BY key;
SELECT ad_label('odd', 5, false);
SELECT "row" -> '_k' AS k FROM ad_labels;
SELECT ad_retrain('o') -> 'activated' AS activated;

SELECT ad_drop_job(name) IS NOT NULL AS dropped FROM ad_jobs;
SELECT ad_drop_model('r'), ad_drop_model('o');
DROP TABLE reading, odd, by_date, by_timestamp, by_timestamptz, by_bigint, by_integer, by_smallint;
DROP PROCEDURE each_type;
