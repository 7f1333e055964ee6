-- The levels of a stream of p-values: equal to the published formulas, in
-- any batches, and never more spent than alerts have earned.
\set SHOW_CONTEXT never
CREATE SCHEMA evaluate_fdr_online;
SET search_path = evaluate_fdr_online, public;

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

-- golden file of test/golden/metrics_fdr_online.R
CREATE TABLE golden (name text, i int, p float8, lord05 float8, lord20 float8, saffron05 float8, saffron20 float8);
\copy golden FROM PROGRAM 'gzip -dc test/data/golden/metrics_fdr_online.csv.gz' WITH (FORMAT csv)
CREATE FUNCTION pg_temp.same(a float8, b float8) RETURNS int LANGUAGE sql AS
	'SELECT (a IS NOT DISTINCT FROM b OR abs(a - b) <= 1e-12 * b)::int';
SELECT name, count(*), sum(pg_temp.same(l1, lord05)) AS lord05, sum(pg_temp.same(l2, lord20)) AS lord20,
       sum(pg_temp.same(s1, saffron05)) AS saffron05, sum(pg_temp.same(s2, saffron20)) AS saffron20,
       count(*) FILTER (WHERE p <= l1) AS lord_alerts, count(*) FILTER (WHERE p <= s1) AS saffron_alerts
FROM (SELECT *, ad_fdr_level(p) OVER w AS l1, ad_fdr_level(p, options => '{"q": 0.2}') OVER w AS l2,
             ad_fdr_level(p, 'saffron') OVER w AS s1, ad_fdr_level(p, 'saffron', '{"q": 0.2}') OVER w AS s2
      FROM golden WINDOW w AS (PARTITION BY name ORDER BY i)) t
GROUP BY name ORDER BY name;

-- The same levels row by row, in batches of seven, and as one stream: bit for bit.
CREATE FUNCTION trickle(name_given text, size int, method text, options jsonb) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	kept bytea;
	batch float8[];
	step record;
	levels float8[] := '{}';
BEGIN
	FOR batch IN SELECT array_agg(p ORDER BY i) FROM golden WHERE name = name_given GROUP BY (i - 1) / size ORDER BY (i - 1) / size
	LOOP
		SELECT * INTO step FROM ad_fdr_level_array(kept, batch, method, options);
		kept := step.new_state;
		levels := levels || step.levels;
	END LOOP;
	RETURN levels;
END $$;
SELECT name, method, count(DISTINCT levels) AS results, array_length(min(levels), 1) AS tests
FROM (VALUES ('rare'), ('missing')) n(name), (VALUES ('lord'), ('saffron')) m(method),
     (VALUES ('{"least_p": 0.0002, "half_life": 1000}'::jsonb)) o(options),
     LATERAL (SELECT array_agg(l ORDER BY i) AS levels
              FROM (SELECT i, ad_fdr_level(p, method, options) OVER (ORDER BY i) AS l FROM golden g WHERE g.name = n.name) s
              UNION ALL SELECT trickle(name, 1, method, options)
              UNION ALL SELECT trickle(name, 7, method, options)
              UNION ALL SELECT trickle(name, 10000, method, options)) t
GROUP BY name, method ORDER BY name, method;

-- What holds the rate: that the levels of all tests, fading, are never more
-- than q times the alerts, fading, or one. At every test of every stream,
-- with and without a half-life. Of SAFFRON the levels of tests with p > 1/2
-- count, twice.
CREATE FUNCTION worst(p float8[], method text, options jsonb) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	keep float8 := coalesce(2 ^ (-1 / (options ->> 'half_life')::float8), 1);
	q float8 := (options ->> 'q')::float8;
	levels float8[] := (ad_fdr_level_array(NULL, p, method, options)).levels;
	spent float8 := 0;
	alerts float8 := 0;
	worst float8 := 0;
BEGIN
	FOR i IN 1 .. cardinality(p) LOOP
		spent := spent * keep + CASE WHEN method = 'lord' THEN levels[i] WHEN p[i] > 0.5 THEN 2 * levels[i] ELSE 0 END;
		alerts := alerts * keep + (p[i] <= levels[i])::int;
		worst := greatest(worst, spent / (q * greatest(1, alerts)));
	END LOOP;
	RETURN worst;
END $$;
CREATE TABLE streams AS
SELECT name, array_agg(p ORDER BY i) AS p
FROM (SELECT name, i, p FROM golden WHERE p IS NOT NULL
      UNION ALL SELECT 'long', i, ad_random(1, i) ^ CASE WHEN i % 40 = 7 THEN 9 ELSE 1 END FROM generate_series(1, 6000) i
      UNION ALL SELECT 'alerts stop', i, CASE WHEN i <= 500 THEN 0 ELSE 1 END FROM generate_series(1, 9000) i
      UNION ALL SELECT 'only alerts', i, 0 FROM generate_series(1, 3000) i) s
GROUP BY name;
SELECT method, options, count(*), max(worst) <= 1 + 1e-9 AS held, max(worst) > 0.3 AS used
FROM streams, (VALUES ('lord'), ('saffron')) m(method),
     (VALUES ('{"q": 0.05}'::jsonb), ('{"q": 0.2}'), ('{"q": 0.05, "half_life": 1000}'),
             ('{"q": 1, "half_life": 1500}')) o(options),
     LATERAL (SELECT worst(p, method, options)) w(worst)
