/*-------------------------------------------------------------------------
 *
 * rung.c
 *		Some of the rows of a query, and folds of those that have labels.
 *
 * Fewer rows are drawn by their keys, as folds are (split.c), so that those of
 * a rung are among those of the next.  Normal rows, anomalies and rows without
 * a label are drawn by themselves, in proportion; but anomalies are rare, and
 * a fold without any has no figure, so there are some for each fold while
 * there are.
 *
 * Rows without a label are in no fold: all fits have them.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_tune.h"

#define ANOMALIES_A_FOLD	10	/* at least, where there are as many */
#define MAX_EXTRA			0.05	/* but no larger share of the rows */

/* The rows of each class that a share of all has. */
static void
class_sizes(const AdCompareRows *r, double share, int folds, Size *sizes)
{
	for (int class = 0; class < 3; class++)
		sizes[class] = (Size) rint(share * (double) r->count[class]);
	sizes[1] = Max(sizes[1],
				   Min((Size) (ANOMALIES_A_FOLD * folds),
					   (Size) (MAX_EXTRA * share * (double) r->n)));
	for (int class = 0; class < 2; class++)
		sizes[class] = Max(sizes[class], (Size) folds);
	for (int class = 0; class < 3; class++)
		sizes[class] = Min(sizes[class], r->count[class]);
}

/* Copy a row's values to a place in the rows of a rung. */
static void
copy_row(AdCompareRows *to, const AdCompareRows *from, Size row)
{
	Size		chunk = to->n >> to->chunk_bits;
	Size		per_chunk = (Size) 1 << to->chunk_bits;
	Size		bytes = ad_mul_size(from->nfeatures, sizeof(double));

	if ((to->n & (per_chunk - 1)) == 0)
		to->chunks[chunk] =
			MemoryContextAllocHuge(to->mcxt,
								   ad_mul_size(Min(per_chunk, to->capacity - to->n), bytes));
	memcpy(unconstify(double *, ad_compare_row(to, to->n)),
		   ad_compare_row(from, row), bytes);
	to->label[to->n] = from->label[row];
	to->key[to->n] = from->key[row];
	to->n++;
}

/* A share of the rows, in a context below theirs, in their order. */
AdCompareRows *
ad_rung_rows(AdCompareRows *rows, double share, const AdCompareDesign *design)
{
	Size		sizes[3];
	Size		n = 0;
	Size		at = 0;
	AdCompareDrawn *drawn;
	bool	   *taken;
	MemoryContext mcxt;
	MemoryContext old;
	AdCompareRows *out;

	class_sizes(rows, share, design->folds, sizes);
	for (int class = 0; class < 3; class++)
		n += sizes[class];
	ad_compare_check_memory(rows, ad_mul_size(n, (rows->nfeatures + 3) * sizeof(double)));
	drawn = ad_compare_draw(rows, design->seed);
	taken = ad_palloc0_array(bool, rows->n);
	for (int class = 0; class < 3; class++)
	{
		for (Size i = 0; i < sizes[class]; i++)
			taken[drawn[at + i].row] = true;
		at += rows->count[class];
	}
	pfree(drawn);

	mcxt = AllocSetContextCreate(rows->mcxt, "anomaly rung", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	out = palloc(sizeof(AdCompareRows));
	*out = *rows;
	out->mcxt = mcxt;
	out->max_bytes = rows->max_bytes -
		Min(rows->max_bytes, MemoryContextMemAllocated(rows->mcxt, true));
	out->n = 0;
	out->capacity = n;
	out->chunks = ad_palloc_array(double *, (n >> rows->chunk_bits) + 1);
	out->label = ad_palloc_array(int8, n);
	out->key = ad_palloc_array(uint64, n);
	out->fold = NULL;
	memcpy(out->count, sizes, sizeof(sizes));
	for (Size i = 0; i < rows->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (taken[i])
			copy_row(out, rows, i);
	}
	MemoryContextSwitchTo(old);
	pfree(taken);
	return out;
}

/* Deal the rows that have labels to the folds of a repeat. */
void
ad_rung_deal(AdCompareRows *rows, const AdCompareDesign *design, int repeat)
{
	AdCompareDrawn *drawn = ad_compare_draw(rows, ad_compare_salt(design, repeat));
	Size		labelled = rows->count[0] + rows->count[1];

	if (rows->fold == NULL)
		rows->fold = MemoryContextAllocHuge(rows->mcxt, ad_mul_size(rows->n, sizeof(int32)));
	rows->nfolds = design->folds;
	for (Size i = 0; i < rows->n; i++)
		rows->fold[drawn[i].row] = i < labelled ?
			(int32) (i % (Size) design->folds) : AD_ALWAYS_FITTED;
	pfree(drawn);
}
