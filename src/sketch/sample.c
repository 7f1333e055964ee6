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

/*
 * Append a row whose priority is not above the threshold, and cut the
 * buffer if that filled it (which may renumber the codes of overflowed
 * dictionaries).  The current context must be the sketch's.
 */
void
ad_sample_append(AdSketch *s, uint64 priority, const double *row)
{
	Size		limit = buffer_rows(s);

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
	if (s->n == limit)
		ad_sample_cut(s);
}
