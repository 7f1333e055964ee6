/*-------------------------------------------------------------------------
 *
 * assert_sketch.c
 *		What holds of every sketch, checked where assertions are on.
 *
 * AssertSketch() looks at counts and sizes, O(features): on entry of adding a
 * row.  AssertSketchRows() looks at every row, value and tail as well: on
 * entry of what is done once a sketch.  What stands here is what reading
 * makes sure of, so bytes from an attacker do not fail an assertion.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_sketch.h"

#ifdef USE_ASSERT_CHECKING

/* Check the sizes of a dictionary. */
static void
check_dict(const AdSketch *s, const AdDict *d)
{
	Assert(d->n <= d->capacity);
	Assert(d->n == 0 || d->n * 2 <= d->nslots);
	Assert((d->nslots & (d->nslots - 1)) == 0);
	Assert(d->arena_len <= d->arena_capacity);
	Assert(s->large || !d->overflow);
}

/* Check that every value is in the arena, in its slot, and not too often. */
static void
check_values(const AdSketch *s, const AdDict *d)
{
	uint32		used = 0;

	for (uint32 i = 0; i < d->n; i++)
	{
		const AdDictEntry *e = &d->entries[i];

		AD_CHECK_EVERY_1024(i);
		Assert(e->len >= 0 && e->at + e->len <= d->arena_len);
		Assert(e->count <= s->rows);
	}
	for (uint32 i = 0; i < d->nslots; i++)
	{
		Assert(d->slots[i] <= d->n);
		used += d->slots[i] != 0;
	}
	Assert(used == d->n);
}

/* Check the tails and the distinct numbers of feature j of a large sketch. */
static void
check_tails(const AdSketch *s, int j)
{
	const AdNumbers *numbers = &s->numbers[j];

	if (s->features[j].class == AD_CLASS_CATEGORY)
	{
		Assert(s->low_threshold[j] == -INFINITY);
		Assert(s->high_threshold[j] == INFINITY);
		Assert(numbers->overflow);
		return;
	}
	Assert(s->low[j].v != NULL && s->high[j].v != NULL);
	Assert(s->low[j].n >= 0 && s->low[j].n < 2 * s->tail);
	Assert(s->high[j].n >= 0 && s->high[j].n < 2 * s->tail);
	Assert(numbers->overflow == (numbers->v == NULL));
	Assert(numbers->n >= 0 && numbers->n <= AD_MAX_DISTINCT);
}

/* Check that tails are finite, and the numbers as many as they say. */
static void
check_numbers(const AdSketch *s, int j)
{
	int			n = 0;

	if (s->features[j].class == AD_CLASS_CATEGORY)
		return;
	for (int i = 0; i < s->low[j].n; i++)
		Assert(isfinite(s->low[j].v[i]));
	for (int i = 0; i < s->high[j].n; i++)
		Assert(isfinite(s->high[j].v[i]));
	if (s->numbers[j].overflow)
		return;
	for (int i = 0; i < AD_NUMBER_SLOTS; i++)
		n += !isnan(s->numbers[j].v[i]);
	Assert(n == s->numbers[j].n);
}

/* Check the sample's rows: numbers, codes of a dictionary, or NaN. */
static void
check_sample(const AdSketch *s)
{
	for (Size i = 0; i < s->n; i++)
	{
		const double *row = s->x + i * s->nfeatures;

		AD_CHECK_EVERY_1024(i);
		Assert(s->priority[i] <= s->threshold);
		for (int j = 0; j < s->nfeatures; j++)
		{
			Assert(!isinf(row[j]) || s->infinite[j] > 0);
			if (s->features[j].class == AD_CLASS_CATEGORY && !isnan(row[j]))
				Assert(row[j] >= 0 && row[j] < s->dicts[j].n &&
					   row[j] == floor(row[j]));
		}
	}
}

/* Check a sketch; "rows": all that it holds. */
void
ad_sketch_check(const AdSketch *s, bool rows)
{
	Assert(MemoryContextIsValid(s->mcxt));
	Assert(s->nfeatures >= 1 && s->nfeatures <= AD_MAX_FEATURES);
	Assert(s->ncategories >= 0 && s->ncategories <= s->nfeatures);
	Assert(s->k >= 1 && s->k <= ad_sketch_full(s));
	Assert(s->tail >= 1 && s->tail <= AD_MAX_TAIL);

	/* all rows are in the sample, or k of them and some slack */
	Assert(s->n <= s->capacity);
	Assert(s->n >= Min(s->rows, s->k) && s->n <= s->rows);
	Assert(s->n < s->k + Max(s->k / 4, 16));
	Assert(s->large == (s->rows > s->k));
	for (int j = 0; j < s->nfeatures; j++)
	{
		Assert(s->missing[j] <= s->rows);
		Assert(s->infinite[j] <= s->rows - s->missing[j]);
		if (s->large)
			check_tails(s, j);
		if (s->large && rows)
			check_numbers(s, j);
	}
	for (int c = 0; c < s->ncategories; c++)
	{
		int			j = s->categories[c];

		Assert(j < s->nfeatures && (c == 0 || j > s->categories[c - 1]));
		Assert(s->features[j].class == AD_CLASS_CATEGORY);
		check_dict(s, &s->dicts[j]);
		if (rows)
			check_values(s, &s->dicts[j]);
	}
	if (rows)
		check_sample(s);
}

#endif							/* USE_ASSERT_CHECKING */