GROUP BY method, options ORDER BY method, options;

-- A least p-value: levels are rounded to its multiples, and the same in the mean.
SELECT method, count(*) FILTER (WHERE abs(l / 0.0002 - round(l / 0.0002)) > 1e-4) AS no_multiples,
       count(*) FILTER (WHERE l > 0) BETWEEN 100 AND 5000 AS some_tested, abs(sum(l) / sum(exact) - 1) < 0.1 AS same_mean
FROM (VALUES ('lord'), ('saffron')) m(method),
     LATERAL (SELECT ad_fdr_level(1, method, '{"q": 0.9, "least_p": 0.0002}') OVER (ORDER BY i) AS l,
                     ad_fdr_level(1, method, '{"q": 0.9}') OVER (ORDER BY i) AS exact
              FROM generate_series(1, 20000) i) s
GROUP BY method ORDER BY method;
-- one that is tiny, or was rounded for people, changes nothing
SELECT ad_fdr_level(0.2, 'lord', '{"least_p": 1e-300}') OVER () = ad_fdr_level(0.2) OVER () AS same;
SELECT bool_and(p <= l) AS alerts
FROM (SELECT 1 / 30001.0::float8 AS p, ad_fdr_level(1 / 30001.0, 'lord', '{"least_p": 3.33322e-5}') OVER (ORDER BY i) AS l
      FROM generate_series(1, 50) i) s;

-- With a half-life a stream of nothing goes on; without, next to no row is tested.
SELECT count(*) FILTER (WHERE l > 0) BETWEEN 1500 AND 6000 AS goes_on, count(*) FILTER (WHERE never > 0) < 100 AS ends
FROM (SELECT i, ad_fdr_level(1, 'lord', '{"least_p": 0.0001, "half_life": 1000}') OVER (ORDER BY i) AS l,
             ad_fdr_level(1, 'lord', '{"least_p": 0.0001}') OVER (ORDER BY i) AS never
      FROM generate_series(1, 110000) i) s WHERE i > 10000;

-- how far a least p-value goes, and that it is so
SELECT least_p, round(first_tests) AS first_tests, round(next_tests) AS next_tests, least_share::numeric(8, 6)
FROM (VALUES (0.002), (0.0001), (0.00001)) v(least_p), ad_fdr_reach(least_p) r;
SELECT least_p, round(first_tests) AS first_tests, round(next_tests) AS next_tests, least_share::numeric(8, 6)
FROM (VALUES (0.3), (1e-6)) v(least_p), ad_fdr_reach(least_p, '{"q": 0.2, "half_life": 1000000}') r;
SELECT count(*) FILTER (WHERE l >= 0.0001) AS first_tests
FROM (SELECT ad_fdr_level(1) OVER (ORDER BY i) AS l FROM generate_series(1, 1000) i) s;

-- a p-value that is as small as its level is an alert; partitions are streams of their own
SELECT bool_and(a = b) AS same FROM
	(SELECT ad_fdr_level(p) OVER (PARTITION BY i % 2 ORDER BY i) AS a, ad_fdr_level(p) OVER (ORDER BY i) AS b
	 FROM (SELECT i, 0.3 AS p FROM generate_series(1, 2) i) s WHERE i % 2 = 1) t;
SELECT ad_fdr_level(NULL) OVER () FROM generate_series(1, 2);
SELECT ad_fdr_level(p) OVER () FROM (VALUES (0.5::float8)) t(p) WHERE false;
SELECT levels, length(new_state) FROM ad_fdr_level_array(NULL, '{}');
SELECT levels FROM ad_fdr_level_array(NULL, ARRAY[NULL, NULL]::float8[]);

-- bad input
SELECT pg_temp.expect_error(sql) FROM (VALUES
	('SELECT ad_fdr_level(1.5) OVER ()'),
	('SELECT ad_fdr_level(''NaN'') OVER ()'),
	('SELECT ad_fdr_level(0.1, ''bh'') OVER ()'),
	('SELECT ad_fdr_level(0.1, NULL) OVER ()'),
	('SELECT ad_fdr_level(0.1, ''lord'', NULL) OVER ()'),
	('SELECT ad_fdr_level(0.1, ''lord'', ''{"q": 0}'') OVER ()'),
	('SELECT ad_fdr_level(0.1, ''lord'', ''{"q": 1.01}'') OVER ()'),
	('SELECT ad_fdr_level(0.1, ''lord'', ''{"half_life": 10}'') OVER ()'),
	('SELECT ad_fdr_level(0.1, ''lord'', ''{"halflife": 1000}'') OVER ()'),
	('SELECT ad_fdr_level(0.1, ''lord'', ''[]'') OVER ()'),
	('SELECT ad_fdr_level(0.1)'),
	('SELECT ad_fdr(0.1, ''lord'') OVER ()'),
	('SELECT ad_fdr_reach(0)'),
	('SELECT ad_fdr_reach(0.001, ''{"least_p": 0.1}'')'),
	('SELECT ad_fdr_level_array(NULL, NULL)'),
	('SELECT ad_fdr_level_array(NULL, ARRAY[0.1, 2])'),
	('SELECT ad_fdr_level_array('''', ARRAY[0.1])'),
	('SELECT ad_fdr_level_array(set_byte((ad_fdr_level_array(NULL, ARRAY[0.1])).new_state, 100, 7), ARRAY[0.1])'))
	v(sql);
