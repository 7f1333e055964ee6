/*-------------------------------------------------------------------------
 *
 * sample.c
 *		The bottom-k sample.
 *
 * Each row gets a 64-bit priority; the k rows with the smallest priorities
 * are the sample, ties broken by content.  Rows are appended to a buffer
 * with some slack and the buffer is cut back to k when it is full, so that
 * keeping the sample costs O(1) a kept row.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_sketch.h"

#include "math/ad_math.h"

#define INITIAL_ROWS	16

/* Slots of the buffer when fully grown. */
static Size
buffer_rows(const AdSketch *s)
{
	return s->k + Max(s->k / 4, 16);
}

/*
 * After an overflow a dictionary holds what the sample's rows use, nothing
 * else: drop the rest.
 */
static void
collect_dictionaries(AdSketch *s)
{
	for (int c = 0; c < s->ncategories; c++)
	{
		int			j = s->categories[c];
		AdDict	   *d = &s->dicts[j];
		bool	   *used;
		uint32	   *recode;

		if (!d->overflow)
			continue;
		used = ad_palloc0_array(bool, d->n);
		recode = ad_palloc_array(uint32, d->n);
		for (Size i = 0; i < s->n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			if (!isnan(s->x[i * s->nfeatures + j]))
				used[(uint32) s->x[i * s->nfeatures + j]] = true;
		}
		ad_dict_keep(d, used, recode);
		for (Size i = 0; i < s->n; i++)
		{
			double	   *code = &s->x[i * s->nfeatures + j];

			if (!isnan(*code))
				*code = recode[(uint32) *code];
		}
		pfree(used);
		pfree(recode);
	}
}

/*
 * Of more rows at the threshold than there is room for, mark those that are
 * to go: the smallest by content stay.  Returns NULL if there is room.
 */
static bool *
drop_ties(const AdSketch *s, uint64 threshold)
{
	Size		below = 0;
	Size		nties = 0;
	Size	   *ties;
	bool	   *drop;

	for (Size i = 0; i < s->n; i++)
	{
		below += s->priority[i] < threshold;
		nties += s->priority[i] == threshold;
	}
	if (nties <= s->k - below)
		return NULL;
	ties = ad_palloc_array(Size, nties);
	nties = 0;
	for (Size i = 0; i < s->n; i++)
		if (s->priority[i] == threshold)
			ties[nties++] = i;
	ad_sample_sort(s, ties, nties);
	drop = ad_palloc0_array(bool, s->n);
	for (Size i = s->k - below; i < nties; i++)
		drop[ties[i]] = true;
	pfree(ties);
	return drop;
}

/*
 * Cut the buffer to the k rows with the smallest priorities.  Those at its
 * end fill the holes, for their order does not matter.
 */
void
ad_sample_cut(AdSketch *s)
{
	MemoryContext old;
	uint64		threshold;
	bool	   *drop;
	Size	   *hole;
	Size		nholes = 0;
	Size		filled = 0;

	if (s->n <= s->k)
		return;

	old = MemoryContextSwitchTo(s->mcxt);
	threshold = ad_select_u64(s->priority, s->n, s->k - 1);
	drop = drop_ties(s, threshold);

	/* no branch is as likely as not */
#define STAYS(i) (s->priority[i] <= threshold && !(drop && drop[i]))
	hole = ad_palloc_array(Size, s->n - s->k + 1);
	for (Size i = 0; i < s->k; i++)
	{
		hole[nholes] = i;
		nholes += !STAYS(i);
	}
	for (Size i = s->k; filled < nholes; i++)
	{
		Size		to = hole[filled];

		/* a row that does not stay is overwritten by the next one */
		memcpy(s->x + to * s->nfeatures, s->x + i * s->nfeatures,
			   s->nfeatures * sizeof(double));
		filled += STAYS(i);
		s->priority[to] = s->priority[i];
	}
#undef STAYS
	pfree(hole);
	if (drop)
		pfree(drop);
	s->n = s->k;
	s->threshold = threshold;
	collect_dictionaries(s);
	MemoryContextSwitchTo(old);
}

/*
 * Hash rows by how they lie.  What counts of a number is between which others
 * it lies, and how near to either, which changes with neither unit nor origin:
 * so the same rows in other units have the same hash.
 */
