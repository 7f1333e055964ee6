-- Preparation: what is decided at the fit is stored and applied to a score.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

-- SQLSTATE, message, detail and hint of what a statement raises.
CREATE FUNCTION pg_temp.expect_error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE sql;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ': ' || message,
		nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned

-- x: median 30, mean 110, every tenth missing; c: 'b' is most frequent
CREATE TABLE t AS
SELECT i AS id, CASE WHEN i % 10 <> 0 THEN (ARRAY[10, 20, 30, 30, 460])[1 + i % 5]::float8 END AS x,
       CASE WHEN i % 10 <> 3 THEN (ARRAY['a', 'b', 'b', 'b', 'c'])[1 + i % 5] END AS c,
       i * 37 % 101 AS y
FROM generate_series(1, 300) i;

-- a missing value is as the value it becomes
CREATE TABLE imputed AS
SELECT how, ad_fit(ad_iforest() || ad_prepare(impute => how), x, c, y) AS m
FROM t, unnest(ARRAY['median', 'mean', 'zero']) how GROUP BY how;
SELECT how, (SELECT median FROM ad_features(m) LIMIT 1) AS median,
       (SELECT missing FROM ad_features(m) LIMIT 1) AS missing,
       ad_score(m, NULL, 'a', 5) = ad_score(m, value, 'a', 5) AS number,
       ad_score(m, 10, NULL, 5) = ad_score(m, 10, 'b', 5) AS category,
       ad_score(m, 'NaN'::float8, 'a', 5) = ad_score(m, NULL, 'a', 5) AS nan
FROM imputed JOIN (SELECT 'median' AS how, 30.0 AS value
                   UNION ALL SELECT 'mean', avg(x) FROM t
                   UNION ALL SELECT 'zero', 0) v USING (how) ORDER BY how;
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit(ad_iforest() || ad_prepare(impute => 'error'), x, y) FROM t$$,
$$SELECT ad_fit(ad_iforest() || ad_prepare(impute => 'error'), r) FROM (SELECT y, c FROM t) r$$,
$$SELECT ad_score(ad_fit(ad_iforest() || ad_prepare(impute => 'error'), id, y), 3, NULL) FROM t$$,
$$SELECT ad_score(ad_fit(ad_iforest() || ad_prepare(impute => 'error'), id, y), 3, 4) FROM t$$
]) s;

-- scaling: the forest does not mind, up to rounding; the extended forest scales by itself
SELECT scale, round(max(abs(ad_score(m, x, y) - ad_score(none, x, y)))::numeric, 2) AS difference
FROM (SELECT scale, ad_fit(ad_iforest() || ad_prepare(scale => scale), x, y) AS m
      FROM t, unnest(ARRAY['auto', 'none', 'standard', 'robust', 'minmax']) scale GROUP BY scale) s,
     (SELECT ad_fit(ad_iforest() || ad_prepare(scale => 'none'), x, y) AS none FROM t) n, t
GROUP BY scale ORDER BY scale;
SELECT scale,
       ad_score(ad_fit(ad_iforest(ndim => 2) || ad_prepare(scale => scale), x, y), 10, 5) =
       ad_score(ad_fit(ad_iforest(ndim => 2), x, y), 10, 5) AS is_the_default
FROM t, unnest(ARRAY['none', 'standard', 'robust', 'minmax']) scale
GROUP BY scale ORDER BY scale;
-- a constant feature can be scaled
SELECT ad_score(ad_fit(ad_iforest() || ad_prepare(scale => scale), 7, y), 7, 50) BETWEEN 0.3 AND 0.6 AS fine
FROM t, unnest(ARRAY['standard', 'robust', 'minmax']) scale GROUP BY scale;

