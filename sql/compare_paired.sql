-- The corrected resampled t test: equal to R's figures (test/golden/paired.R).
\set SHOW_CONTEXT never
\pset format unaligned
SET extra_float_digits = -5;

WITH d(i, d, ratio) AS (VALUES
  (1, '{0.03,0.01,-0.02,0.05,0.02}'::float8[], 0.25),
  (2, '{0.1,0.12,0.09,0.11,0.1,0.13,0.08,0.1,0.1,0.11}', NULL),
  (3, '{1,-2}', NULL),
  (4, '{0.2,0.25,0.3}', NULL),
  (5, '{0.0501,0.05,0.0502,0.0499,0.05,0.05,0.05,0.0501,0.05,0.05}', 0.25),
  (6, ARRAY[0.001]::float8[] || array_fill(1, ARRAY[500])::float8[] || array_fill(-1, ARRAY[500])::float8[], 0))
SELECT i, t.* FROM d, ad_paired_test(d, array_fill(0, ARRAY[cardinality(d)])::float8[], ratio) t ORDER BY i;

-- the other way about; what both have in common does not count
SELECT a.t = -b.t AS mirrored, a.p_value = b.p_value AS same
FROM ad_paired_test('{0.7,0.8,0.6}', '{0.6,0.75,0.62}') a, ad_paired_test('{0.6,0.75,0.62}', '{0.7,0.8,0.6}') b;

-- no fold, one, folds without a figure, no difference, the same in all folds, rounding
SELECT * FROM ad_paired_test('{}', '{}');
SELECT * FROM ad_paired_test('{0.1}', '{0.2}');
SELECT * FROM ad_paired_test('{0.1,NaN,NULL,0.5,0.3}', '{0.2,0.2,NaN,0.3,NULL}');
SELECT * FROM ad_paired_test('{NaN,NULL}', '{0.1,0.1}');
SELECT * FROM ad_paired_test('{0.5,0.25,0.75}', '{0.5,0.25,0.75}');
SELECT * FROM ad_paired_test('{0.5,0.25,0.75}', '{0.25,0,0.5}');
SELECT * FROM ad_paired_test('{0.3,0.3,0.3}', ARRAY[0.1 + 0.2, 0.1 + 0.2, 0.3]::float8[]);
SELECT * FROM ad_paired_test('{1e100,-1e100}', '{-1e100,1e100}');
SELECT ad_paired_test(NULL, '{0.1}') IS NULL AS a, ad_paired_test('{0.1}', NULL) IS NULL AS b;

-- more rows tested: less is known
SELECT ratio, p_value FROM (VALUES (0.0::float8), (0.25), (1), (1000000)) r(ratio),
       ad_paired_test('{0.03,0.01,0.02,0.05,0.02}', '{0,0,0,0,0}', ratio) ORDER BY ratio;

-- errors
SELECT ad_paired_test('{0.1,0.2}', '{0.1}');
SELECT ad_paired_test('{0.1,Infinity}', '{0.1,0.1}');
SELECT ad_paired_test('{0.1,0.2}', '{0.1,-1e308}');
SELECT ad_paired_test('{{0.1,0.2}}', '{0.1,0.2}');
SELECT ad_paired_test('{0.1,0.2}', '{0.1,0.2}', 'NaN');
SELECT ad_paired_test('{0.1,0.2}', '{0.1,0.2}', -0.1);
SELECT ad_paired_test(array_fill(0, ARRAY[100001])::float8[], '{0.1}');
SELECT ad_paired_test(array_fill(0, ARRAY[10000000])::float8[], '{0.1}');
