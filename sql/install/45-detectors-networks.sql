-- since 0.3.0
-- Detectors: networks.

CREATE FUNCTION @extschema@.ad_autoencoder(
    hidden integer[] DEFAULT '{64,16}',
    epochs integer DEFAULT 10,
    trim_share double precision DEFAULT 0.2,
    members integer DEFAULT 1,
    learning_rate double precision DEFAULT 0.001,
    batch integer DEFAULT 256)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_autoencoder(integer[], integer, double precision, integer, double precision, integer) IS
'Returns the spec of an autoencoder (Hawkins et al. 2002): the squared error with which a network '
'reconstructs a row through a narrow layer. hidden: sizes of the layers up to the narrow one, 1 to 8 '
'numbers of 1 to 1024; the others mirror them. epochs: passes over the sample, 1 to 1000, at most 2560 '
'steps in total. trim_share: share of each batch, the worst rows, ignored in training, 0 to 0.9. members: '
'networks whose scores are averaged, 1 to 100. learning_rate: above 0 to 1. batch: rows per step, 1 to '
'8192. NULL means the default. Raises 22023 for a value out of range.';

CREATE FUNCTION @extschema@.ad_vae(
    hidden integer[] DEFAULT '{32}',
    latent integer DEFAULT 4,
    epochs integer DEFAULT 30,
    trim_share double precision DEFAULT 0.1,
    members integer DEFAULT 1,
    learning_rate double precision DEFAULT 0.001,
    batch integer DEFAULT 256)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_spec_constructor'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.ad_vae(integer[], integer, integer, double precision, integer, double precision, integer) IS
'Returns the spec of a variational autoencoder (Kingma and Welling 2014): the squared reconstruction '
'error of each column divided by twice its learned variance, plus the divergence of the latent numbers '
'from a standard normal distribution. hidden: sizes of the encoder''s layers, 1 to 8 numbers of 1 to '
'1024; the decoder mirrors them. latent: number of latent numbers, 1 to 512. epochs: passes over the '
'sample, 1 to 1000, at most 2560 steps in total. trim_share: share of each batch, the worst rows, ignored in '
'training, 0 to 0.9. members: networks whose scores are averaged, 1 to 100. learning_rate: above 0 to 1. '
'batch: rows per step, 1 to 8192. NULL means the default. Raises 22023 for a value out of range.';