-- time: epoch seconds, and with calendar the hour and the weekday of a zone
CREATE TABLE logins AS
SELECT timestamptz '2024-06-03 08:00+00' + i / 40 * interval '1 day' + i % 40 * interval '12 minutes' AS at
FROM generate_series(0, 1999) i;
DELETE FROM logins WHERE extract(isodow FROM at) > 5;
CREATE TABLE zones AS
SELECT zone, ad_fit(ad_iforest(trees => 300, sample_size => 512)
                    || ad_prepare(calendar => true, timezone => zone), at) AS m
FROM logins, unnest(ARRAY['UTC', 'Europe/Vienna', 'Asia/Kolkata']) zone GROUP BY zone;
SELECT zone, type, encoding, ad_info(m) ->> 'columns' AS columns
FROM zones, ad_features(m) ORDER BY zone;
-- a night login among office hours, a Sunday among working days
SELECT zone, ad_score(m, timestamptz '2024-06-19 03:00+00') > ad_score(m, timestamptz '2024-06-19 12:00+00') AS night,
       ad_score(m, timestamptz '2024-06-23 12:00+00') > ad_score(m, timestamptz '2024-06-19 12:00+00') AS sunday
FROM zones ORDER BY zone;
SELECT ad_info(ad_fit('iforest', at)) ->> 'columns' AS without FROM logins;
-- no setting of the session enters a model or a score
CREATE TABLE settings AS
SELECT 'fit' AS what, md5(m) AS said FROM zones WHERE zone = 'Asia/Kolkata'
UNION ALL
SELECT 'score', ad_score(m, timestamptz '2024-06-19 03:00+00')::text FROM zones WHERE zone = 'Asia/Kolkata';
SET timezone = 'America/St_Johns';
SET datestyle = 'German';
SET intervalstyle = 'sql_standard';
SET extra_float_digits = -15;
SELECT md5(ad_fit(ad_iforest(trees => 300, sample_size => 512)
                  || ad_prepare(calendar => true, timezone => 'Asia/Kolkata'), at)) =
       (SELECT said FROM settings WHERE what = 'fit') AS fit
FROM logins;
RESET extra_float_digits;
SELECT ad_score(m, timestamptz '2024-06-19 03:00+00')::text = (SELECT said FROM settings WHERE what = 'score') AS score
FROM zones WHERE zone = 'Asia/Kolkata';
SET extra_float_digits = -15;
SELECT ad_iforest(max_features => 1 / 3.0::float8) ->> 'max_features' AS max_features,
       ad_info(ad_fit(ad_iforest(max_features => 1 / 3.0::float8), x, y)) #>> '{spec,max_features}' AS stored
FROM t;
RESET extra_float_digits; RESET timezone; RESET datestyle; RESET intervalstyle;
SET timezone = 'UTC';

-- categories: one-hot while they are few, then the share of rows
SELECT onehot_max, "distinct", encoding, ad_info(m) ->> 'columns' AS columns
FROM (SELECT onehot_max, ad_fit(ad_iforest() || ad_prepare(onehot_max => onehot_max), 'k' || id * id % 23) AS m
      FROM t, unnest(ARRAY[0, 11, 12, 13, 1000]) onehot_max GROUP BY onehot_max) o, ad_features(m)
ORDER BY onehot_max;
-- an unseen value is no error, and rarer than any that was seen
CREATE TABLE tags AS
SELECT i % 97 AS y, CASE WHEN i % 100 = 7 THEN 'rare' WHEN i % 3 = 0 THEN 'less' ELSE 'usual' END AS few,
       'v' || floor(sqrt(i * 37 % 1000)) AS many
FROM generate_series(1, 1000) i;
SELECT ad_score(m, 50, 'never') > max(ad_score(m, 50, few)) AS one_hot
FROM tags, (SELECT ad_fit(ad_iforest(), y, few) AS m FROM tags) f GROUP BY m;
SELECT ad_score(m, 50, 'never') >= max(ad_score(m, 50, many)) AS frequency,
       ad_score(m, 50, 'never') > avg(ad_score(m, 50, many)) AS above_average
