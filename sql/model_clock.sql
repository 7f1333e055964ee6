-- Times of day around midnight: near to each other with calendar, and one usual range in words.
\set SHOW_CONTEXT never
\pset format unaligned
\pset null NULL

-- busy from 22:00 to 02:00
CREATE TABLE night AS
SELECT i AS id, (time '22:00' + i * 7919 % 2400 * interval '6 seconds')::time AS at, sin(i) AS x FROM generate_series(1, 2400) i;
CREATE TABLE fitted AS
SELECT name, calendar, ad_fit(spec || ad_prepare(calendar => calendar), at, x) AS m
FROM (SELECT name, jsonb_build_object('detector', name) AS spec FROM unnest(_anomaly._ad_detectors()) name
      UNION ALL VALUES ('ensemble', ad_ensemble(ARRAY[ad_iforest(), ad_zscore()]))) s, night, unnest('{f,t}'::boolean[]) calendar GROUP BY 1, 2;
CREATE TABLE judged AS
SELECT name, calendar, ad_score(m, time '12:00', 0.1) AS noon, ad_score(m, time '23:30', 0.1) AS half_past, ad_score(m, time '23:59', 0.1) AS before,
       ad_score(m, time '00:01', 0.1) AS after, ad_score(m, NULL, 0.1) AS missing, ad_score(m, time '24:00', 0.1) = ad_score(m, time '00:00', 0.1) AS one_midnight
FROM fitted;
-- noon is strange, both sides of midnight are alike, and what is missing is no noon: of every detector
SELECT count(*) > 16 AS many, bool_and(noon > half_past AND noon > before) AS noon, bool_and(abs(before - after) < 0.1 * abs(noon - before)) AS alike,
       bool_and(missing < noon) AS missing, bool_and(one_midnight) AS one_midnight
FROM judged WHERE calendar;
SELECT f.encoding, ad_info(m) ->> 'columns' AS columns, f.min, f.max FROM fitted t, ad_features(m) f WHERE t.name = 'zscore' AND position = 1 ORDER BY calendar;
-- contributions are those of the feature
SELECT name, e.feature, e.value, e.direction, e.typical, abs(ad_score(m, time '12:00', 0.1) - ad_score(m, time '00:00', 0.1) - c.noon + c.midnight) < 1e-9 AS adds_up
FROM fitted, LATERAL (SELECT (SELECT sum(contribution) FROM ad_explain(m, time '12:00', 0.1)) AS noon, (SELECT sum(contribution) FROM ad_explain(m, time '00:00', 0.1)) AS midnight) c,
	ad_explain(m, time '12:00', 0.1) e
WHERE calendar AND name IN ('ecod', 'ensemble', 'iforest', 'knn', 'zscore') AND rank = 1 ORDER BY name COLLATE "C";

-- words go around the clock, with calendar and without
SELECT at, e.value, e.direction, e.typical, count(*) AS models FROM fitted, unnest('{12:00,02:00:00.5,22:12,22:11,23:59,24:00,00:00,01:47}'::time[]) at, ad_explain(m, at, 0.1) e
WHERE e.feature = 'feature 1' GROUP BY 1, 2, 3, 4 ORDER BY at;
SELECT ad_why(m, time '12:00', 0.1) FROM fitted WHERE name = 'zscore' AND calendar;
-- usual times that do not go over midnight are as they were; so are those of a day that is busy throughout
SELECT ad_why(m, time '23:30'), ad_why(m, time '03:00'), ad_why(m, time '09:00')
FROM (SELECT ad_fit('knn', time '08:00' + i * interval '1 minute') AS m FROM generate_series(0, 600) i) f;
SELECT e.direction, e.typical FROM (SELECT ad_fit('knn', time '00:00' + i * interval '1 minute') AS m FROM generate_series(0, 1439) i) f, ad_explain(m, time '23:30') e;
-- a few that are not at night do not hide what is usual; a single one, and none
SELECT e.direction, e.typical FROM (
	SELECT ad_fit('knn', at) AS m FROM (SELECT at FROM night UNION ALL SELECT time '02:00' + i * interval '12 minutes' FROM generate_series(1, 99) i) t) f, ad_explain(m, time '12:00') e;
SELECT ad_why(ad_fit('zscore', time '23:00'), time '12:00'), ad_why(ad_fit('zscore', NULL::time), time '12:00');
-- an interval is not on the clock
SELECT ad_why(m, interval '12:00'), ad_score(m, interval '12:00') < ad_score(m, interval '23:30') AS linear
FROM (SELECT ad_fit(ad_zscore() || ad_prepare(calendar => true), at::interval) AS m FROM night) f;
-- a model says the same wherever its rows came from
SELECT count(DISTINCT m) AS models FROM (
	SELECT ad_fit(ad_iforest() || ad_prepare(calendar => true), at, x) AS m FROM night
	UNION ALL SELECT ad_fit(ad_iforest() || ad_prepare(calendar => true), at, x) FROM (SELECT * FROM night ORDER BY x) t
	UNION ALL SELECT ad_fit_sketch(ad_iforest() || ad_prepare(calendar => true), ad_merge(s)) FROM (SELECT ad_sketch(at, x) AS s FROM night GROUP BY id % 7) t) f;

DROP TABLE night, fitted, judged;
