/*-------------------------------------------------------------------------
 *
 * neighbors_plan.c
 *		Choosing between a tree and a scan for a set of rows.
 *
 * Which structure serves a set depends less on its columns than on how many
 * of them matter, so both are tried: the k-d tree answers queries for some
 * of the set's own rows, the scan as well, what each had to read is counted
 * and priced at what it was measured to cost.  A tree that has no chance, by
 * how its queries grow from few rows to more of them, is not built.  The
 * choice depends on counts alone, so it is the same every time; and since both
 * give the same answer, nothing but time depends on it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "math/ad_math.h"
#include "math/neighbors_impl.h"

#define PROBES			16		/* queries tried to choose a structure */
#define SHARE			8		/* of the rows, to see whether a tree is worth
								 * building; and of those again */
#define MANY_ROWS		4096	/* tried so */
#define FEW_ROWS		64		/* no tree below */
#define MAX_TREE_DIMS	24		/* no tree beyond */

/*
 * What things cost, ns of one core with AVX-512: fitted to 3 to 10 columns of
 * 10,000 rows, 1 to 50 neighbours.  They need not be right, only in proportion;
 * what each neighbour costs, it costs both.  A block is read number by number,
 * from far where the rows are more than a processor has at hand.
 */
#define TREE_QUERY		100.0
#define TREE_BLOCK		12.0	/* or node */
#define TREE_BLOCK_DIM	1.0
#define TREE_FAR_DIM	6.5		/* instead, from FAR_NUMBERS on */
#define FAR_NUMBERS		((Size) 1 << 17)
#define SCAN_QUERY		550.0
#define SCAN_BLOCK		1.5
#define SCAN_BLOCK_GROUP 0.9
#define SCAN_ROW		6.0
#define SCAN_ROW_DIM	0.6

/*
 * Ask for the neighbours of some of the set's own rows.  The distances of the
 * last ones, in the norm of the set, come to distance[], unless NULL, if they
 * are numbers and not 0; returns how many.
 */
static int
probe(const AdNeighbors *nb, AdNeighborScratch *s, int probes, int k,
	  double *distance)
{
	int			nonzero = 0;

	s->work = 0;
	for (int i = 0; i < probes; i++)
	{
		Size		row = ad_mix64(i + 1) % nb->n;
		double		last = 0;

		memcpy(s->q, nb->rows + row * nb->dims, nb->dims * sizeof(double));
		ad_neighbors_begin(s, k, (uint32) row);
		ad_neighbors_search(nb, s);
		if (s->found > 0)
			last = nb->norm == AD_NORM_2 && nb->metric != AD_METRIC_MINKOWSKI ?
				sqrt(ad_neighbors_worst(s)) : ad_neighbors_worst(s) * nb->widen;
		if (distance && last > 0 && isfinite(last))
			distance[nonzero++] = last;
	}
	return nonzero;
}

/* What a query of a tree costs that reads so many nodes and blocks. */
static double
tree_cost(const AdNeighbors *nb, double work)
{
	return TREE_QUERY + work * (TREE_BLOCK + nb->dims *
								(nb->n * nb->dims < FAR_NUMBERS ?
								 TREE_BLOCK_DIM : TREE_FAR_DIM));
}

/* What one of a scan costs, but for the rows that it looks at in full. */
static double
scan_cost(const AdNeighbors *nb)
{
	Size		blocks = (nb->n + AD_BLOCK_LANES - 1) / AD_BLOCK_LANES;

	return SCAN_QUERY + blocks *
		(SCAN_BLOCK + SCAN_BLOCK_GROUP * ((nb->dims + 3) / 4));
}

/* What a query reads of a tree over every step'th row of the set. */
static double
work_of_few(const AdNeighbors *nb, Size step, int k)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "anomaly few neighbors",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	AdNeighbors few = *nb;
	double	   *rows;
	AdNeighborScratch *s;
	double		work;

	few.n = nb->n / step;
	rows = ad_palloc_array(double, few.n * nb->dims);
	for (Size i = 0; i < few.n; i++)
		memcpy(rows + i * nb->dims, nb->rows + i * step * nb->dims,
			   nb->dims * sizeof(double));
	few.rows = rows;
	few.tree = ad_tree_build(&few);
	k = (int) Min((Size) k, few.n);
	s = ad_neighbors_scratch(&few, k);
	probe(&few, s, PROBES, k, NULL);
	work = (double) s->work / PROBES;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return work;
}

/*
 * Return whether a tree is worth building: whether it would read so little as
 * to be cheaper than a scan, going by how much more it reads of an eighth of
 * the rows than of an eighth of these.  The growth falls with more rows, so
 * twice the cost is allowed.
 */
static bool
tree_may_do(const AdNeighbors *nb, int k)
{
	double		work;

	if (nb->n < FEW_ROWS || nb->dims > MAX_TREE_DIMS)
		return false;
	if (nb->n < MANY_ROWS)
		return true;
	work = work_of_few(nb, SHARE, k);
	work *= Max(work / work_of_few(nb, SHARE * SHARE, k), 1);
	return tree_cost(nb, work) < 2 * scan_cost(nb);
}

/*
 * Build a tree if it may do, and a scan; try both on rows of the set, and keep
 * the cheaper one.
 */
void
ad_neighbors_choose_plan(AdNeighbors *nb, int k, AdNeighborPlan plan)
{
	AdNeighborScratch *s;
	AdNeighborTree *tree = NULL;
	double		distance[PROBES];
	int			probes = (int) Min(nb->n, PROBES);
	int			nonzero;
	double		by_tree;
	double		by_scan;

	k = (int) Min((Size) Max(k, 1), nb->n);
	if (plan == AD_NEIGHBORS_TREE ||
		(plan == AD_NEIGHBORS_AUTO && tree_may_do(nb, k)))
		tree = nb->tree = ad_tree_build(nb);
	if (plan == AD_NEIGHBORS_TREE)
		return;
	if (tree == NULL)
		probes = Min(probes, PROBES / 2);

	s = ad_neighbors_scratch(nb, k);
	nonzero = probe(nb, s, probes, k, distance);
	by_tree = tree_cost(nb, (double) s->work / probes);
	nb->scan = ad_scan_build(nb, nonzero > 0 ?
							 ad_quantile(distance, nonzero, 0.5) : 0);
	if (tree == NULL)
		return;
	by_scan = scan_cost(nb);
	if (by_scan < by_tree)
	{
		nb->tree = NULL;
		ad_scan_scratch(nb, s);
		probe(nb, s, probes, k, NULL);
		by_scan += (double) s->work / probes *
			(SCAN_ROW + SCAN_ROW_DIM * nb->dims);
	}
	if (by_scan < by_tree)
		ad_tree_free(tree);
	else
	{
		nb->tree = tree;
		ad_scan_free(nb->scan);
		nb->scan = NULL;
	}
}
