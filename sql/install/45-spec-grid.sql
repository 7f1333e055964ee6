-- since 0.3.0
-- Specs: all combinations of values of options. An option of a detector is an
-- argument here, too (sql/spec_grid.sql names those that are missing).

CREATE FUNCTION @extschema@.ad_grid(
    spec jsonb,
    options jsonb DEFAULT NULL,
    alpha double precision[] DEFAULT NULL,
    batch double precision[] DEFAULT NULL,
    beta double precision[] DEFAULT NULL,
    bins double precision[] DEFAULT NULL,
    candidates double precision[] DEFAULT NULL,
    clip double precision[] DEFAULT NULL,
    clusters double precision[] DEFAULT NULL,
    combine text[] DEFAULT NULL,
    components double precision[] DEFAULT NULL,
    counting text[] DEFAULT NULL,
    distinct_neighbors boolean[] DEFAULT NULL,
    draws double precision[] DEFAULT NULL,
    epochs double precision[] DEFAULT NULL,
    eps double precision[] DEFAULT NULL,
    estimators double precision[] DEFAULT NULL,
    exact_rows double precision[] DEFAULT NULL,
    features double precision[] DEFAULT NULL,
    gamma double precision[] DEFAULT NULL,
    hidden jsonb[] DEFAULT NULL,
    init text[] DEFAULT NULL,
    k double precision[] DEFAULT NULL,
    kernel text[] DEFAULT NULL,
    latent double precision[] DEFAULT NULL,
    learning_rate double precision[] DEFAULT NULL,
    max_features double precision[] DEFAULT NULL,
    max_iter double precision[] DEFAULT NULL,
    members double precision[] DEFAULT NULL,
    method text[] DEFAULT NULL,
    metric text[] DEFAULT NULL,
    min_samples double precision[] DEFAULT NULL,
    missing text[] DEFAULT NULL,
    ndim double precision[] DEFAULT NULL,
    neighbors double precision[] DEFAULT NULL,
    nu double precision[] DEFAULT NULL,
    p double precision[] DEFAULT NULL,
    priority text[] DEFAULT NULL,
    projections double precision[] DEFAULT NULL,
    reference_rows double precision[] DEFAULT NULL,
    reg_covar double precision[] DEFAULT NULL,
    restarts double precision[] DEFAULT NULL,
    robust boolean[] DEFAULT NULL,
    rotate boolean[] DEFAULT NULL,
    rows double precision[] DEFAULT NULL,
    sample_size numeric[] DEFAULT NULL,
    scale_by_spread boolean[] DEFAULT NULL,
    tol double precision[] DEFAULT NULL,
    tolerance double precision[] DEFAULT NULL,
    trees double precision[] DEFAULT NULL,
    trim_share double precision[] DEFAULT NULL,
    use_weights boolean[] DEFAULT NULL,
    variant text[] DEFAULT NULL,
    widths text[] DEFAULT NULL,
    zero_spread text[] DEFAULT NULL)
RETURNS jsonb[]
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_grid(
    jsonb, jsonb, double precision[], double precision[], double precision[],
    double precision[], double precision[], double precision[], double precision[], text[],
    double precision[], text[], boolean[], double precision[], double precision[],
    double precision[], double precision[], double precision[], double precision[],
    double precision[], jsonb[], text[], double precision[], text[], double precision[],
    double precision[], double precision[], double precision[], double precision[], text[],
    text[], double precision[], text[], double precision[], double precision[],
    double precision[], double precision[], text[], double precision[], double precision[],
    double precision[], double precision[], boolean[], boolean[], double precision[],
    numeric[], boolean[], double precision[], double precision[], double precision[],
    double precision[], boolean[], text[], text[], text[]) IS
'Returns all specs that result from a spec with each combination of values of options. spec: the spec to '
'vary. options: a JSON object of arrays of values by name, with objects for prepare, sampling and '
'calibrate. In addition there is one argument per option of a detector, an array of values. The last '
'option changes fastest; equal specs are returned once; NULL among the values means the default. Raises '
'22004 if spec is NULL, 22023 for an option that the detector does not have, a value out of range, no '
'value or an option set twice, 54000 for more than 1000 specs or 16 MB.';
