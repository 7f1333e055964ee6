-- The isolation forest: exact scores where they can be derived, accuracy on
-- real data (test/data/README.md) against the reference, and its options.
\set SHOW_CONTEXT never
\pset format unaligned

-- c(n), the expected depth of an unsuccessful search among n keys
CREATE FUNCTION pg_temp.c(n int) RETURNS float8 LANGUAGE sql AS $$
	SELECT CASE WHEN n <= 1 THEN 0 WHEN n = 2 THEN 1
	            ELSE 2 * (ln(n - 1.0::float8) + 0.57721566490153286) - 2 * (n - 1.0::float8) / n END
$$;

-- n - 1 equal rows and another: any split parts them, at depth 1, whatever the seed
SELECT n, abs(ad_score(m, 1000) - power(2, -1 / pg_temp.c(n))) < 1e-9 AS the_other,
       abs(ad_score(m, 7) - power(2, -(1 + pg_temp.c(n - 1)) / pg_temp.c(n))) < 1e-9 AS the_rest,
       round(ad_score(m, 1000)::numeric, 6) AS score
FROM (SELECT n, ad_fit(ad_iforest() || ad_sampling(seed => n), CASE i WHEN 1 THEN 1000 ELSE 7 END) AS m
      FROM (VALUES (3), (10), (256)) v(n), generate_series(1, n) i GROUP BY n) f ORDER BY n;
-- two different rows: depth 1 of c(2) = 1
SELECT ad_score(m, 1) AS left, ad_score(m, 2) AS right
FROM (SELECT ad_fit('iforest', i) AS m FROM generate_series(1, 2) i) f;
-- three equidistant rows: depth limit 2; an outer one is parted at once with probability 1/2
SELECT abs(ad_score(m, 1) - power(2, -1.5 / pg_temp.c(3))) < 0.01 AS outer,
       abs(ad_score(m, 2) - power(2, -2 / pg_temp.c(3))) < 1e-9 AS middle
FROM (SELECT ad_fit(ad_iforest(trees => 10000), i) AS m FROM generate_series(1, 3) i) f;
-- one row, equal rows: 0.5
SELECT ad_score(ad_fit('iforest', i), 99) AS one FROM generate_series(1, 1) i;
SELECT round(ad_score(ad_fit('iforest', 7), 99)::numeric, 6) AS equal FROM generate_series(1, 500) i;

-- real data
\set breast_cancer `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/breast_cancer.csv.gz"`
\set breast_cancer_original `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/breast_cancer_original.csv.gz"`
\set glass `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/glass.csv.gz"`
\set ionosphere `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/ionosphere.csv.gz"`
\set satellite `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/satellite.csv.gz"`
\set shuttle `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/shuttle.csv.gz"`
CREATE TABLE labelled AS
SELECT dataset, row[1:cardinality(row) - 1] AS x, row[cardinality(row)] = 1 AS anomaly
FROM (VALUES ('breast_cancer', :'breast_cancer'), ('breast_cancer_original', :'breast_cancer_original'),
             ('glass', :'glass'), ('ionosphere', :'ionosphere'), ('satellite', :'satellite'),
             ('shuttle', :'shuttle')) f(dataset, csv),
     regexp_split_to_table(csv, E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',', '')::float8[] AS row OFFSET 0) r
WHERE n > 1 AND line <> '';
SELECT dataset, count(*) AS rows, cardinality(min(x)) AS features, count(*) FILTER (WHERE anomaly) AS anomalies
FROM labelled GROUP BY dataset ORDER BY dataset;

CREATE TABLE forests AS
SELECT dataset, seed, ndim,
       ad_fit(ad_iforest(ndim => ndim) || ad_sampling(seed => seed), x) AS model
FROM labelled, generate_series(1, 3) seed, generate_series(1, 2) ndim
GROUP BY dataset, seed, ndim;
CREATE TABLE scored AS
SELECT dataset, seed, ndim, anomaly, ad_score(model, x) AS score
FROM labelled JOIN forests USING (dataset)
WHERE dataset <> 'shuttle' OR seed + ndim = 2;
SELECT count(*) FILTER (WHERE score > 0 AND score < 1) = count(*) AS between_0_and_1 FROM scored;

