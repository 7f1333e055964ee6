/*-------------------------------------------------------------------------
 *
 * model_bytes.c
 *		Models as bytes, and back.
 *
 * Sections:
 *	1	spec, JSON text
 *	2	schema: encoding, rows, and per feature name, type, class, statistics
 *		and dictionary
 *	3	preparation: imputation, zone, encoding per feature, scale per column
 *	4	calibration: summaries of scores; since version 2
 *	5	the detector's payload
 *	6	shares: what part of each number's sample its quantiles bound, to
 *		compare later data with; models of old have none
 *	7	arcs: the usual times of a day where they go over midnight; only if
 *		some do
 *	8	beyond: the unit, and the range and spread of each number, if values
 *		beyond count
 *	10	reduction: components in place of the encoded columns, see reduce.c; only
 *		if there are some, which a flag says too: a server that does not know of
 *		them would take the payload's columns for others
 *	9	what equal scores may differ by, however near to 0, and scores that are
 *		frequent: f64, u32 number, for each f64 score, u64 count; the same
 *
 * Bytes are hostile.  Everything that scoring later relies on is checked
 * here or in the detector's load function, once.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_ensemble.h"
#include "model/ad_reduce.h"

#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"

#define MAX_SPEC		65536	/* bytes of a spec's text */
#define MAX_ZONE		255

/* An empty model in a context of its own choosing. */
AdModel *
ad_model_new(MemoryContext mcxt)
{
	AdModel    *m = MemoryContextAllocZero(mcxt, sizeof(AdModel));

	m->mcxt = mcxt;
	return m;
}

/* Return whether the usual times of some feature go over midnight. */
static bool
any_arc(const AdModel *m)
{
	for (int j = 0; j < m->nfeatures; j++)
		if (!isnan(m->features[j].arc.low))
			return true;
	return false;
}

/* How many sections a model has that others have not. */
int
ad_model_extra_sections(const AdModel *m)
{
	return any_arc(m) + (m->beyond != NULL) + (m->reduction != NULL);
}

/* Write sections 7, 8 and 10, if the model has them. */
static void
write_extra(const AdModel *m, AdEnvelopeWriter *w, StringInfo buf)
{
	if (any_arc(m))
	{
		ad_envelope_section(w, AD_SECTION_ARCS);
		for (int j = 0; j < m->nfeatures; j++)
			if (m->features[j].class == AD_CLASS_TIME)
			{
				ad_wr_f64(buf, m->features[j].arc.low);
				ad_wr_f64(buf, m->features[j].arc.high);
				ad_wr_f64(buf, m->features[j].arc.middle);
			}
	}
	if (m->beyond)
	{
		ad_envelope_section(w, AD_SECTION_BEYOND);
		ad_wr_f64(buf, m->beyond_unit);
		for (int j = 0; j < m->nfeatures; j++)
			if (m->features[j].class != AD_CLASS_CATEGORY)
			{
				ad_wr_f64(buf, m->beyond[j].low);
				ad_wr_f64(buf, m->beyond[j].high);
				ad_wr_f64(buf, m->beyond[j].spread);
			}
	}
	if (m->reduction)
	{
		ad_envelope_section(w, AD_SECTION_REDUCTION);
		ad_reduce_write(m, buf);
	}
}

/* Write sections 1 to 3, 6 to 8 and 10. */
void
ad_model_write_head(AdModel *m, AdEnvelopeWriter *w, StringInfo buf)
{
	ad_envelope_section(w, AD_SECTION_SPEC);
	ad_wr_bytes(buf, m->spec, strlen(m->spec));

	ad_envelope_section(w, AD_SECTION_SCHEMA);
	ad_wr_u32(buf, GetDatabaseEncoding());
	ad_wr_u64(buf, m->rows);
	ad_wr_u64(buf, m->sampled);
	ad_wr_u32(buf, m->nfeatures);
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		AdViewFeature *s = &f->stats;

		ad_wr_u8(buf, f->class);
		ad_wr_string(buf, f->name, strlen(f->name));
		ad_wr_string(buf, f->type, strlen(f->type));
		ad_wr_u64(buf, s->missing);
		ad_wr_u64(buf, s->infinite);
		ad_wr_u64(buf, (uint64) s->distinct);
		if (f->class == AD_CLASS_CATEGORY)
		{
			ad_wr_u32(buf, f->dict.n);
			for (uint32 i = 0; i < f->dict.n; i++)
			{
				ad_wr_u64(buf, f->dict.entries[i].count);
				ad_wr_f64(buf, f->frequency[i]);
				ad_wr_string(buf, f->dict.arena + f->dict.entries[i].at,
							 f->dict.entries[i].len);
			}
		}
		else
		{
			double		numbers[9] = {s->min, s->max, s->mean, s->sd, s->q05,
			s->q25, s->median, s->q75, s->q95};

			ad_wr_f64_array(buf, numbers, lengthof(numbers));
		}
	}

	ad_envelope_section(w, AD_SECTION_PREPARATION);
	ad_wr_u8(buf, m->impute);
	ad_wr_u8(buf, m->scaled);
	ad_wr_string(buf, m->timezone_name, strlen(m->timezone_name));
	for (int j = 0; j < m->nfeatures; j++)
	{
		ad_wr_u8(buf, m->features[j].encoding);
		ad_wr_f64(buf, m->features[j].impute);
		ad_wr_u32(buf, (uint32) m->features[j].dropped_for);
	}
	if (m->scaled)
		for (int c = 0; c < m->ncols; c++)
		{
			ad_wr_f64(buf, m->center[c]);
			ad_wr_f64(buf, m->scale[c]);
		}

	ad_envelope_section(w, AD_SECTION_SHARES);
	for (int j = 0; j < m->nfeatures; j++)
		if (m->features[j].class != AD_CLASS_CATEGORY)
			ad_wr_f64_array(buf, m->features[j].shares, AD_MODEL_SHARES);
	write_extra(m, w, buf);
}