uint64
ad_sample_gaps(const double *x, Size n, int cols, uint64 seed)
{
	uint64		h = seed;

	/* of each row one feature, in turn: they are many enough */
	for (Size i = 2; i < n; i++)
	{
		const double *a = x + (i - 2) * cols + i % cols;
		double		middle = a[cols];
		double		from = fabs(middle - a[0]);
		double		to = fabs(a[2 * cols] - middle);
		double		place = from / (from + to);

		AD_CHECK_EVERY_1024(i);
		/* no limit is at a fraction that whole numbers make */
		h = h * UINT64CONST(0x9e3779b97f4a7c15) +
			(isnan(place) ? 1 : 2 + (uint64) (place * 64 + 0.381966));
	}
	return h;
}

/* Append a row to a buffer that may grow to a number of rows. */
static void
append_row(AdSketch *s, uint64 priority, const double *row, Size limit)
{
	if (s->n == s->capacity)
	{
		Size		capacity = Min(s->capacity == 0 ? INITIAL_ROWS : s->capacity * 2, limit);

		if (s->capacity == 0)
		{
			s->priority = ad_palloc_array(uint64, capacity);
			s->x = ad_palloc_array(double, ad_mul_size(capacity, s->nfeatures));
		}
		else
		{
			s->priority = ad_repalloc_array(s->priority, uint64, capacity);
			s->x = ad_repalloc_array(s->x, double,
									 ad_mul_size(capacity, s->nfeatures));
		}
		s->capacity = capacity;
	}
	s->priority[s->n] = priority;
	memcpy(s->x + s->n * s->nfeatures, row, s->nfeatures * sizeof(double));
	s->n++;
}

/*
 * Append a row whose priority is not above the threshold, and cut the
 * buffer if that filled it (which may renumber the codes of overflowed
 * dictionaries).  The current context must be the sketch's.
 */
void
ad_sample_append(AdSketch *s, uint64 priority, const double *row)
{
	Size		limit = buffer_rows(s);

	append_row(s, priority, row, limit);
	if (s->n >= limit)
		ad_sample_cut(s);
}

/* The greatest priority of the k rows with the smallest of two samples. */
static uint64
merged_threshold(const AdSketch *a, const AdSketch *b)
{
	uint64	   *both;
	uint64		threshold;

	if (a->n + b->n <= a->k)
		return PG_UINT64_MAX;
	both = ad_palloc_array(uint64, a->n + b->n);
	memcpy(both, a->priority, a->n * sizeof(uint64));
	memcpy(both + a->n, b->priority, b->n * sizeof(uint64));
	threshold = ad_select_u64(both, a->n + b->n, a->k - 1);
	pfree(both);
	return threshold;
}

/*
 * Take those rows of b's sample into a's that belong there, in place of those
 * of a's that no longer do.  recode: the codes in a of b's categories, or
 * NULL.  The current context must be a's.
 */
void
ad_sample_merge(AdSketch *a, const AdSketch *b, uint32 **recode)
{
	int			d = a->nfeatures;
	double	   *row = ad_palloc_array(double, d);
	Size		limit = a->n + b->n;	/* if all priorities are the same */
	Size		hole = 0;
	uint64		threshold;

	ad_sample_cut(a);
	threshold = Min(merged_threshold(a, b), a->threshold);
	for (Size i = 0; i < b->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (b->priority[i] > threshold)
			continue;
		memcpy(row, b->x + i * d, d * sizeof(double));
		for (int c = 0; c < a->ncategories; c++)
		{
			double	   *code = &row[a->categories[c]];

			if (!isnan(*code))
				*code = recode[a->categories[c]][(uint32) *code];
		}
		while (hole < a->n && a->priority[hole] <= threshold)
			hole++;
		if (hole < a->n)
		{
			a->priority[hole] = b->priority[i];
			memcpy(a->x + hole * d, row, d * sizeof(double));
		}
		else
			append_row(a, b->priority[i], row, limit);
	}
	pfree(row);
	a->threshold = threshold;
	/* rows at the threshold itself may be too many */
	if (a->n > a->k)
		ad_sample_cut(a);
	else
		collect_dictionaries(a);
}
