-- Tests of data: ad_assert_usual.
\set SHOW_CONTEXT never
CREATE SCHEMA operate_assert;
SET search_path = operate_assert, public;

CREATE TABLE orders AS
SELECT i AS id, round((20 + 300 * ad_random(1, i) ^ 3)::numeric, 2) AS amount, (1 + 5 * ad_random(2, i))::int AS items,
       CASE WHEN i % 10 < 7 THEN 'DE' ELSE 'FR' END AS country
FROM generate_series(1, 5000) i;
SELECT ad_train('orders', 'SELECT amount, items, country FROM orders', ad_zscore() || ad_calibrate()) AS version;

-- what holds returns nothing: a table, a query, columns that are no features
SELECT * FROM ad_assert_usual('orders', 'orders', key => 'id');
SELECT * FROM ad_assert_usual('SELECT id, amount, items, country FROM orders WHERE id <= 100 -- the first', 'orders', key => 'id');
SELECT * FROM ad_assert_usual('SELECT * FROM orders WHERE false', 'orders');
SELECT * FROM ad_assert_usual('SELECT NULL::numeric AS amount, NULL::int AS items, NULL::text AS country FROM orders WHERE false', 'orders', on_failure => 'rows');

-- what does not raises, or returns the rows, strangest first
CREATE TABLE staging AS SELECT * FROM orders WHERE id <= 500;
UPDATE staging SET amount = amount * 100 WHERE id IN (17, 42, 77, 99);
UPDATE staging SET items = 900 WHERE id IN (99, 123);
SELECT * FROM ad_assert_usual('staging', 'orders', key => 'id');
SELECT * FROM ad_assert_usual('staging', 'orders');
SELECT key, round(score::numeric, 2) AS score, round(p_value::numeric, 6) AS p_value, why
FROM ad_assert_usual('staging', 'orders', key => 'id', on_failure => 'rows');
SELECT key, why FROM ad_assert_usual('TABLE staging', 'orders', on_failure => 'rows');

-- so many may be
SELECT count(*) FROM ad_assert_usual('staging', 'orders', max_rows => 5);
SELECT count(*) FROM ad_assert_usual('staging', 'orders', max_rows => 5, on_failure => 'rows');
SELECT count(*) FROM ad_assert_usual('staging', 'orders', max_rows => 4, on_failure => 'rows');
-- without a limit, as many as chance explains: of so many rows, with 1,000 held out
CREATE TABLE chance AS
SELECT n, (SELECT min(k) FROM generate_series(0, least(200, n - 1)) k
           -- k rows of n above all 1,000, if all are in any order
           WHERE (SELECT exp(sum(ln((n - i)::float8 / (n + 1000 - i)))) FROM generate_series(0, k) i) <= 0.01) AS most
FROM unnest(ARRAY[100, 500, 5000, 20000]) n;
SELECT n, most, (SELECT count(*) FROM ad_assert_usual(format('SELECT i AS id, CASE WHEN i <= %s THEN 99999.0 ELSE 100 END AS amount, 3 AS items, ''DE'' AS country FROM generate_series(1, %s) i', most, n),
                                                     'orders', on_failure => 'rows')) AS holds,
       (SELECT count(*) FROM ad_assert_usual(format('SELECT i AS id, CASE WHEN i <= %s THEN 99999.0 ELSE 100 END AS amount, 3 AS items, ''DE'' AS country FROM generate_series(1, %s) i', most + 1, n),
                                             'orders', on_failure => 'rows')) AS fails
FROM chance ORDER BY n;
-- a load in cents
SELECT count(*) > 200 AS found FROM ad_assert_usual('SELECT id, amount * 100 AS amount, items, country FROM orders WHERE id > 4000', 'orders', on_failure => 'rows');