/* Read the dictionary of a categorical feature. */
static void
read_dictionary(AdReader *r, AdModelFeature *f)
{
	uint32		n = ad_rd_count(r, AD_MAX_MODEL_VALUES, 20);

	/* none at all: values so rare that the sample of the fit had none */
	f->frequency = ad_palloc0_array(double, n + 1);
	for (uint32 i = 0; i < n; i++)
	{
		uint64		count = ad_rd_u64(r);
		Size		len;
		const char *s;

		f->frequency[i] = ad_rd_finite(r);
		s = ad_rd_string(r, AD_CATEGORY_SCRATCH, &len);
		ad_rd_text_check(r, s, len);
		if (ad_dict_code(&f->dict, s, (int) len) != i)
			ad_rd_corrupt(r, "a value occurs twice in a dictionary");
		f->dict.entries[i].count = count;
	}
	f->stats.min = f->stats.max = f->stats.mean = f->stats.sd = NAN;
	f->stats.q05 = f->stats.q25 = f->stats.median = NAN;
	f->stats.q75 = f->stats.q95 = NAN;
}

/* Read section 2. */
static void
read_schema(AdReader *r, AdModel *m)
{
	uint32		encoding = ad_rd_encoding(r);

	if ((int) encoding != GetDatabaseEncoding())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model was made in a database with encoding %s, this one has %s",
						pg_encoding_to_char((int) encoding),
						GetDatabaseEncodingName()),
				 errhint("Fit it again here.")));
	m->rows = ad_rd_u64(r);
	m->sampled = ad_rd_u64(r);
	m->nfeatures = (int) ad_rd_count(r, AD_MAX_FEATURES, 37);
	if (m->nfeatures == 0)
		ad_rd_corrupt(r, "it has no features");
	m->features = ad_palloc0_array(AdModelFeature, m->nfeatures);
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		AdViewFeature *s = &f->stats;
		const char *string;
		Size		len;
		uint8		class = ad_rd_u8(r);

		if (class < 1 || class > AD_MAX_CLASS)
			ad_rd_corrupt(r, "a feature is of an unknown class");
		f->class = class;
		string = ad_rd_string(r, AD_MAX_NAME, &len);
		f->name = ad_rd_text(r, string, len);
		string = ad_rd_string(r, AD_MAX_TYPE_NAME, &len);
		f->type = ad_rd_text(r, string, len);
		s->missing = ad_rd_u64(r);
		s->infinite = ad_rd_u64(r);
		s->distinct = (int64) ad_rd_u64(r);
		if (f->class == AD_CLASS_CATEGORY)
			read_dictionary(r, f);
		else
		{
			double		numbers[9];

			ad_rd_f64_array(r, numbers, lengthof(numbers));
			s->min = numbers[0];
			s->max = numbers[1];
			s->mean = numbers[2];
			s->sd = numbers[3];
			s->q05 = numbers[4];
			s->q25 = numbers[5];
			s->median = numbers[6];
			s->q75 = numbers[7];
			s->q95 = numbers[8];
		}
	}
	ad_rd_end(r);
}

