/*-------------------------------------------------------------------------
 *
 * sketch.c
 *		Adding rows to a sketch and merging sketches.
 *
 * The order of work for a row matters: its priority is drawn first, so
 * that a row outside the sample costs its counts and tail comparisons and
 * nothing else; in particular, no dictionary look-up once a dictionary has
 * overflowed.
 *
 * A dictionary overflows when the sketch is large and it has more than
 * AD_MAX_EXACT_VALUES entries.  From then on it holds just the values of
 * the sample's rows.  Both the condition and what is left depend on the
 * rows alone, so merging stays associative.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_sketch.h"

#include "access/parallel.h"

#define FIRST_ROWS	16			/* say how an unkeyed sample is drawn */
#define MB			((Size) 1024 * 1024)

/* bytes that a category's value is reckoned at beside its code */
#define CATEGORY_COST	96

/* rows of the sample for each value of a tail, which gives the extremes */
#define ROWS_PER_TAIL	128

const AdOption ad_sampling_options[] = {
	AD_INT(AdSampling, rows, AD_DEFAULT_SAMPLE, 1, AD_MAX_SAMPLE),
	AD_INT(AdSampling, memory_mb, 64, 1, 1024),
	AD_SEED(AdSampling, seed, 0, 0, (double) AD_MAX_SEED),
	AD_BOOL(AdSampling, keyed, false),
};
const int	ad_n_sampling_options = lengthof(ad_sampling_options);

/* The bytes that a row of the sample takes; a quarter of the buffer is slack. */
static Size
row_bytes(const AdSketch *s)
{
	Size		bytes = sizeof(uint64) + sizeof(double) * s->nfeatures +
		(Size) CATEGORY_COST * s->ncategories;

	return bytes + bytes / 4;
}

/* The rows of a full sample: what was asked for, or what fits into memory. */
Size
ad_sketch_full(const AdSketch *s)
{
	return Min((Size) s->sampling.rows,
			   s->sampling.memory_mb * MB / row_bytes(s));
}

/* Let the sample have k rows, and the tails what befits it. */
static void
set_size(AdSketch *s, Size k)
{
	s->k = k;
	s->tail = (int) Max(Min(k / ROWS_PER_TAIL, AD_MAX_TAIL), 1);
}

/*
 * A new sketch, in the given context, that copies what it is given.  The
 * sample's size k is what was asked for, or what fits into the memory that
 * was allowed; an error names both if that is too little to be of use.
 */
AdSketch *
ad_sketch_create(const AdSampling *sampling, const AdFeature *features,
				 int nfeatures, MemoryContext mcxt)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	AdSketch   *s = palloc0(sizeof(AdSketch));
	Size		needed = Min(sampling->rows, AD_MIN_SAMPLE);

	if (nfeatures < 1 || nfeatures > AD_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("number of features is %d, allowed are 1 to %d",
						nfeatures, AD_MAX_FEATURES)));

	s->mcxt = mcxt;
	s->sampling = *sampling;
	s->nfeatures = nfeatures;
	s->features = ad_palloc_array(AdFeature, nfeatures);
	s->categories = ad_palloc_array(int, nfeatures);
	for (int j = 0; j < nfeatures; j++)
	{
		s->features[j].name = pstrdup(features[j].name);
		s->features[j].type = pstrdup(features[j].type);
		s->features[j].class = features[j].class;
		if (features[j].class == AD_CLASS_CATEGORY)
			s->categories[s->ncategories++] = j;
	}

	if (ad_sketch_full(s) < needed)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("a sample of %zu rows of %d features needs %zu MB, limit is %d MB",
						needed, nfeatures,
						needed * row_bytes(s) / MB + 1,
						sampling->memory_mb),
				 errhint("Raise memory_mb in ad_sampling().")));
	set_size(s, ad_sketch_full(s));
	s->threshold = PG_UINT64_MAX;
	ad_random_seed(&s->random, sampling->seed, AD_STREAM_MAIN);

	s->missing = ad_palloc0_array(uint64, nfeatures);
	s->infinite = ad_palloc0_array(uint64, nfeatures);
	if (s->ncategories > 0)
	{
		s->dicts = ad_palloc0_array(AdDict, nfeatures);
		for (int j = 0; j < nfeatures; j++)
			ad_dict_init(&s->dicts[j]);
	}
	MemoryContextSwitchTo(old);
	return s;
}