FROM tags, (SELECT ad_fit(ad_iforest(), y, many) AS m FROM tags) f GROUP BY m;
SELECT ad_score(m, 'other') > ad_score(m, 'only') AS constant
FROM (SELECT ad_fit(ad_iforest(), 'only'::text) AS m FROM tags) f;

-- of two correlated features the later one is dropped
SELECT name, encoding
FROM ad_features((SELECT ad_fit(ad_iforest() || ad_prepare(drop_correlated => 0.95), r)
                  FROM (SELECT y AS a, id AS b, -2.0 * y + 5 AS c, y + id % 3 AS d, id + y * y AS e, x FROM t) r));
SELECT position, encoding
FROM ad_features((SELECT ad_fit(ad_iforest() || ad_prepare(drop_correlated => 0.95), y, 3 * y, id) FROM t));
-- it must still be given, and does not count
SELECT ad_score(m, 1, 2, 3) = ad_score(m, 1, 999, 3) AS ignored,
       ad_info(m) ->> 'features' AS features, ad_info(m) ->> 'columns' AS columns
FROM (SELECT ad_fit(ad_iforest() || ad_prepare(drop_correlated => 0.95), y, 3 * y, id) AS m FROM t) f;

-- infinities: counted in a fit, beyond every number in a score
SELECT position, missing, infinite, min, median, max FROM ad_features((
    SELECT ad_fit('iforest', CASE id WHEN 7 THEN float8 'Infinity' WHEN 8 THEN '-Infinity' WHEN 9 THEN 'NaN'
                             ELSE y END, CASE id WHEN 5 THEN date 'infinity'
                             WHEN 6 THEN '-infinity' ELSE date '2024-01-01' + id END) FROM t));
SELECT ad_score(m, 'Infinity'::float8, 5) = ad_score(m, 1e308, 5) AS above,
       ad_score(m, '-Infinity'::float8, 5) = ad_score(m, -1e308, 5) AS below,
       ad_score(m, 'Infinity'::float8, 5) > ad_score(m, 50, 5) AS higher,
       ad_score(m, 1e1000::numeric, 5) = ad_score(m, 1e308, 5) AS huge
FROM (SELECT ad_fit('iforest', y, id) AS m FROM t) f;
SELECT ad_score(m, 'infinity'::date) = ad_score(m, '9999-01-01'::date) AS date,
       ad_score(m, '-infinity'::timestamptz) = ad_score(m, '1000-01-01'::date) AS "timestamp"
FROM (SELECT ad_fit('iforest', date '2024-01-01' + id) AS m FROM t) f;
-- with calendar as well, under every detector: it has no hour, and lies beyond all
-- that the fit saw, and beyond the years to come
CREATE TABLE activity AS
SELECT s, timestamptz '2026-01-05 00:00+00' + (i / 8) * interval '1 day' +
       (CASE s WHEN 1 THEN 9 WHEN 2 THEN 22 ELSE 0 END + i % 8 * CASE s WHEN 3 THEN 3 ELSE 0.5 END +
        ad_random(s, i)) * interval '1 hour' AS ts
FROM generate_series(1, 400) i, generate_series(1, 3) s;
SELECT detector, s, v, highest, score
FROM (SELECT detector, s, ad_fit(jsonb_build_object('detector', detector) || ad_prepare(calendar => true, timezone => zone), ts) AS m
      FROM activity, unnest(_anomaly._ad_detectors()) detector, unnest('{UTC, America/New_York}'::text[]) zone
      GROUP BY detector, s, zone) f
     JOIN LATERAL (SELECT max(ad_score(m, ts)) AS highest FROM activity a WHERE a.s = f.s) h ON true,
     unnest('{infinity, -infinity}'::timestamptz[]) v,
     LATERAL (SELECT ad_score(m, v) AS score) i
