-- The chooser: ranks detectors by what was measured.
--
-- Figures, not opinions, and _ad_measured() is the only place that holds them:
-- bench/figures.py writes them here. Accuracy: means of ROC AUC and average
-- precision over labelled sets of the outlier detection literature, every
-- detector with its defaults, fitted to and scoring all rows without labels;
-- bench/accuracy.py. Cost: processor time of one core, section "cost" of
-- bench/detectors.py, on a machine that others used too, so that times rank
-- detectors and promise little. Where and when: bench/results/accuracy.tsv and
-- cost.tsv. A detector that was not measured is not there: ad_recommend() has
-- it last, and says so.

CREATE FUNCTION _anomaly._ad_detectors()
RETURNS text[]
AS 'MODULE_PATHNAME', 'ad_detector_names'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_detectors() IS
'names of the detectors that the library has, but the ensemble';

CREATE FUNCTION _anomaly._ad_measured(
    OUT detector text,
    OUT mean_auc double precision,
    OUT mean_ap double precision,
    OUT fit_ms double precision[],
    OUT score_us double precision[],
    OUT model_bytes double precision[],
    OUT column_exponents double precision[],
    OUT least_rows text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT a.detector, a.mean_auc, a.mean_ap, c.fit_ms::float8[], c.score_us::float8[],
       c.model_bytes::float8[], c.column_exponents::float8[], l.least_rows
-- figures: bench/figures.py
FROM (VALUES
    ('auto', 0.8859, 0.5962),
    ('autoencoder', 0.8735, 0.5357),
    ('copod', 0.8364, 0.4333),
    ('dbscan', 0.8113, 0.4696),
    ('ecod', 0.8471, 0.5001),
    ('fair_forest', 0.8666, 0.5634),
    ('gmm', 0.8549, 0.4766),
    ('hbos', 0.8472, 0.4931),
    ('iforest', 0.8610, 0.5499),
    ('inne', 0.8513, 0.4674),
    ('kmeans', 0.7341, 0.3392),
    ('knn', 0.8650, 0.4995),
    ('loda', 0.8616, 0.5002),
    ('lof', 0.6037, 0.1862),
    ('mahalanobis', 0.8551, 0.4857),
    ('ocsvm', 0.8565, 0.5004),
    ('pca', 0.8550, 0.4789),
    ('subknn', 0.8786, 0.5643),
    ('vae', 0.8553, 0.5139),
    ('zscore', 0.8304, 0.4611)
    ) a(detector, mean_auc, mean_ap)
JOIN (VALUES
    ('auto', '{55.9, 109, 162}', '{3.06, 3.28, 3.37}', '{1975192, 2695192, 5895192}', '{0.56, 0.71, 0.48}'),
    ('autoencoder', '{5.98, 51.2, 240}', '{0.805, 0.804, 0.823}', '{18824, 18824, 18824}', '{0.40, 0.40, 0.55}'),
    ('copod', '{1.33, 8.19, 35}', '{0.201, 0.245, 0.317}', '{84520, 804520, 3281320}', '{0.98, 0.95, 1.00}'),
    ('dbscan', '{4.38, 115, 110}', '{0.757, 3.1, 2.85}', '{76712, 724712, 724712}', '{0.48, 0.49, 1.00}'),
    ('ecod', '{1.43, 8.96, 36.6}', '{0.211, 0.258, 0.322}', '{84536, 804536, 3281336}', '{0.87, 0.89, 1.00}'),
    ('fair_forest', '{48.2, 65.4, 76.9}', '{2.4, 2.42, 2.25}', '{1841736, 1841736, 1841736}', '{0.28, 0.63, 0.00}'),
    ('gmm', '{1.07, 4.99, 15.3}', '{0.179, 0.171, 0.17}', '{5256, 5256, 5256}', '{0.82, 0.72, 0.86}'),
    ('hbos', '{0.912, 4.03, 19}', '{0.148, 0.144, 0.155}', '{5592, 5592, 5592}', '{0.89, 0.78, 0.66}'),
    ('iforest', '{2.27, 6.07, 15.5}', '{0.504, 0.544, 0.512}', '{39600, 38944, 39352}', '{0.58, 0.40, 0.09}'),
    ('inne', '{2.74, 13, 22.4}', '{1.33, 1.3, 1.32}', '{158240, 158240, 158240}', '{0.76, 0.72, 0.90}'),
    ('kmeans', '{2.77, 63.7, 105}', '{0.166, 0.175, 0.172}', '{5576, 5576, 5576}', '{0.63, 0.60, 0.62}'),
    ('knn', '{3.23, 19.2, 31.6}', '{2.04, 6.45, 6.9}', '{84712, 804712, 804712}', '{0.57, 0.38, 1.00}'),
    ('loda', '{2.4, 17.1, 37.6}', '{0.504, 0.491, 0.5}', '{15824, 24928, 30240}', '{0.35, 0.50, 0.23}'),
    ('lof', '{4.98, 65.4, 69.4}', '{1.57, 4.38, 4.42}', '{100720, 964720, 964720}', '{0.52, 0.44, 0.90}'),
    ('mahalanobis', '{0.844, 3.03, 12}', '{0.156, 0.153, 0.151}', '{5368, 5368, 5368}', '{0.87, 0.79, 1.04}'),
    ('ocsvm', '{3.24, 426, 166}', '{0.669, 4.97, 1.05}', '{29056, 245008, 31440}', '{0.39, 0.71, 0.90}'),
    ('pca', '{0.908, 3.44, 12.7}', '{0.164, 0.167, 0.164}', '{5536, 5536, 5536}', '{0.88, 0.80, 1.04}'),
    ('subknn', '{1.65, 7.57, 18.2}', '{0.638, 0.542, 0.571}', '{43288, 43288, 43288}', '{0.89, 0.80, 0.96}'),
    ('vae', '{29.1, 280, 597}', '{0.374, 0.356, 0.362}', '{9400, 9400, 9400}', '{0.17, 0.67, 0.66}'),
    ('zscore', '{0.829, 3.87, 11.9}', '{0.198, 0.236, 0.191}', '{4752, 4752, 4752}', '{0.68, 0.64, 0.59}')
    ) c(detector, fit_ms, score_us, model_bytes, column_exponents) USING (detector)
-- end of figures
JOIN (VALUES
    ('auto', '3'),
    ('autoencoder', '2'),
    ('copod', '2'),
    ('dbscan', 'features'),
    ('ecod', '2'),
    ('fair_forest', '2'),
    ('gmm', 'features'),
    ('hbos', '2'),
    ('iforest', '2'),
    ('inne', '16'),
    ('kmeans', '8'),
    ('knn', '6'),
    ('loda', '2'),
    ('lof', '21'),
    ('mahalanobis', 'features'),
    ('ocsvm', '2'),
    ('pca', 'features'),
    ('subknn', '3'),
    ('vae', '2'),
    ('zscore', '3')
    ) l(detector, least_rows) USING (detector)
$$;
COMMENT ON FUNCTION _anomaly._ad_measured() IS
'measured accuracy and cost of the detectors: milliseconds of a fit, microseconds of a score and bytes of a model at 1,000, 10,000 and 50,000 rows of ten columns';

-- A measured figure at a number of rows and columns: between the sizes
-- measured along a power law, beyond them as at the nearest, but that a
-- sample is what a detector sees of more than 65,536 rows.
CREATE FUNCTION _anomaly._ad_measured_at(figures double precision[], exponent double precision,
    rows bigint, features integer)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN n <= 10000
            THEN figures[1] * (figures[2] / figures[1]) ^ (ln(n / 1000) / ln(10.0::float8))
            ELSE figures[2] * (figures[3] / figures[2]) ^ (ln(n / 10000) / ln(5.0::float8)) END *
       (features / 10.0::float8) ^ exponent
FROM (SELECT least(greatest(rows, 1000), 65536)::float8 AS n) c
$$;
COMMENT ON FUNCTION _anomaly._ad_measured_at(double precision[], double precision, bigint, integer) IS
'a measured figure brought to a number of rows and columns';

-- Why one would take a detector: what it looks at, and what it is blind to.
CREATE FUNCTION _anomaly._ad_reasons(
    OUT detector text,
    OUT by_distance boolean,
    OUT why text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
VALUES
    ('auto', false, 'fair_forest, subknn and ecod, of which the two that find a row strangest count: what one is blind to another sees'),
    ('autoencoder', false, 'what a network cannot reconstruct of a row: sees values that do not go together, of many correlated columns; slow to fit'),
    ('copod', false, 'how far out each value is in its column, by the side that is skewed; blind to combinations'),
    ('dbscan', true, 'distance from the nearest dense group; a natural threshold, but normal rows are all alike'),
    ('ecod', false, 'how far out each value is in its column, by rank: units and spreads do not matter; blind to combinations'),
    ('fair_forest', false, 'isolation by cuts that tell the most: sees small clusters of anomalies; a large model'),
    ('gmm', false, 'density of a mixture of normal distributions; with its default of one component it ranks as pca and mahalanobis do'),
    ('hbos', false, 'histograms of the columns: sees gaps between usual values; blind to combinations'),
    ('iforest', false, 'isolation by random cuts: fast, small, indifferent to units; hardly sees one absurd value among many features'),
    ('inne', true, 'spheres around rows of small samples: sees anomalies between groups'),
    ('kmeans', true, 'distance from the nearest of a few centres: for rows in clear groups'),
    ('knn', true, 'distance from the nearest rows: for anomalies that are alone; keeps rows and searches them for every score'),
    ('loda', false, 'histograms of random mixtures of columns: small; scores a row with missing values by what it has'),
    ('lof', true, 'density compared with that of the neighbours: for groups of different density; keeps rows and searches them'),
    ('mahalanobis', false, 'distance from the centre in units of the spread in that direction: for one elliptical cloud; ranks as pca and gmm do by default'),
    ('ocsvm', true, 'a boundary around the rows: for a curved region of few thousand rows; slow with many'),
    ('pca', false, 'distance from the centre along all principal axes: for correlated columns; ranks as mahalanobis and gmm do by default'),
    ('subknn', true, 'distance from the nearest of a few rows, many times over: neighbours without a search; keeps those rows'),
    ('vae', false, 'how improbable a row is under a small network: about a squared distance weighted by variances; no rows kept, slow to fit'),
    ('zscore', false, 'the value farthest from the middle of its column: one extreme value; blind to combinations')
$$;
COMMENT ON FUNCTION _anomaly._ad_reasons() IS
'what speaks for a detector and against it, in words, and whether it measures distances over all columns';

-- The detectors for so many rows of so many columns, best first. budget and
-- reading: seconds that there are, or NULL, and that reading the rows takes. A
-- time is one of another machine, so twice as much must be within the budget.
CREATE FUNCTION _anomaly._ad_ranked(
    rows bigint,
    features integer,
    priority text,
    budget double precision,
    reading double precision,
    categories integer,
    missing double precision,
    OUT rank integer,
    OUT detector text,
    OUT spec jsonb,
    OUT reason text,
    OUT mean_auc double precision,
    OUT seconds double precision,
    OUT model_bytes bigint)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH cost AS (
    SELECT d.detector, m.detector IS NOT NULL AS measured, m.mean_auc, m.mean_ap,
           _anomaly._ad_measured_at(m.fit_ms, m.column_exponents[1], sampled, $2) / 1e3 +
           -- beyond the sample a fit still reads every row: measured with ten columns
           ($1 - sampled) * 8e-7 * $2 / 10 AS fit,
           _anomaly._ad_measured_at(m.score_us, m.column_exponents[2], sampled, $2) AS score,
           _anomaly._ad_measured_at(m.model_bytes, m.column_exponents[3], sampled, $2) AS bytes
    FROM unnest(_anomaly._ad_detectors() || 'auto'::text) d(detector) LEFT JOIN _anomaly._ad_measured() m USING (detector),
         least($1, 50000) sampled -- no detector uses many more, and so many were measured
    WHERE m.detector IS NULL
       OR $1 >= CASE m.least_rows WHEN 'features' THEN $2 + 2 ELSE m.least_rows::int END
), whole AS (
    SELECT c.*, c.fit + $1 * c.score / 1e6 AS total FROM cost c
), ranked AS (
    SELECT w.*,
           row_number() OVER (ORDER BY NOT w.measured,
               CASE $3
                   WHEN 'accuracy' THEN -w.mean_auc
                   WHEN 'speed' THEN w.total
                   WHEN 'memory' THEN w.bytes
                   -- beyond a second and ten megabytes ten times the time or the bytes weigh 0.005 of ROC AUC
                   ELSE 0.005 * log((1 + w.total)::numeric)::float8 + 0.005 * log((1 + w.bytes / 1e7)::numeric)::float8 - w.mean_auc
               END, -w.mean_auc, w.detector)::int AS place
    FROM whole w
    -- a first call takes a hundredth of a second, whatever the rows
    WHERE $4 IS NULL OR 2 * (w.total + $5) + 0.01 <= $4
)
SELECT r.place, r.detector, jsonb_build_object('detector', r.detector),
       CASE WHEN r.measured THEN
       coalesce(y.why || '; ', '') || format('mean ROC AUC %s and average precision %s on the measured sets; about %s s to fit, %s microseconds to score a row, model of %s',
              round(r.mean_auc::numeric, 3), round(r.mean_ap::numeric, 3),
              -- of what is small two digits
              CASE WHEN r.fit < 10 THEN round(r.fit::numeric, greatest(2, 1 - floor(log(r.fit)))::int) ELSE round(r.fit::numeric) END,
              CASE WHEN r.score < 10 THEN round(r.score::numeric, greatest(1, 1 - floor(log(r.score)))::int) ELSE round(r.score::numeric) END,
              pg_size_pretty(r.bytes::bigint)) ||
       CASE WHEN $6 > 0 AND y.by_distance THEN format('; %s become columns, which its distances take for numbers',
              CASE $6 WHEN 1 THEN 'a category''s values' ELSE format('the values of %s categories', $6) END) ELSE '' END ||
       CASE WHEN $7 > 0 THEN format('; %s %% of the values are missing, which are %s',
              CASE WHEN $7 < 0.01 THEN 'less than 1' ELSE round(100 * $7::numeric)::text END,
              CASE r.detector WHEN 'loda' THEN 'left out' ELSE 'imputed' END) ELSE '' END
       ELSE 'not measured' END,
       r.mean_auc, r.total + $5, r.bytes::bigint
FROM ranked r LEFT JOIN _anomaly._ad_reasons() y USING (detector) ORDER BY r.place
$$;
COMMENT ON FUNCTION _anomaly._ad_ranked(bigint, integer, text, double precision, double precision, integer, double precision) IS
'detectors for a number of rows and columns, best first, that take half of so many seconds at most, reading included';

CREATE FUNCTION @extschema@.ad_recommend(
    rows bigint,
    features integer,
    priority text DEFAULT 'balanced',
    OUT rank integer,
    OUT detector text,
    OUT spec jsonb,
    OUT reason text,
    OUT mean_auc double precision,
    OUT seconds double precision,
    OUT model_bytes bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_recommend_rows'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION @extschema@.ad_recommend(bigint, integer, text) IS
'Returns the detectors for a number of rows and features, best first, based on measured accuracy and '
'cost. rows: number of rows. features: number of features. priority: balanced, accuracy, speed or memory. '
'Raises 22004 if an argument is NULL, 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_recommend(
    query text,
    priority text DEFAULT 'balanced',
    budget interval DEFAULT NULL,
    key text DEFAULT NULL,
    OUT rank integer,
    OUT detector text,
    OUT spec jsonb,
    OUT reason text,
    OUT mean_auc double precision,
    OUT seconds double precision,
    OUT model_bytes bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_recommend_query'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 20;
COMMENT ON FUNCTION @extschema@.ad_recommend(text, text, interval, text) IS
'Returns the detectors for the rows of a query, best first. query: one SELECT, of which at most 100000 '
'rows are read, with the privileges of the caller and read-only. priority: balanced, accuracy, speed or '
'memory. budget: only detectors that read, fit and score all rows within half of this time; NULL means no '
'limit. key: the column that identifies rows and is not a feature, or NULL. Raises 22004 if query or '
'priority is NULL, 22023 for a query that is not one SELECT.';