/* The bits of a number, for the compiler to look at several at once. */
static inline uint64
bits_of(double v)
{
	uint64		bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/*
 * Let -0 be +0 in a row, and return whether all of its numbers are finite.
 * Zero times anything that is not is NaN.
 */
static inline bool
all_finite(double *x, int d)
{
	uint64		zero = 0;

	for (int j = 0; j < d; j++)
	{
		x[j] += 0.0;
		zero |= bits_of(x[j] * 0.0);
	}
	return zero << 1 == 0;
}

/*
 * Return whether no number of a row is beyond a tail's threshold; *finite as
 * all_finite().  Most rows pass here and nowhere else, so this is a loop
 * without branches, over signs of differences.
 */
static inline bool
all_inside(const AdSketch *s, double *x, bool *finite)
{
	const double *low = s->low_threshold;
	const double *high = s->high_threshold;
	uint64		zero = 0;
	uint64		sign = 0;

	for (int j = 0; j < s->nfeatures; j++)
	{
		double		v = x[j] + 0.0;

		x[j] = v;
		zero |= bits_of(v * 0.0);
		sign |= bits_of(v - low[j]) | bits_of(high[j] - v);
	}
	*finite = zero << 1 == 0;
	return *finite && sign >> 63 == 0;
}

/*
 * Return whether the number sets have all of a row's numbers, which are a
 * stride of doubles apart: whether they are found where a search begins.
 */
static inline bool
all_known(const AdSketch *s, const double *x, int stride)
{
	for (int j = 0; s->counting && j < s->nfeatures; j++)
	{
		const AdNumbers *set = &s->numbers[j];
		double		v = x[j * stride];

		if (!set->overflow && set->v[ad_number_slot(v)] != v)
			return false;
	}
	return true;
}

/*
 * Pass over a row if that is all there is to do: it is not in the sample, and
 * has nothing new for the tails and number sets.  Every other double of x is
 * a number, as arguments of a function are.  Returns false for a row that is
 * to be added, and for one that only a closer look would tell is nothing new.
 *
 * Most rows of a large table end here, before they are copied.
 */
bool
ad_sketch_pass(AdSketch *s, const double *x)
{
	const double *low = s->low_threshold;
	const double *high = s->high_threshold;
	AdRandom	random = s->random;
	uint64		zero = 0;
	uint64		sign = 0;

	if (!s->large || s->ncategories > 0 || s->sampling.keyed)
		return false;
	if (ad_random_next(&random) <= s->threshold)
		return false;
	for (int j = 0; j < s->nfeatures; j++)
	{
		double		v = x[2 * j];

		zero |= bits_of(v * 0.0);
		sign |= bits_of(v - low[j]) | bits_of(high[j] - v);
	}
	if (zero << 1 != 0 || sign >> 63 != 0 || !all_known(s, x, 2))
		return false;
	s->random = random;
	s->rows++;
	return true;
}

/* Put one row into the tails and number sets, which have finite numbers. */
static void
track(AdSketch *s, const double *row)
{
	s->counting = false;
	for (int j = 0; j < s->nfeatures; j++)
	{
		double		v = isinf(row[j]) ? NAN : row[j];

		/* NaN fails both comparisons */
		if (v < s->low_threshold[j])
			s->low_threshold[j] = ad_tail_add(&s->low[j], s->tail, v, false,
											  s->low_threshold[j]);
		if (v > s->high_threshold[j])
			s->high_threshold[j] = ad_tail_add(&s->high[j], s->tail, v, true,
											   s->high_threshold[j]);
		if (!s->numbers[j].overflow)
		{
			if (!isnan(v))
				ad_numbers_add(&s->numbers[j], v);
			s->counting |= !s->numbers[j].overflow;
		}
	}
}

/* Mark dictionaries that hold more than is counted exactly. */
static void
check_overflow(AdSketch *s)
{
	for (int c = 0; c < s->ncategories; c++)
	{
		AdDict	   *d = &s->dicts[s->categories[c]];

		if (d->n > AD_MAX_EXACT_VALUES)
			d->overflow = true;
	}
}

/*
 * Pass from small to large: the sample is about to stop being all rows, so
 * start the tails and number sets from it.
 */
static void
become_large(AdSketch *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	int			d = s->nfeatures;

	s->low = ad_palloc0_array(AdTail, d);
	s->high = ad_palloc0_array(AdTail, d);
	s->numbers = ad_palloc0_array(AdNumbers, d);
	s->low_threshold = ad_palloc_array(double, d);
	s->high_threshold = ad_palloc_array(double, d);
	for (int j = 0; j < d; j++)
	{
		if (s->features[j].class == AD_CLASS_CATEGORY)
		{
			/* no value passes these */
			s->low_threshold[j] = -INFINITY;
			s->high_threshold[j] = INFINITY;
			s->numbers[j].overflow = true;
		}
		else
		{
			s->low_threshold[j] = INFINITY;
			s->high_threshold[j] = -INFINITY;
			ad_tail_init(&s->low[j], s->tail);
			ad_tail_init(&s->high[j], s->tail);
			ad_numbers_init(&s->numbers[j]);
		}
	}
	s->large = true;
	s->counting = true;
	for (Size i = 0; i < s->n; i++)
	{
		bool		finite;

		AD_CHECK_EVERY_1024(i);
		if (!all_inside(s, s->x + i * d, &finite) ||
			!all_known(s, s->x + i * d, 1))
			track(s, s->x + i * d);
	}
	check_overflow(s);
	MemoryContextSwitchTo(old);
}

/*
 * Draw the unkeyed generator from the seed, the worker and the first row,
 * so that parts of one query (or days merged later) do not all keep the
 * rows at the same positions.
 */
static void
seed_priorities(AdSketch *s, const double *x, const AdCategory *category)
{
	uint64		h = (uint64) (uint32) ParallelWorkerNumber;

	for (int j = 0; j < s->nfeatures; j++)
	{
		if (s->features[j].class == AD_CLASS_CATEGORY)
		{
			if (category[j].s)
				h = ad_hash64(category[j].s, category[j].len, h);
		}
		else
			h = ad_hash64(&x[j], sizeof(double), h);
	}
	ad_random_seed(&s->random, s->sampling.seed, h);
}

/*
 * Draw the priorities of an unkeyed sample anew, once it has FIRST_ROWS rows: by
 * how these lie, so that the same rows are kept in whatever unit, and from
 * whatever origin, they are measured, and however many are.
 */
static void
draw_priorities(AdSketch *s)
{
	uint64		h = ad_sample_gaps(s->x, s->n, s->nfeatures,
								   (uint64) (uint32) ParallelWorkerNumber);

	ad_random_seed(&s->random, s->sampling.seed, ad_mix64(h));
	for (Size i = 0; i < s->n; i++)
		s->priority[i] = ad_random_next(&s->random);
}

/* Count what is not finite in a row. */
static void
count_missing(AdSketch *s, double *x)
{
	for (int j = 0; j < s->nfeatures; j++)
	{
		if (isnan(x[j]))
		{
			s->missing[j]++;
			x[j] = NAN;			/* of one sign */
		}
		else if (isinf(x[j]))
			s->infinite[j]++;
	}
}

/*
 * Add a row.  x holds the numbers (NaN: missing); for a categorical feature
 * category[j] holds the value (s == NULL: missing) and x[j] must be 0.
 * key is used by keyed sampling only.  x is scratch and is overwritten.
 */
void
ad_sketch_add(AdSketch *s, double *x, const AdCategory *category, uint64 key)
{
	int			d = s->nfeatures;
	uint64		priority;
	bool		keep;
	bool		inside = false;
	bool		finite;

	AssertSketch(s);
	if (unlikely(s->rows == 0) && !s->sampling.keyed)
		seed_priorities(s, x, category);
	if (unlikely(s->rows == FIRST_ROWS) && !s->large && !s->sampling.keyed)
		draw_priorities(s);
	if (unlikely(s->rows == s->k))
		become_large(s);

	priority = s->sampling.keyed ?
		ad_mix64(key ^ ad_mix64(s->sampling.seed)) :
		ad_random_next(&s->random);
	keep = (priority <= s->threshold);
	s->rows++;

	if (s->large)
	{
		inside = all_inside(s, x, &finite) && all_known(s, x, 1);
		if (likely(inside && !keep && s->ncategories == 0))
			return;
	}
	else
		finite = all_finite(x, d);
	if (unlikely(!finite))
		count_missing(s, x);

	if (s->ncategories > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(s->mcxt);

		for (int c = 0; c < s->ncategories; c++)
		{
			int			j = s->categories[c];
			AdDict	   *dict = &s->dicts[j];
			uint32		code;

			x[j] = NAN;
			if (category[j].s == NULL)
			{
				s->missing[j]++;
				continue;
			}
			if (dict->overflow && !keep)
				continue;
			code = ad_dict_code(dict, category[j].s, category[j].len);
			dict->entries[code].count++;
			if (s->large && dict->n > AD_MAX_EXACT_VALUES)
				dict->overflow = true;
			x[j] = code;
		}
		MemoryContextSwitchTo(old);
	}

	if (s->large && !inside)
		track(s, x);
	if (keep)
	{
		MemoryContext old = MemoryContextSwitchTo(s->mcxt);

		ad_sample_append(s, priority, x);
		MemoryContextSwitchTo(old);
	}
}

/* Raise an error unless sketches summarise the same kind of rows alike. */
static void
check_mergeable(const AdSketch *a, const AdSketch *b)
{
	if (a->nfeatures != b->nfeatures)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge sketches of %d and %d features",
						a->nfeatures, b->nfeatures)));
	for (int j = 0; j < a->nfeatures; j++)
	{
		if ((a->features[j].name[0] == '\0') != (b->features[j].name[0] == '\0'))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot merge sketches with different features"),
					 errdetail("Feature %d has the name \"%s\" in one and no name in another.",
							   j + 1, a->features[j].name[0] ?
							   a->features[j].name : b->features[j].name)));
		if (strcmp(a->features[j].name, b->features[j].name) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot merge sketches with different features"),
					 errdetail("Feature %d is \"%s\" in one and \"%s\" in another.",
							   j + 1, a->features[j].name,
							   b->features[j].name)));
		if (a->features[j].class != b->features[j].class)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("cannot merge sketches with different features"),
					 errdetail("Feature %d is of type %s in one and of type %s in another.",
							   j + 1, a->features[j].type,
							   b->features[j].type)));
	}
	if (a->sampling.seed != b->sampling.seed ||
		a->sampling.keyed != b->sampling.keyed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge sketches with different sampling options"),
				 errhint("Make all of them with the same ad_sampling().")));
}