/* Read section 3. */
static void
read_preparation(AdReader *r, AdModel *m)
{
	uint8		impute = ad_rd_u8(r);
	uint8		scaled = ad_rd_u8(r);
	const char *zone;
	Size		len;

	if (impute > AD_IMPUTE_ERROR || scaled > 1)
		ad_rd_corrupt(r, "a preparation option is out of range");
	m->impute = impute;
	m->scaled = scaled;
	zone = ad_rd_string(r, MAX_ZONE, &len);
	ad_prepare_zone(m, ad_rd_text(r, zone, len));

	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		bool		category = (f->class == AD_CLASS_CATEGORY);
		uint8		encoding = ad_rd_u8(r);

		/* NaN: the detector takes missing numbers as they are */
		f->impute = ad_rd_f64(r);
		f->dropped_for = (int) ad_rd_u32(r);
		f->encoding = encoding;
		if (encoding > AD_MAX_ENCODING ||
			(encoding != AD_ENC_DROPPED &&
			 category != (encoding == AD_ENC_ONEHOT ||
						  encoding == AD_ENC_FREQUENCY)) ||
			(encoding == AD_ENC_CLOCK && f->class != AD_CLASS_TIME))
			ad_rd_corrupt(r, "a feature's encoding does not fit its class");
		if (f->dropped_for < -1 || f->dropped_for >= m->nfeatures)
			ad_rd_corrupt(r, "a feature is dropped for one that does not exist");
		if (isinf(f->impute))
			ad_rd_corrupt(r, "an imputed number is infinite");
		if (isnan(f->impute) && m->detector->accepts_missing == NULL)
			ad_rd_corrupt(r, "an imputed number is missing");
		if (category && !(f->impute >= 0 && f->impute < Max(f->dict.n, 1) &&
						  f->impute == floor(f->impute)))
			ad_rd_corrupt(r, "an imputed category is not in the dictionary");
	}
	ad_prepare_columns(m);
	if (m->scaled)
	{
		ad_rd_need(r, ad_mul_size(m->ncols, 16));
		m->center = ad_palloc_array(double, m->ncols);
		m->scale = ad_palloc_array(double, m->ncols);
		for (int c = 0; c < m->ncols; c++)
		{
			m->center[c] = ad_rd_finite(r);
			m->scale[c] = ad_rd_finite(r);
			if (m->scale[c] == 0)
				ad_rd_corrupt(r, "a scale is zero");
		}
		ad_prepare_scaled(m);
	}
	ad_rd_end(r);
}

/* Read section 6: shares ascend, and belong to finite quantiles. */
static void
read_shares(AdReader *r, AdModel *m)
{
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		double		q[AD_MODEL_SHARES] = {f->stats.q05, f->stats.q25,
		f->stats.median, f->stats.q75, f->stats.q95};

		if (f->class == AD_CLASS_CATEGORY)
			continue;
		ad_rd_f64_array(r, f->shares, AD_MODEL_SHARES);
		if (isnan(f->shares[0]))
			continue;
		for (int i = 0; i < AD_MODEL_SHARES; i++)
			if (!(f->shares[i] >= (i == 0 ? 0 : f->shares[i - 1])) ||
				!(f->shares[i] <= 1) || !isfinite(q[i]))
				ad_rd_corrupt(r, "the shares of a feature are not in order");
	}
	ad_rd_end(r);
}

/* Read section 7: arcs that go over midnight. */
static void
read_arcs(AdReader *r, AdModel *m)
{
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdArc	   *arc = &m->features[j].arc;

		if (m->features[j].class != AD_CLASS_TIME)
			continue;
		arc->low = ad_rd_f64(r);
		arc->high = ad_rd_f64(r);
		arc->middle = ad_rd_f64(r);
		if (!isnan(arc->low) &&
			!(arc->high >= 0 && arc->low > arc->high &&
			  arc->low <= SECS_PER_DAY &&
			  arc->middle >= 0 && arc->middle <= SECS_PER_DAY))
			ad_rd_corrupt(r, "the usual times of a feature are out of range");
	}
	ad_rd_end(r);
}

/* Read section 8: ranges that are finite or not there. */
static void
read_beyond(AdReader *r, AdModel *m)
{
	m->beyond_unit = ad_rd_finite(r);
	if (!(m->beyond_unit > 0))
		ad_rd_corrupt(r, "the unit of its ranges is not positive");
	m->beyond = ad_palloc_array(AdBeyond, m->nfeatures);
	m->ranged = true;
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdBeyond   *b = &m->beyond[j];

		b->low = b->high = b->spread = NAN;
		if (m->features[j].class == AD_CLASS_CATEGORY)
			continue;
		b->low = ad_rd_f64(r);
		b->high = ad_rd_f64(r);
		b->spread = ad_rd_f64(r);
		if (isnan(b->low) && isnan(b->high))
			continue;
		if (!isfinite(b->low) || !isfinite(b->high) || b->low > b->high ||
			!isfinite(b->spread) || b->spread < 0)
			ad_rd_corrupt(r, "the range of a feature is out of order");
	}
	ad_rd_end(r);
}

