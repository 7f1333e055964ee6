/*-------------------------------------------------------------------------
 *
 * sketch_bytes.c
 *		Sketches as bytes.
 *
 * The same form serves a stored sketch and the exchange between parallel
 * workers.  Reading checks everything that later code relies on: counts
 * against limits and against the bytes that are left, codes against the
 * dictionary, numbers for being finite where they must be.
 *
 * Sections:
 *	1	sampling options, rows, features (name, type, class); in version 2 the
 *		size of the sample, k
 *	2	per feature: missing, infinite; when large: tails, numbers
 *	3	per categorical feature: the dictionary
 *	4	sample: priorities, then rows
 *	5	of a state of an aggregate: what the aggregate adds
 *	6	the character encoding of names and values
 *
 * A sketch of another encoding is converted as it is read.  Those of releases
 * before 0.3.0 do not say which they are of, and are taken for the server's.
 *
 * Version 1 is that of 0.2.0.  It is written where k follows from the options,
 * so that a sketch without a spec can be read there.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_envelope.h"
#include "sketch/ad_sketch.h"

#include "mb/pg_wchar.h"

#define SECTION_FEATURES	1
#define SECTION_COUNTS		2
#define SECTION_VALUES		3
#define SECTION_SAMPLE		4
#define SECTION_EXTRA		5
#define SECTION_ENCODING	6

/* Write the most extreme values of a tail; cuts it to them. */
static void
write_tail(StringInfo buf, AdTail *t, int keep, bool high)
{
	ad_tail_cut(t, keep, high);
	ad_wr_u32(buf, t->n);
	ad_wr_f64_array(buf, t->v, t->n);
}

/* Write section 1; full: k follows from the options. */
static void
write_features(StringInfo buf, const AdSketch *s, bool full)
{
	ad_wr_u32(buf, s->sampling.rows);
	ad_wr_u32(buf, s->sampling.memory_mb);
	ad_wr_u64(buf, s->sampling.seed);
	ad_wr_u8(buf, s->sampling.keyed);
	ad_wr_u8(buf, s->large);
	ad_wr_u64(buf, s->rows);
	ad_wr_u32(buf, s->nfeatures);
	for (int j = 0; j < s->nfeatures; j++)
	{
		ad_wr_u8(buf, s->features[j].class);
		ad_wr_string(buf, s->features[j].name, strlen(s->features[j].name));
		ad_wr_string(buf, s->features[j].type, strlen(s->features[j].type));
	}
	if (!full)
		ad_wr_u64(buf, s->k);
}

/* Write a sketch, with "extra" bytes if there are any. */
static bytea *
write_sketch(AdSketch *s, const void *extra, Size extra_len, uint32 flags)
{
	AdEnvelopeWriter w;
	StringInfo	buf;
	int			d = s->nfeatures;
	bool		full = s->k == ad_sketch_full(s);

	AssertSketchRows(s);
	ad_sample_cut(s);
	buf = ad_envelope_begin(&w, extra ? 6 : 5,
							ad_mul_size(s->n + 2 * s->tail,
										(d + 1) * sizeof(double)));

	ad_envelope_section(&w, SECTION_FEATURES);
	write_features(buf, s, full);

	ad_envelope_section(&w, SECTION_COUNTS);
	for (int j = 0; j < d; j++)
	{
		ad_wr_u64(buf, s->missing[j]);
		ad_wr_u64(buf, s->infinite[j]);
		if (!s->large || s->features[j].class == AD_CLASS_CATEGORY)
			continue;
		write_tail(buf, &s->low[j], s->tail, false);
		write_tail(buf, &s->high[j], s->tail, true);
		ad_wr_u8(buf, s->numbers[j].overflow);
		if (!s->numbers[j].overflow)
		{
			ad_wr_u32(buf, s->numbers[j].n);
			for (int i = 0; i < AD_NUMBER_SLOTS; i++)
				if (!isnan(s->numbers[j].v[i]))
					ad_wr_f64(buf, s->numbers[j].v[i]);
		}
	}

	ad_envelope_section(&w, SECTION_VALUES);
	for (int c = 0; c < s->ncategories; c++)
	{
		const AdDict *dict = &s->dicts[s->categories[c]];

		ad_wr_u8(buf, dict->overflow);
		ad_wr_u32(buf, dict->n);
		for (uint32 i = 0; i < dict->n; i++)
		{
			const AdDictEntry *e = &dict->entries[i];

			ad_wr_u64(buf, e->count);
			ad_wr_string(buf, dict->arena + e->at, e->len);
		}
	}

	ad_envelope_section(&w, SECTION_SAMPLE);
	ad_wr_u64(buf, s->n);
	ad_wr_u64_array(buf, s->priority, s->n);
	ad_wr_f64_array(buf, s->x, ad_mul_size(s->n, d));

	if (extra)
	{
		ad_envelope_section(&w, SECTION_EXTRA);
		ad_wr_bytes(buf, extra, extra_len);
	}

	ad_envelope_section(&w, SECTION_ENCODING);
	ad_wr_u32(buf, GetDatabaseEncoding());
	return ad_envelope_end(&w, AD_MAGIC_SKETCH, full ? 1 : AD_SKETCH_VERSION,
						   0, flags);
}