/*
 * Merge b's dictionaries into a's; returns the new codes of b's entries per
 * feature, NULL if there are no categories.
 */
static uint32 **
merge_dicts(AdSketch *a, const AdSketch *b)
{
	uint32	  **recode;

	if (a->ncategories == 0)
		return NULL;
	recode = ad_palloc0_array(uint32 *, a->nfeatures);
	for (int c = 0; c < a->ncategories; c++)
	{
		int			j = a->categories[c];
		AdDict	   *da = &a->dicts[j];
		const AdDict *db = &b->dicts[j];

		recode[j] = ad_palloc_array(uint32, db->n);
		for (uint32 i = 0; i < db->n; i++)
		{
			const AdDictEntry *e = &db->entries[i];
			uint32		code;

			AD_CHECK_EVERY_1024(i);
			code = ad_dict_code(da, db->arena + e->at, e->len);
			da->entries[code].count += e->count;
			recode[j][i] = code;
		}
		da->overflow |= db->overflow;
	}
	if (a->large)
		check_overflow(a);
	return recode;
}

/* Put the rows of a small b, which are all in its sample, into a's tails. */
static void
track_sample(AdSketch *a, const AdSketch *b)
{
	double	   *row = ad_palloc_array(double, a->nfeatures);

	for (Size i = 0; i < b->n; i++)
	{
		bool		finite;

		AD_CHECK_EVERY_1024(i);
		memcpy(row, b->x + i * a->nfeatures, a->nfeatures * sizeof(double));
		if (!all_inside(a, row, &finite) || !all_known(a, row, 1))
			track(a, row);
	}
	pfree(row);
}