/* Read the sections that a model need not have. */
static void
read_optional(const AdEnvelope *e, AdModel *m)
{
	AdReader	r;

	if (m->has_scores && ad_envelope_has(e, AD_SECTION_EQUALS))
	{
		ad_envelope_reader(e, AD_SECTION_EQUALS, "model", &r);
		ad_equals_read(&r, &m->calibration);
	}
	for (int j = 0; j < m->nfeatures; j++)
	{
		for (int i = 0; i < AD_MODEL_SHARES; i++)
			m->features[j].shares[i] = NAN;
		m->features[j].arc.low = NAN;
	}
	if (ad_envelope_has(e, AD_SECTION_SHARES))
	{
		ad_envelope_reader(e, AD_SECTION_SHARES, "model", &r);
		read_shares(&r, m);
	}
	if (ad_envelope_has(e, AD_SECTION_ARCS))
	{
		ad_envelope_reader(e, AD_SECTION_ARCS, "model", &r);
		read_arcs(&r, m);
	}
	if (ad_envelope_has(e, AD_SECTION_BEYOND))
	{
		ad_envelope_reader(e, AD_SECTION_BEYOND, "model", &r);
		read_beyond(&r, m);
	}
	if (ad_envelope_has(e, AD_SECTION_REDUCTION) ||
		(m->flags & AD_MODEL_REDUCED))
	{
		ad_envelope_reader(e, AD_SECTION_REDUCTION, "model", &r);
		if (!(m->flags & AD_MODEL_REDUCED) ||
			m->detector == &ad_detector_ensemble)
			ad_rd_corrupt(&r, "it has components that it should not have");
		ad_reduce_read(&r, m);
	}
}

/* Read a model; as ad_model_read(), which may be an ensemble. */
static AdModel *
read_model(const uint8 *data, Size len, bool is_member, bool is_sound)
{
	MemoryContext mcxt;
	MemoryContext old;
	AdEnvelope	e;
	AdReader	r;
	AdModel    *m;
	const char *spec;

	mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly model",
								 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	m = ad_model_new(mcxt);

	if (is_sound)
		ad_envelope_reopen(&e, data, len, AD_MAGIC_MODEL, "model",
						   AD_MODEL_VERSION, AD_MODEL_FLAGS);
	else
		ad_envelope_open(&e, data, len, AD_MAGIC_MODEL, "model",
						 AD_MODEL_VERSION, AD_MODEL_FLAGS);
	memcpy(m->header, data, AD_ENVELOPE_HEADER);
	memcpy(m->digest, e.digest, AD_DIGEST_LENGTH);
	m->bytes = len;
	m->version = e.version;
	m->flags = e.flags;
	m->detector = ad_detector_by_id(e.kind);
	if (m->detector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model is of an unknown detector (%u)", e.kind),
				 errhint("Upgrade the anomaly extension of this server.")));
	if (is_member && m->detector == &ad_detector_ensemble)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("model is malformed"),
				 errdetail("A member of an ensemble is an ensemble.")));

	ad_envelope_reader(&e, AD_SECTION_SPEC, "model", &r);
	if (r.len > MAX_SPEC)
		ad_rd_corrupt(&r, "its spec is too long");
	spec = (const char *) r.data;
	m->spec = ad_rd_text(&r, spec, r.len);
	ad_envelope_reader(&e, AD_SECTION_SCHEMA, "model", &r);
	read_schema(&r, m);
	ad_envelope_reader(&e, AD_SECTION_PREPARATION, "model", &r);
	read_preparation(&r, m);
	if (m->version >= 2)
	{
		ad_envelope_reader(&e, AD_SECTION_CALIBRATION, "model", &r);
		ad_calibration_read(&r, &m->calibration);
		m->has_scores = true;
	}
	read_optional(&e, m);
	ad_envelope_reader(&e, AD_SECTION_PAYLOAD, "model", &r);
	if ((m->flags & AD_MODEL_WEIGHTED) && m->detector != &ad_detector_ensemble)
		ad_rd_corrupt(&r, "it has weights that it should not have");
	if (m->detector == &ad_detector_ensemble)
		ad_ensemble_load(&r, m);
	else
		m->scorer = m->detector->load(&r, m->ndense);

	AssertModelFeatures(m);
	MemoryContextSwitchTo(old);
	return m;
}

/*
 * Read a model into a new child of the current context.  data is not
 * needed afterwards.
 */
AdModel *
ad_model_read(const uint8 *data, Size len)
{
	return read_model(data, len, false, false);
}

/* The same of bytes that this process has read before, all of them. */
AdModel *
ad_model_reread(const uint8 *data, Size len)
{
	return read_model(data, len, false, true);
}

/*
 * The same of a member of an ensemble, which cannot be one itself: the next
 * bytes of a reader.
 */
AdModel *
ad_model_read_member(const AdReader *r, Size len)
{
	return read_model(r->data + r->pos, len, true, r->is_sound);
}