-- thresholds are those of the functions for single rows
SELECT kind, count(*) = (array_agg(expected))[1] AS same, count(*) > 3 AS several
FROM (SELECT 'p' AS kind, a.*, (SELECT count(*) FROM staging s WHERE ad_pvalue('orders', s) <= 0.02) AS expected
      FROM ad_assert_usual('staging', 'orders', p_value => 0.02, max_rows => 0, on_failure => 'rows') a
      UNION ALL
      SELECT 'fdr', a.*, (SELECT count(*) FROM (SELECT ad_fdr(ad_pvalue('orders', s)) OVER () AS q FROM staging s) q WHERE q <= 0.1)
      FROM ad_assert_usual('staging', 'orders', fdr => 0.1, on_failure => 'rows') a
      UNION ALL
      SELECT 'score', a.*, (SELECT count(*) FROM staging s WHERE ad_score('orders', s) >= 1.5)
      FROM ad_assert_usual('staging', 'orders', score => 1.5, on_failure => 'rows') a) t
GROUP BY kind ORDER BY kind;
SELECT bool_and(a.p_value = ad_pvalue('orders', s) AND a.score = ad_score('orders', s) AND a.why = ad_why('orders', s)) AS same, count(*) > 3 AS several
FROM ad_assert_usual('staging', 'orders', key => 'id', p_value => 0.02, max_rows => 0, on_failure => 'rows') a JOIN staging s ON s.id::text = a.key;

-- a threshold that no row could reach is no test
SELECT * FROM ad_assert_usual('staging', 'orders', p_value => 0.0001);
SELECT * FROM ad_assert_usual('orders', 'orders', fdr => 0.001);
SELECT ad_train('plain', 'SELECT amount FROM orders', 'zscore') AS version;
SELECT * FROM ad_assert_usual('SELECT amount FROM staging', 'plain');
SELECT key, p_value, why FROM ad_assert_usual('SELECT id, amount FROM staging', 'plain', key => 'id', score => 10, on_failure => 'rows');

-- what is wrong
SELECT * FROM ad_assert_usual('staging', 'order');
SELECT * FROM ad_assert_usual(NULL, 'orders');
SELECT * FROM ad_assert_usual('staging', NULL);
SELECT * FROM ad_assert_usual('staging', 'orders', p_value => 0.01, score => 3);
SELECT * FROM ad_assert_usual('staging', 'orders', p_value => 0);
SELECT * FROM ad_assert_usual('staging', 'orders', fdr => 1);
SELECT * FROM ad_assert_usual('staging', 'orders', score => 'NaN');
SELECT * FROM ad_assert_usual('staging', 'orders', max_rows => -1);
SELECT * FROM ad_assert_usual('staging', 'orders', on_failure => NULL);
SELECT * FROM ad_assert_usual('staging', 'orders', on_failure => 'warn');
SELECT * FROM ad_assert_usual('staging', 'orders', key => 'nothing');
SELECT * FROM ad_assert_usual('SELECT amount FROM staging', 'orders');
SELECT * FROM ad_assert_usual('DELETE FROM staging RETURNING *', 'orders');
SELECT * FROM ad_assert_usual('nowhere', 'orders');

-- as the caller, who must be allowed to score, and read-only
CREATE FUNCTION spends(int) RETURNS int LANGUAGE sql AS 'INSERT INTO operate_assert.orders SELECT * FROM operate_assert.orders LIMIT $1 RETURNING id';
SELECT * FROM ad_assert_usual('SELECT spends(1), amount, items, country FROM staging', 'orders');
SHOW transaction_read_only;
CREATE ROLE operate_assert_reader;
GRANT USAGE ON SCHEMA operate_assert TO operate_assert_reader;
SET ROLE operate_assert_reader;
SELECT * FROM ad_assert_usual('SELECT 1.5 AS amount, 2 AS items, ''DE'' AS country', 'orders');
RESET ROLE;
SELECT ad_grant_model('orders', 'operate_assert_reader', 'score') IS NOT NULL AS granted;
SET ROLE operate_assert_reader;
SELECT * FROM ad_assert_usual('SELECT 30.5 AS amount, 2 AS items, ''DE'' AS country', 'orders');
SELECT * FROM ad_assert_usual('staging', 'orders');
RESET ROLE;
SELECT ad_drop_model('orders') AS dropped, ad_drop_model('plain') AS dropped;
DROP SCHEMA operate_assert CASCADE;
DROP ROLE operate_assert_reader;