/* Merge the tails and distinct numbers of feature j of a large sketch. */
static void
merge_tails(AdSketch *a, const AdSketch *b, int j)
{
	for (int i = 0; i < b->low[j].n; i++)
		if (b->low[j].v[i] < a->low_threshold[j])
			a->low_threshold[j] = ad_tail_add(&a->low[j], a->tail,
											  b->low[j].v[i], false,
											  a->low_threshold[j]);
	for (int i = 0; i < b->high[j].n; i++)
		if (b->high[j].v[i] > a->high_threshold[j])
			a->high_threshold[j] = ad_tail_add(&a->high[j], a->tail,
											   b->high[j].v[i], true,
											   a->high_threshold[j]);
	if (b->numbers[j].overflow && !a->numbers[j].overflow)
	{
		a->numbers[j].overflow = true;
		pfree(a->numbers[j].v);
		a->numbers[j].v = NULL;
	}
	else if (!a->numbers[j].overflow)
		for (int i = 0; i < AD_NUMBER_SLOTS; i++)
			if (!isnan(b->numbers[j].v[i]))
				ad_numbers_add(&a->numbers[j], b->numbers[j].v[i]);
}

/*
 * Let a sketch be what it would be if its sample had been of k rows, where
 * that is fewer, from its first row on.
 */