/*
 * Write a sketch; cuts its sample to k, which changes nothing it says.  For
 * the exchange between workers "extra" bytes may come along (section 5),
 * and the envelope is not sealed.
 */
bytea *
ad_sketch_write(AdSketch *s, const void *extra, Size extra_len)
{
	return write_sketch(s, extra, extra_len, extra ? AD_FLAG_UNSEALED : 0);
}

/* The same for the exchange with another server: it is sealed. */
bytea *
ad_sketch_write_state(AdSketch *s, const void *extra, Size extra_len)
{
	return write_sketch(s, extra, extra_len, 0);
}

/* Read a tail of at most "most" values; "keep" of them stay. */
static void
read_tail(AdReader *r, AdTail *t, int most, int keep, bool high)
{
	uint32		n = ad_rd_count(r, most, sizeof(double));

	ad_tail_init(t, most);
	for (uint32 i = 0; i < n; i++)
		t->v[t->n++] = ad_rd_finite(r);
	ad_tail_cut(t, keep, high);
}

/* The encoding that a sketch is in. */
static uint32
read_encoding(const AdEnvelope *e)
{
	AdReader	r;
	uint32		encoding;

	if (!ad_envelope_has(e, SECTION_ENCODING))
		return (uint32) GetDatabaseEncoding();
	ad_envelope_reader(e, SECTION_ENCODING, "sketch", &r);
	encoding = ad_rd_encoding(&r);
	ad_rd_end(&r);
	return encoding;
}

/* Read a name of at most "most" bytes, also in the server's encoding. */
static char *
read_name(AdReader *r, uint32 encoding, Size most)
{
	Size		len;
	const char *p = ad_rd_string(r, most, &len);

	p = ad_rd_text_from(r, encoding, p, &len);
	if (len > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("name \"%s\" in a sketch has %zu bytes in encoding %s, allowed are %zu",
						ad_quote_clip_len(p, len), len,
						GetDatabaseEncodingName(), most)));
	return pnstrdup(p, len);
}

/*
 * A value of a dictionary in the server's encoding, as a row of here would
 * have it; in place, or palloc'd.
 */
static AdCategory
read_value(AdReader *r, uint32 encoding)
{
	Size		len;
	AdCategory	c;

	c.s = ad_rd_string(r, AD_CATEGORY_SCRATCH, &len);
	c.len = (int) len;
	if ((int) encoding != GetDatabaseEncoding() && ad_category_is_short(c))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("sketch was made in a database with encoding %s, this one has %s",
						pg_encoding_to_char((int) encoding),
						GetDatabaseEncodingName()),
				 errdetail("It has values longer than %d bytes, which it knows by a hash of their bytes.",
						   AD_MAX_CATEGORY),
				 errhint("Make it again here.")));
	c.s = ad_rd_text_from(r, encoding, c.s, &len);
	c.len = (int) len;
	/* at home it has the length that it was made with */
	if ((int) encoding != GetDatabaseEncoding() && c.len > AD_MAX_CATEGORY)
		c = ad_category_shorten(c, palloc(AD_CATEGORY_SCRATCH));
	return c;
}

