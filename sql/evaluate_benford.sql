-- Leading digits: ad_benford against figures computed and published elsewhere.
\set SHOW_CONTEXT never
CREATE SCHEMA evaluate_benford;
SET search_path = evaluate_benford, public;

CREATE TABLE payments AS SELECT i, round((10 ^ (1 + 4 * ad_random(7, i)))::numeric, 2) AS amount FROM generate_series(1, 5000) i;

-- digits are those of the decimal form, exactly, whatever the scale and the sign of its exponent
SELECT v, (SELECT i + 9 FROM unnest((ad_benford(v)).counts) WITH ORDINALITY c(n, i) WHERE n > 0) AS first_two
FROM unnest('{1,5,0.005,0.0050,12,0.129,1200,99.99999999999999999999999999,123456789012345678901234567890,9e-40,1.05e120}'::numeric[]) v
GROUP BY v ORDER BY v;
SELECT v, (SELECT i + 9 FROM unnest((ad_benford(v)).counts) WITH ORDINALITY c(n, i) WHERE n > 0) AS first_two
FROM unnest('{0.3,0.7,1e-320,1.7e308,2.5,1e22,0.1}'::float8[]) v GROUP BY v ORDER BY v;
SELECT v, (SELECT i + 9 FROM unnest((ad_benford(v)).counts) WITH ORDINALITY c(n, i) WHERE n > 0) AS first_two
FROM unnest('{0.3,0.7,1e-40,3.4e38,16777216}'::real[]) v GROUP BY v ORDER BY v;
SELECT v, (SELECT i + 9 FROM unnest((ad_benford(v)).counts) WITH ORDINALITY c(n, i) WHERE n > 0) AS first_two
FROM unnest('{1,9,10,99,100,999999999999999999,9223372036854775807}'::bigint[]) v GROUP BY v ORDER BY v;
-- the text of a numeric says the same of many
SELECT count(*) > 3000 AS many, bool_and(ours = theirs) AS same
FROM (SELECT amount, (SELECT i + 9 FROM unnest((ad_benford(amount)).counts) WITH ORDINALITY c(n, i) WHERE n > 0) AS ours,
             rpad(left(ltrim(replace(amount::text, '.', ''), '0'), 2), 2, '0')::int AS theirs
      FROM (SELECT DISTINCT amount * 10::numeric ^ (i % 60 - 30) AS amount FROM payments) p GROUP BY amount) d;
-- smallint and integer count as other whole numbers do
SELECT (ad_benford(s)).counts = (ad_benford(i)).counts AS same FROM (SELECT i, i::smallint AS s FROM generate_series(1, 3000) i) n;

-- what has no leading digit is counted and left out; NULLs are ignored
SELECT (b).n, (b).zeros, (b).negatives, (b).not_finite, (b).mad IS NULL AS mad, (b).verdict
FROM (SELECT ad_benford(v) AS b FROM unnest('{0,0.00,-1,-0.5,NaN,NULL}'::numeric[]) v) s;
SELECT (b).n, (b).zeros, (b).negatives, (b).not_finite FROM (SELECT ad_benford(v) AS b FROM unnest('{0,-0,-1,NaN,inf,-inf,3,NULL}'::float8[]) v) s;
SELECT (b).n, (b).zeros, (b).negatives, (b).not_finite FROM (SELECT ad_benford(v) AS b FROM unnest('{0,-1,-9223372036854775808,3,NULL}'::bigint[]) v) s;
SELECT ad_benford(NULL::numeric) AS no_number, ad_benford(i) AS no_row FROM generate_series(1, 0) i;

-- R's benford.analysis of its data set corporate.payment (?benford.analysis):
-- of 189,347 amounts the ten greatest deviations, to four decimals; the other
-- counts are not published, and put under 12 here
CREATE TABLE published (digits int, observed bigint, difference numeric);
INSERT INTO published VALUES (50, 7558, 5929.5833), (11, 10652, 3496.8494), (10, 10673, 2835.4192), (14, 4563, 1110.4465), (98, 1720, 885.1466),
	(99, 1602, 775.5372), (90, 1638, 729.3459), (92, 1592, 702.9929), (25, 3877, 651.7883), (41, 1332, 649.5985);
SELECT d.digits, round(abs(d.observed - d.expected)::numeric, 4) = p.difference AS as_published, d.observed
FROM published p, ad_benford_digits(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
         (SELECT array_agg(CASE d WHEN 12 THEN 189347 - (SELECT sum(observed) FROM published)
                           ELSE coalesce(q.observed, 0) END::bigint ORDER BY d)
          FROM generate_series(10, 99) d LEFT JOIN published q ON q.digits = d))::ad_benford_result, 'first two') d
WHERE d.digits = p.digits ORDER BY p.difference DESC;