-- ROC AUC, tied scores sharing their rank, beside the means of scikit-learn's
-- IsolationForest (100 trees of 256 rows, 10 seeds) less what seeds may differ by
CREATE FUNCTION pg_temp.roc_auc(scores float8[], labels boolean[]) RETURNS numeric LANGUAGE sql AS $$
	SELECT (sum(place) FILTER (WHERE l) - sum(l::int) * (sum(l::int) + 1) / 2.0) / (sum(l::int) * sum((NOT l)::int))
	FROM (SELECT l, rank() OVER (ORDER BY s) + (count(*) OVER (PARTITION BY s) - 1) / 2.0 AS place
	      FROM unnest(scores, labels) u(s, l)) r
$$;
WITH auc AS (
    SELECT dataset, ndim, avg(auc) AS auc
    FROM (SELECT dataset, ndim, seed, pg_temp.roc_auc(array_agg(score), array_agg(anomaly)) AS auc
          FROM scored GROUP BY dataset, ndim, seed) s GROUP BY dataset, ndim
)
SELECT dataset, reference, tolerance, auc >= reference - tolerance AS reached
FROM auc JOIN (VALUES ('breast_cancer', 0.884, 0.03), ('breast_cancer_original', 0.984, 0.01),
                      ('ionosphere', 0.854, 0.03), ('satellite', 0.703, 0.05),
                      ('shuttle', 0.997, 0.005)) r(dataset, reference, tolerance) USING (dataset)
WHERE ndim = 1 ORDER BY dataset;
-- the extended forest does about as well
WITH auc AS (
    SELECT dataset, ndim, avg(auc) AS auc
    FROM (SELECT dataset, ndim, seed, pg_temp.roc_auc(array_agg(score), array_agg(anomaly)) AS auc
          FROM scored WHERE dataset <> 'shuttle' GROUP BY dataset, ndim, seed) s GROUP BY dataset, ndim
)
SELECT e.dataset, e.auc > a.auc - 0.05 AS as_good
FROM auc a JOIN auc e USING (dataset) WHERE a.ndim = 1 AND e.ndim = 2 ORDER BY dataset;

-- seeds: one seed one forest, another seed another
SELECT dataset, count(DISTINCT model) AS forests FROM forests WHERE ndim = 1 GROUP BY dataset ORDER BY dataset;
SELECT f.model = (SELECT ad_fit('{"detector": "iforest", "sampling": {"seed": 2}}'::jsonb, x)
                  FROM labelled l WHERE l.dataset = f.dataset) AS again
FROM forests f WHERE dataset = 'glass' AND seed = 2 AND ndim = 1;

-- parameters, as ad_info() tells them
SELECT what, (ad_info(ad_fit(spec, x)) -> 'iforest') - 'inner_nodes' AS forest
FROM labelled,
     (VALUES (1, 'default', ad_iforest()), (2, 'few trees', ad_iforest(trees => 3)),
             (3, 'more rows than there are', ad_iforest(sample_size => 65536, trees => 64)),
             (4, 'small subsample', ad_iforest(sample_size => 2)), (5, 'extended', ad_iforest(ndim => 9)),
             (6, 'more dimensions than columns', ad_iforest(ndim => 100))) v(i, what, spec)
WHERE dataset = 'glass' GROUP BY i, what ORDER BY i;
-- with max_features a tree sees a share of the columns, at least one
SELECT share, ad_fit(ad_iforest(max_features => share), x) <> ad_fit('iforest', x) AS differs,
       ad_score(ad_fit(ad_iforest(max_features => share), x), array_fill(1000, ARRAY[9])) > 0.6 AS finds
FROM labelled, unnest('{0.001, 0.5}'::float8[]) share WHERE dataset = 'glass' GROUP BY share ORDER BY share;
SELECT ad_score(m, 1, 500) = ad_score(m, 1, 9999) OR ad_score(m, 50, 1) = ad_score(m, 99, 1) AS one_column
FROM (SELECT ad_fit(ad_iforest(trees => 1, max_features => 0.5), i, i) AS m FROM generate_series(1, 100) i) f;

-- far beyond the data a score does not grow for ever: it is that of the outermost leaf
SELECT ad_score(m, 1e6, 1e6) = ad_score(m, 1e300, 1e300) AS same
FROM (SELECT ad_fit('iforest', i, i * i) AS m FROM generate_series(1, 100) i) f;
-- within a diagonal band the extended forest sees the empty corners
SELECT ad_score(e, 10, 90) > ad_score(e, 50, 50) + 0.05 AS extended
FROM (SELECT ad_fit(ad_iforest(ndim => 2), i, i + i % 7) AS e FROM generate_series(1, 100) i) f;

DROP TABLE labelled, forests, scored;
