-- The chooser: ranks detectors by what was measured.
--
-- Both tables are figures, not opinions, and _ad_measured() is the only place
-- that holds them. accuracy: means of ROC AUC and average precision over
-- thirteen labelled sets of the outlier detection literature (683 to 95,156
-- rows, 3 to 166 features), every detector with its defaults, fitted to and
-- scoring all rows without labels; bench/accuracy.py. Cost: bench/detectors.py,
-- section "For ad_recommend()", one core of a shared machine, so that times rank
-- detectors but promise nothing; of auto and fair_forest processor time. A
-- detector that was not measured is not there: ad_recommend() has it last, and
-- says so.

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
       c.model_bytes::float8[], c.column_exponents::float8[], c.least_rows
FROM (VALUES
    ('auto', 0.8778, 0.5934),
    ('copod', 0.8248, 0.4511),
    ('dbscan', 0.7364, 0.3852),
    ('ecod', 0.8369, 0.5230),
    ('fair_forest', 0.8565, 0.5326),
    ('gmm', 0.8442, 0.4787),
    ('hbos', 0.8345, 0.5011),
    ('iforest', 0.8523, 0.5228),
    ('inne', 0.8403, 0.4671),
    ('kmeans', 0.7810, 0.3701),
    ('knn', 0.8545, 0.4720),
    ('loda', 0.8511, 0.5170),
    ('lof', 0.6294, 0.1961),
    ('mahalanobis', 0.8442, 0.4786),
    ('ocsvm', 0.8457, 0.4852),
    ('pca', 0.8442, 0.4786),
    ('subknn', 0.8693, 0.5572),
    ('zscore', 0.8181, 0.4603)
    ) a(detector, mean_auc, mean_ap)
JOIN (VALUES
    ('auto', '{55.2, 113, 177}', '{3.17, 3.31, 3.54}', '{1975040, 2695040, 5895040}', '{0.48, 0.62, 0.48}', '3'),
    ('copod', '{1.49, 10.4, 73.3}', '{0.262, 0.287, 0.811}', '{81856, 801856, 4001856}', '{1.15, 1.04, 1.00}', '2'),
    ('dbscan', '{5.22, 139, 162}', '{2.21, 9.57, 6.64}', '{71896, 716216, 733016}', '{0.32, 0.41, 1.04}', 'features'),
    ('ecod', '{1.48, 10.8, 67}', '{0.277, 0.291, 0.514}', '{81856, 801856, 4001856}', '{0.83, 0.99, 1.00}', '2'),
    ('fair_forest', '{50.1, 69.6, 93.4}', '{2.65, 2.7, 2.66}', '{1841720, 1841720, 1841720}', '{0.16, 0.30, 0.00}', '2'),
    ('gmm', '{3.11, 38.6, 215}', '{0.694, 0.669, 0.573}', '{3664, 3664, 3664}', '{0.84, 0.50, 1.45}', 'features'),
    ('hbos', '{1.82, 9.79, 44}', '{0.184, 0.256, 0.182}', '{2848, 2848, 2848}', '{0.50, 0.37, 0.90}', '2'),
    ('iforest', '{3.61, 11.1, 30.6}', '{1.05, 1.04, 0.699}', '{109160, 107048, 105672}', '{0.17, 0.32, -0.01}', '2'),
    ('inne', '{1.9, 10.3, 48.9}', '{21.7, 25.3, 23.3}', '{155576, 155576, 155576}', '{0.57, 0.99, 0.90}', '16'),
    ('kmeans', '{3.18, 61.5, 427}', '{0.202, 0.207, 0.263}', '{2920, 2920, 2920}', '{0.97, 1.03, 0.84}', '8'),
    ('knn', '{1.83, 9.08, 39.5}', '{2.08, 7.62, 7.53}', '{82048, 802048, 802048}', '{0.80, 0.60, 1.00}', '6'),
    ('loda', '{4.24, 38, 181}', '{1.07, 1.06, 1.08}', '{13160, 22264, 36648}', '{0.32, 0.17, 0.23}', '2'),
    ('lof', '{6.88, 118, 142}', '{4.45, 10.9, 11.2}', '{98024, 962024, 962024}', '{0.53, 0.48, 0.90}', '21'),
    ('mahalanobis', '{0.978, 7.81, 36.7}', '{0.358, 0.186, 0.357}', '{2704, 2704, 2704}', '{0.58, 1.06, 1.40}', 'features'),
    ('ocsvm', '{5.21, 540, 750}', '{1.38, 10.8, 2.28}', '{26392, 242344, 28776}', '{0.41, 0.51, 0.90}', '2'),
    ('pca', '{1.07, 5.92, 34}', '{0.203, 0.208, 0.213}', '{2880, 2880, 2880}', '{0.68, 0.77, 1.38}', 'features'),
    ('subknn', '{2.96, 15, 28.6}', '{0.597, 0.62, 0.72}', '{43272, 43272, 43272}', '{0.63, 1.12, 0.96}', '3'),
    ('zscore', '{1.19, 6.01, 32.6}', '{0.422, 0.409, 0.528}', '{2088, 2088, 2088}', '{0.69, 0.36, 0.86}', '3')
    ) c(detector, fit_ms, score_us, model_bytes, column_exponents, least_rows) USING (detector)
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
         least($1, 20480) sampled -- most detectors use no more
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
                   -- beyond a second and a megabyte ten times the time or the bytes weigh 0.01 or 0.005 of ROC AUC
                   ELSE 0.01 * log((1 + w.total)::numeric)::float8 + 0.005 * log((1 + w.bytes / 1e6)::numeric)::float8 - w.mean_auc
               END, -w.mean_auc, w.detector)::int AS place
    FROM whole w
    WHERE $4 IS NULL OR 2 * (w.total + $5) <= $4
)
SELECT r.place, r.detector, jsonb_build_object('detector', r.detector),
       CASE WHEN r.measured THEN
       coalesce(y.why || '; ', '') || format('mean ROC AUC %s and average precision %s on the measured sets; about %s s to fit, %s microseconds to score a row, model of %s',
              round(r.mean_auc::numeric, 3), round(r.mean_ap::numeric, 3),
              CASE WHEN r.fit < 10 THEN round(r.fit::numeric, 2) ELSE round(r.fit::numeric) END,
              CASE WHEN r.score < 10 THEN round(r.score::numeric, 1) ELSE round(r.score::numeric) END,
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
'detectors for a number of rows and features, best first, by priority (accuracy, speed, memory or balanced), from measured accuracy and cost';

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
'detectors for the rows of a query, best first, of which at most 100,000 are read, as the caller and read-only; budget: only those that read, fit and score all rows in half of it; key: the column that tells rows apart and is no feature';