WHERE score < highest ORDER BY 1, 2, 3;
-- of a model of two of them, of one of two features, in an ensemble; and it is explained
SELECT count(*) FILTER (WHERE ad_score(m, v, w) < highest) AS lower, count(*) AS scores
FROM (SELECT spec, ad_fit(spec || ad_prepare(calendar => true), ts, ts::date) AS m
      FROM activity, (VALUES (ad_iforest()), (ad_ecod()), (ad_ensemble(ARRAY[ad_iforest() || ad_prepare(calendar => true), ad_ecod()]))) s(spec)
      WHERE s = 1 GROUP BY spec) f
     JOIN LATERAL (SELECT max(ad_score(m, ts, ts::date)) AS highest FROM activity a WHERE a.s = 1) h ON true,
     (VALUES ('infinity'::timestamptz, 'infinity'::date), ('infinity', '-infinity'), ('-infinity', '-infinity')) i(v, w);
SELECT round((sum(contribution) + (ad_score(m, ts, 3) - (SELECT sum(contribution) FROM ad_explain(m, ts, 3))) -
              ad_score(m, 'infinity'::timestamptz, 3))::numeric, 9) AS missing, bool_and(contribution BETWEEN -1e308 AND 1e308) AS finite
FROM (SELECT ad_fit(ad_iforest() || ad_prepare(calendar => true), ts, extract(hour FROM ts)) AS m FROM activity) f,
     (SELECT ts FROM activity WHERE s = 1 LIMIT 1) a, ad_explain(m, 'infinity'::timestamptz, 3) GROUP BY m, ts;
-- the calendar goes on after the last timestamp: dates of a Monday and a Sunday
SELECT ad_score(m, '5000000-01-01'::date) <> ad_score(m, '5000000-01-04'::date) AS told_apart
FROM (SELECT ad_fit(ad_iforest() || ad_prepare(calendar => true), ts) AS m FROM activity) f;
DROP TABLE activity;
SELECT scale, ad_score(m, 'Infinity'::float8, 5) = ad_score(m, 1e300, 5) AS scaled
FROM (SELECT scale, ad_fit(ad_iforest() || ad_prepare(scale => scale), y, id) AS m
      FROM t, unnest(ARRAY['standard', 'robust', 'minmax']) scale GROUP BY scale) f ORDER BY 1;
SELECT ad_score(m, 'Infinity'::float8, 'Infinity'::float8) BETWEEN 0 AND 1 AS same_sign,
       ad_score(m, 'Infinity'::float8, '-Infinity'::float8) BETWEEN 0 AND 1 AS both_signs
FROM (SELECT ad_fit(ad_iforest(ndim => 2), y, id) AS m FROM t) f;

-- no precision is lost
SELECT ad_score(m, timestamptz '2024-01-01 00:00:00.000001+00') > ad_score(m, timestamptz '2024-01-01 00:00+00') AS microsecond
FROM (SELECT ad_fit('iforest', timestamptz '2024-01-01 00:00+00' + (i = 1)::int * interval '1 microsecond') AS m
      FROM generate_series(1, 200) i) f;
SELECT ad_score(m, 1000000000000001) > ad_score(m, 1000000000000000) AS unit
FROM (SELECT ad_fit('iforest', 1000000000000000 + (i = 1)::int) AS m FROM generate_series(1, 200) i) f;

-- too many columns
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit(ad_iforest() || ad_prepare(onehot_max => 1000), c, c, c, c, c)
  FROM (SELECT (i % 1000)::text AS c FROM generate_series(1, 1000) i) x$$
]) s;

DROP TABLE t, imputed, logins, zones, settings, tags;

-- categories that are all equally common have no spread: rounding is not scaled up
SELECT ad_score(ad_fit(ad_kmeans() || ad_prepare(onehot_max => 0), i % 7, 'value ' || i % 70), 3, 'never') < 100 AS bounded
FROM generate_series(1, 2100) i;