-- figures of test/golden/benford.py, in decimals of 60 digits
CREATE TABLE golden (name text, test text, figure text, value float8);
\copy golden FROM 'test/data/golden/benford.csv' WITH (FORMAT csv)
CREATE TABLE numbers (name text, v numeric);
INSERT INTO numbers SELECT 'powers of 2', 2::numeric ^ i FROM generate_series(1, 1000) i
UNION ALL SELECT 'one to 5000', i FROM generate_series(1, 5000) i;
INSERT INTO numbers
WITH RECURSIVE f(i, a, b) AS (SELECT 1, 1::numeric, 1::numeric UNION ALL SELECT i + 1, b, a + b FROM f WHERE i < 500)
SELECT 'fibonacci', a FROM f;
CREATE VIEW ours AS
WITH b AS (SELECT name, ad_benford(v) AS b FROM numbers GROUP BY name)
SELECT name, test, figure, value FROM b, ad_benford_tests(b) t, LATERAL (VALUES ('chi_square', chi_square), ('p_value', p_value), ('mad', mad)) f(figure, value)
UNION ALL
SELECT name, t, digits::text, z FROM b, unnest('{first,second,first two}'::text[]) t, LATERAL ad_benford_digits(b, t) d;
SELECT count(*), count(*) FILTER (WHERE abs(o.value - g.value) <= 1e-10 * greatest(abs(g.value), 1e-10)
                                     OR g.figure NOT IN ('chi_square', 'p_value', 'mad') AND abs(o.value - g.value) < 1e-9) AS same
FROM ours o FULL JOIN golden g USING (name, test, figure);
SELECT name, (b).n, round((b).mad::numeric, 6) AS mad, (b).verdict, t.test, round(t.mad::numeric, 6) AS test_mad, t.degrees, t.verdict AS test_verdict
FROM (SELECT name, ad_benford(v) AS b FROM numbers GROUP BY name) s, ad_benford_tests(b) t ORDER BY name, t.degrees;

-- the verdict at each bound, of made-up counts: a share too much of 1 and as much too little of 9
SELECT shift, t.test, round(t.mad::numeric, 5) AS mad, t.verdict
FROM unnest('{0.02,0.05,0.06,0.07}'::float8[]) shift,
     LATERAL (SELECT array_agg(round(1e9 * (log(1 + 1.0 / d) + CASE d / 10 WHEN 1 THEN shift / 10 WHEN 2 THEN -shift / 10 ELSE 0 END))::bigint ORDER BY d) AS c
              FROM generate_series(10, 99) d) s,
     ad_benford_tests(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c)::ad_benford_result) t
WHERE test = 'first';

-- few numbers: no verdict but where there is no doubt
SELECT n, (ad_benford(v)).verdict FROM unnest('{20,40,300}'::int[]) n, LATERAL (SELECT 9 * i AS v FROM generate_series(1, n) i) g GROUP BY n
UNION ALL SELECT n, (ad_benford(90 + i % 10)).verdict FROM unnest('{20,40,300}'::int[]) n, generate_series(1, n) i GROUP BY n ORDER BY 1, 2;

-- groups, workers, windows and partial states say the same
SELECT bool_and(whole.b = parts.b) AS same
FROM (SELECT ad_benford(amount) AS b FROM payments) whole,
     (SELECT ad_benford(amount) OVER () AS b FROM payments LIMIT 3) parts;
BEGIN;
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL max_parallel_workers_per_gather = 2;
CREATE TABLE whole AS SELECT (SELECT ad_benford(amount) FROM (SELECT amount FROM payments OFFSET 0) p) AS b;
SELECT ad_benford(amount) = (SELECT b FROM whole) AS same FROM payments;
ROLLBACK;

-- what is wrong
SELECT ad_benford_digits(ad_benford(i), 'third') FROM generate_series(1, 3) i;
SELECT ad_benford_digits(ad_benford(i), NULL) FROM generate_series(1, 3) i;
SELECT ad_benford_tests(ROW(1, 0, 0, 0, NULL, NULL, NULL, NULL, '{1,2}')::ad_benford_result);
SELECT ad_benford_tests(ROW(1, 0, 0, 0, NULL, NULL, NULL, NULL, array_fill(-1::bigint, ARRAY[90]))::ad_benford_result);
SELECT ad_benford_tests(ROW(1, 0, 0, 0, NULL, NULL, NULL, NULL, array_fill(9223372036854775807, ARRAY[90]))::ad_benford_result);
SELECT _anomaly._ad_benford_transfn('{1}', 1::bigint);
SELECT _anomaly._ad_benford_combinefn(array_fill(9223372036854775807, ARRAY[93]), array_fill(1::bigint, ARRAY[93]));
SELECT count(*) AS rows FROM ad_benford_tests(NULL);
SELECT count(*) AS rows FROM ad_benford_digits(NULL);
SELECT count(*) AS rows FROM ad_benford_tests(ROW(1, 0, 0, 0, NULL, NULL, NULL, NULL, NULL)::ad_benford_result);
SELECT ad_benford('x'::text);
DROP SCHEMA evaluate_benford CASCADE;
