/*-------------------------------------------------------------------------
 *
 * order.c
 *		Rows in order of content.
 *
 * Numbers are ordered by value, categories by bytes, missing last; codes are
 * not compared, they depend on the plan.  Of rows that compare as equal it
 * does not matter which comes first.
 *
 * Many rows are sorted by digits of their first feature and, where they are
 * equal in it, of the next.  What is sorted is one word a row, whose upper
 * bits are a part of the feature and whose lower bits say which row it is;
 * the lower bits of the feature follow as another part, though few rows have
 * to look there.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_sketch.h"

#include "math/ad_math.h"
#include "port/pg_bitutils.h"

#define FEW		64				/* rows better sorted by comparing */

typedef struct RowOrder
{
	const AdSketch *s;
	int			row_bits;		/* of a word: which row */
	uint32	  **rank;			/* per category, NULL until asked for: the
								 * rank of each code by bytes */
	Size	   *rows;			/* to be sorted */
	uint64	   *words;			/* theirs */
	uint64	   *scratch;
} RowOrder;

/* Which of two values of a dictionary comes first by bytes. */
static int
compare_bytes(const AdDict *d, uint32 a, uint32 b)
{
	const AdDictEntry *ea = &d->entries[a];
	const AdDictEntry *eb = &d->entries[b];
	int			c = memcmp(d->arena + ea->at, d->arena + eb->at,
						   Min(ea->len, eb->len));

	return c != 0 ? c : ea->len - eb->len;
}

static int
compare_codes(const void *a, const void *b, void *arg)
{
	CHECK_FOR_INTERRUPTS();

	return compare_bytes(arg, *(const uint32 *) a, *(const uint32 *) b);
}

/* Which of two rows of the sample comes first. */
static int
compare_rows(const void *a, const void *b, void *arg)
{
	const AdSketch *s = arg;
	const double *x = s->x + *(const Size *) a * s->nfeatures;
	const double *y = s->x + *(const Size *) b * s->nfeatures;

	CHECK_FOR_INTERRUPTS();

	for (int j = 0; j < s->nfeatures; j++)
	{
		int			c;

		if (x[j] == y[j])
			continue;
		if (isnan(x[j]) || isnan(y[j]))
		{
			if (isnan(x[j]) && isnan(y[j]))
				continue;
			return isnan(x[j]) ? 1 : -1;
		}
		if (s->features[j].class != AD_CLASS_CATEGORY)
			return x[j] < y[j] ? -1 : 1;
		c = compare_bytes(&s->dicts[j], (uint32) x[j], (uint32) y[j]);
		if (c != 0)
			return c;
	}
	return 0;
}

/* The ranks by bytes of a dictionary's codes. */
static uint32 *
rank_codes(const AdDict *d)
{
	uint32	   *codes = ad_palloc_array(uint32, d->n);
	uint32	   *rank = ad_palloc_array(uint32, d->n);

	for (uint32 i = 0; i < d->n; i++)
		codes[i] = i;
	qsort_arg(codes, d->n, sizeof(uint32), compare_codes, (void *) d);
	for (uint32 i = 0; i < d->n; i++)
		rank[codes[i]] = i;
	pfree(codes);
	return rank;
}

/* What rows are ordered by in a feature, as a number of 64 bits. */
static inline uint64
feature_key(const RowOrder *o, Size row, int j)
{
	double		v = o->s->x[row * o->s->nfeatures + j];

	if (isnan(v))
		return PG_UINT64_MAX;
	if (o->rank && o->rank[j])
		return (uint64) o->rank[j][(uint32) v] << 32;
	return ad_sortable(v);
}

/*
 * Make the words of some rows for a part of them: 2 * feature, or 1 more for
 * its lower bits.  Returns false if the rows are all equal in it.
 */
static bool
fill_words(RowOrder *o, Size from, Size n, int part)
{
	const Size *rows = o->rows + from;
	uint64	   *v = o->words + from;
	int			j = part / 2;
	uint64		row_mask = (UINT64CONST(1) << o->row_bits) - 1;
	uint64		first = 0;
	uint64		differ = 0;

	if (o->s->features[j].class == AD_CLASS_CATEGORY && o->rank[j] == NULL)
		o->rank[j] = rank_codes(&o->s->dicts[j]);
	for (Size i = 0; i < n; i++)
	{
		uint64		key = feature_key(o, rows[i], j);

		AD_CHECK_EVERY_1024(i);
		key = part % 2 == 0 ? key & ~row_mask : key << o->row_bits;
		first = i == 0 ? key : first;
		differ |= key ^ first;
		v[i] = key | rows[i];
	}
	return differ != 0;
}

/*
 * Sort n rows from one on, which are equal in all parts before one.  The
 * longest run of rows that are equal in this one, too, is next, the others
 * are sorted by calls, which are not deep then.
 */
static void
sort_part(RowOrder *o, Size first, Size n, int part)
{
	uint64		row_mask = (UINT64CONST(1) << o->row_bits) - 1;
	int			nparts = 2 * o->s->nfeatures;

	while (n >= FEW && part < nparts)
	{
		const uint64 *v = o->words + first;
		Size		longest = 0;
		Size		length = 0;

		if (!fill_words(o, first, n, part++))
			continue;
		ad_sort_bits(o->words + first, n, o->row_bits, o->scratch);
		for (Size i = 0; i < n; i++)
			o->rows[first + i] = (Size) (v[i] & row_mask);
		for (Size from = 0, to; from < n; from = to)
		{
			AD_CHECK_EVERY_1024(from);
			for (to = from + 1; to < n; to++)
				if ((v[to] ^ v[from]) > row_mask)
					break;
			if (to - from <= length)
				sort_part(o, first + from, to - from, part);
			else
			{
				sort_part(o, first + longest, length, part);
				longest = from;
				length = to - from;
			}
		}
		first += longest;
		n = length;
	}
	if (n > 1 && part < nparts)
		qsort_arg(o->rows + first, n, sizeof(Size), compare_rows,
				  (void *) o->s);
}

/* Sort some rows of the sample, given by their positions, by content. */
void
ad_sample_sort(const AdSketch *s, Size *rows, Size n)
{
	RowOrder	o = {.s = s,.rows = rows};

	if (n < FEW)
	{
		qsort_arg(rows, n, sizeof(Size), compare_rows, (void *) s);
		return;
	}
	o.row_bits = pg_leftmost_one_pos64(s->n) + 1;
	if (s->ncategories > 0)
		o.rank = ad_palloc0_array(uint32 *, s->nfeatures);
	o.words = ad_palloc_array(uint64, n);
	o.scratch = ad_palloc_array(uint64, n);
	sort_part(&o, 0, n, 0);
	for (int c = 0; c < s->ncategories; c++)
		if (o.rank[s->categories[c]])
			pfree(o.rank[s->categories[c]]);
	if (o.rank)
		pfree(o.rank);
	pfree(o.words);
	pfree(o.scratch);
}

/* The rows of the sample in order of content, palloc'd here and now. */
Size *
ad_sample_order(const AdSketch *s)
{
	Size	   *order = ad_palloc_array(Size, s->n);

	for (Size i = 0; i < s->n; i++)
		order[i] = i;
	ad_sample_sort(s, order, s->n);
	return order;
}