/* Read section 1 into a new sketch. */
static AdSketch *
read_features(AdReader *r, int version, uint32 encoding, MemoryContext mcxt)
{
	AdSampling	sampling;
	AdFeature  *features;
	AdSketch   *s;
	uint32		rows = ad_rd_u32(r);
	uint32		memory_mb = ad_rd_u32(r);
	bool		large;
	uint64		seen;
	uint32		d;

	if (rows < 1 || rows > AD_MAX_SAMPLE || memory_mb < 1 || memory_mb > 1024)
		ad_rd_corrupt(r, "a sampling option is out of range");
	sampling.rows = (int) rows;
	sampling.memory_mb = (int) memory_mb;
	sampling.seed = ad_rd_u64(r);
	sampling.keyed = ad_rd_u8(r) != 0;
	large = ad_rd_u8(r) != 0;
	seen = ad_rd_u64(r);
	d = ad_rd_count(r, AD_MAX_FEATURES, 9);
	if (d == 0)
		ad_rd_corrupt(r, "it has no features");
	features = ad_palloc_array(AdFeature, d);
	for (uint32 j = 0; j < d; j++)
	{
		features[j].class = ad_rd_u8(r);
		if (features[j].class < 1 || features[j].class > AD_MAX_CLASS)
			ad_rd_corrupt(r, "a feature is of an unknown class");
		features[j].name = read_name(r, encoding, AD_MAX_NAME);
		features[j].type = read_name(r, encoding, AD_MAX_TYPE_NAME);
	}
	s = ad_sketch_create(&sampling, features, (int) d, mcxt);
	if (version > 1)
	{
		uint64		k = ad_rd_u64(r);

		if (k < 1 || k > s->k)
			ad_rd_corrupt(r, "the sample's size is out of range");
		ad_sketch_shrink(s, (Size) k);
	}
	ad_rd_end(r);
	s->rows = seen;
	s->large = s->counting = large;
	if (large != (seen > s->k))
		ad_rd_corrupt(r, "the number of rows contradicts the sample");
	return s;
}

/* Read section 2: counts, tails, numbers. */
static void
read_counts(AdReader *r, int version, AdSketch *s)
{
	int			d = s->nfeatures;

	/* those of 0.2.0 were as long whatever the sample's size */
	int			most = version > 1 ? s->tail : AD_MAX_TAIL;

	if (s->large)
	{
		s->low = ad_palloc0_array(AdTail, d);
		s->high = ad_palloc0_array(AdTail, d);
		s->numbers = ad_palloc0_array(AdNumbers, d);
		s->low_threshold = ad_palloc_array(double, d);
		s->high_threshold = ad_palloc_array(double, d);
	}
	for (int j = 0; j < d; j++)
	{
		s->missing[j] = ad_rd_u64(r);
		s->infinite[j] = ad_rd_u64(r);
		if (s->missing[j] > s->rows ||
			s->infinite[j] > s->rows - s->missing[j])
			ad_rd_corrupt(r, "more missing values than rows");
		if (!s->large)
			continue;
		if (s->features[j].class == AD_CLASS_CATEGORY)
		{
			s->low_threshold[j] = -INFINITY;
			s->high_threshold[j] = INFINITY;
			s->numbers[j].overflow = true;
			continue;
		}
		read_tail(r, &s->low[j], most, s->tail, false);
		read_tail(r, &s->high[j], most, s->tail, true);
		s->low_threshold[j] = INFINITY;
		s->high_threshold[j] = -INFINITY;
		if (ad_rd_u8(r) != 0)
			s->numbers[j].overflow = true;
		else
		{
			uint32		n = ad_rd_count(r, AD_MAX_DISTINCT, sizeof(double));

			ad_numbers_init(&s->numbers[j]);
			for (uint32 i = 0; i < n; i++)
				ad_numbers_add(&s->numbers[j], ad_rd_finite(r));
		}
	}
	ad_rd_end(r);
}

/* Read section 3: dictionaries. */
static void
read_dictionaries(AdReader *r, uint32 encoding, AdSketch *s)
{
	for (int c = 0; c < s->ncategories; c++)
	{
		AdDict	   *dict = &s->dicts[s->categories[c]];
		bool		overflow = ad_rd_u8(r) != 0;
		uint32		n = ad_rd_count(r, PG_INT32_MAX / 4, 12);

		if (overflow && !s->large)
			ad_rd_corrupt(r, "a small sketch has an overflowed dictionary");
		for (uint32 i = 0; i < n; i++)
		{
			uint64		count = ad_rd_u64(r);
			AdCategory	c = read_value(r, encoding);

			AD_CHECK_EVERY_1024(i);
			if (count > s->rows)
				ad_rd_corrupt(r, "a value is counted more often than there are rows");
			if (count == 0 && !overflow)
				ad_rd_corrupt(r, "a value is counted in no row");
			if (ad_dict_code(dict, c.s, c.len) != i)
				ad_rd_corrupt(r, "a value occurs twice in a dictionary");
			dict->entries[i].count = count;
		}
		dict->overflow = overflow;
	}
	ad_rd_end(r);
}