void
ad_sketch_shrink(AdSketch *s, Size k)
{
	if (k >= s->k)
		return;
	AssertSketchRows(s);
	set_size(s, k);
	if (!s->large && s->rows > k)
		become_large(s);
	for (int j = 0; s->large && j < s->nfeatures; j++)
		if (s->features[j].class != AD_CLASS_CATEGORY)
		{
			ad_tail_cut(&s->low[j], s->tail, false);
			ad_tail_cut(&s->high[j], s->tail, true);
		}
	ad_sample_cut(s);
	AssertSketchRows(s);
}

/*
 * Merge b into a; b is not changed and may be freed afterwards.  Of samples
 * of different size, the result's is as the smaller.
 */
void
ad_sketch_merge(AdSketch *a, const AdSketch *b)
{
	MemoryContext old;
	uint32	  **recode;

	AssertSketchRows(a);
	AssertSketchRows(b);
	check_mergeable(a, b);
	ad_sketch_shrink(a, b->k);
	a->sampling.rows = Min(a->sampling.rows, b->sampling.rows);
	a->sampling.memory_mb = Min(a->sampling.memory_mb, b->sampling.memory_mb);
	if (b->rows == 0)
		return;
	if (a->rows > PG_UINT64_MAX - b->rows)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows in a sketch")));
	if (!a->large && a->rows + b->rows > a->k)
		become_large(a);

	old = MemoryContextSwitchTo(a->mcxt);
	a->rows += b->rows;
	for (int j = 0; j < a->nfeatures; j++)
	{
		a->missing[j] += b->missing[j];
		a->infinite[j] += b->infinite[j];
	}

	/* dictionaries first: the sample's rows need their codes */
	recode = merge_dicts(a, b);
	if (a->large && !b->large)
		track_sample(a, b);
	ad_sample_merge(a, b, recode);
	for (int j = 0; b->large && j < a->nfeatures; j++)
		if (a->features[j].class != AD_CLASS_CATEGORY)
			merge_tails(a, b, j);
	for (int c = 0; c < a->ncategories; c++)
		pfree(recode[a->categories[c]]);
	if (recode)
		pfree(recode);
	MemoryContextSwitchTo(old);
}
