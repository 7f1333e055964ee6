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
'spec of an autoencoder (Hawkins et al. 2002): squared length of what a network does not reconstruct of a row through a narrow layer; hidden: sizes of the layers up to that, which others mirror; epochs: at most 2,560 steps in all; trim_share: share of each batch, the worst rows, that teaches nothing; members: networks whose scores are averaged; batch: rows of a step';

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
'spec of a variational autoencoder (Kingma and Welling 2014): sum of the squares of what a network does not reconstruct of a row, over twice the variance it has learnt of each column, and how far the row''s latent numbers are from a standard normal distribution; hidden: sizes of the encoder''s layers, which the decoder mirrors; latent: numbers between them; epochs: at most 2,560 steps in all; trim_share: share of each batch, the worst rows, that teaches nothing; members: networks whose scores are averaged; batch: rows of a step';