/* Read section 4: the sample.  A worker's sample is known to be sound. */
static void
read_sample(AdReader *r, AdSketch *s, bool trusted)
{
	int			d = s->nfeatures;
	uint64		n = ad_rd_u64(r);
	Size		left = r->len - r->pos;

	if (n != Min(s->rows, s->k) ||
		left / (sizeof(double) * (d + 1)) < n)
		ad_rd_corrupt(r, "the sample's size contradicts the number of rows");
	s->n = s->capacity = (Size) n;
	s->priority = ad_palloc_array(uint64, n);
	s->x = ad_palloc_array(double, ad_mul_size(n, d));
	ad_rd_u64_array(r, s->priority, n);
	ad_rd_f64_array(r, s->x, ad_mul_size(n, d));
	ad_rd_end(r);
	if (trusted)
		return;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		for (int j = 0; j < d; j++)
			if (isinf(s->x[i * d + j]) && s->infinite[j] == 0)
				ad_rd_corrupt(r, "a sampled value is infinite");
	}
	for (int c = 0; c < s->ncategories; c++)
	{
		int			j = s->categories[c];
		double		values = s->dicts[j].n;

		for (Size i = 0; i < n; i++)
		{
			double		v = s->x[i * d + j];

			AD_CHECK_EVERY_1024(i);
			if (!isnan(v) && !(v >= 0 && v < values && v == floor(v)))
				ad_rd_corrupt(r, "a sampled category is not in the dictionary");
		}
	}
}

/* Read a sketch; see below. */
static AdSketch *
read_sketch(const uint8 *bytes, Size len, MemoryContext mcxt, bool trusted,
			AdReader *extra)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	AdEnvelope	e;
	AdReader	r;
	AdSketch   *s;
	uint32		encoding;

	ad_envelope_open(&e, bytes, len, AD_MAGIC_SKETCH, "sketch",
					 AD_SKETCH_VERSION, trusted ? AD_FLAG_UNSEALED : 0);
	if (extra && ad_envelope_has(&e, SECTION_EXTRA))
		ad_envelope_reader(&e, SECTION_EXTRA, "sketch", extra);
	else if (extra)
		ad_rd_init(extra, NULL, 0, "sketch");
	encoding = read_encoding(&e);
	ad_envelope_reader(&e, SECTION_FEATURES, "sketch", &r);
	s = read_features(&r, e.version, encoding, mcxt);
	ad_envelope_reader(&e, SECTION_COUNTS, "sketch", &r);
	read_counts(&r, e.version, s);
	ad_envelope_reader(&e, SECTION_VALUES, "sketch", &r);
	read_dictionaries(&r, encoding, s);
	ad_envelope_reader(&e, SECTION_SAMPLE, "sketch", &r);
	read_sample(&r, s, trusted);
	s->encoding = encoding;
	s->is_foreign = (int) encoding != GetDatabaseEncoding() ||
		!ad_envelope_has(&e, SECTION_ENCODING);
	AssertSketchRows(s);
	MemoryContextSwitchTo(old);
	return s;
}

/*
 * Read a sketch into the given context, which must be empty or short-lived
 * if an error is to leave nothing behind.  Bytes are hostile: see the head.
 * "extra", where not NULL, receives a reader over what came along from a
 * worker; elsewhere an unsealed sketch is refused.
 */
AdSketch *
ad_sketch_read(const uint8 *bytes, Size len, MemoryContext mcxt,
			   AdReader *extra)
{
	return read_sketch(bytes, len, mcxt, extra != NULL, extra);
}

/* The same of a state that another server may have sent. */
AdSketch *
ad_sketch_read_state(const uint8 *bytes, Size len, MemoryContext mcxt,
					 AdReader *extra)
{
	return read_sketch(bytes, len, mcxt, false, extra);
}
