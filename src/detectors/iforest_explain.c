/*-------------------------------------------------------------------------
 *
 * iforest_explain.c
 *		Which columns made a row's path through a forest short.
 *
 * The game: a coalition of columns is worth the expected path length of a
 * row of which only those columns are known.  At a split on a column that is
 * not known the row goes both ways, in proportion to the rows of the
 * subsample that went there (Lundberg et al., "From local explanations to
 * global understanding with explainable AI for trees", 2020: path-dependent
 * TreeSHAP).  Contributions are the exact Shapley values of that game, times
 * a factor that makes path lengths into scores.
 *
 * In the game, a leaf of length h is worth h times the product, over the
 * distinct columns of its path, of o_i if i is known (1 if the row keeps to
 * the path there, else 0) or z_i if not (the share of rows that do).  The
 * Shapley value of j is an integral of its multilinear extension (Owen 1972):
 *
 *		h (o_j - z_j) times the integral over t from 0 to 1 of the product
 *		over i other than j of z_i (1 - t) + o_i t
 *
 * The integrand is a polynomial, so a Gauss-Legendre rule with half as many
 * points as there are distinct columns on a path is exact.  For each point the
 * sum over all leaves below a node is gathered on the way up (the idea of
 * Linear TreeSHAP, Yu et al. 2022): a tree costs O(nodes * points), instead
 * of TreeSHAP's O(leaves * depth^2).  math/simd_shapley.c does it, over splits
 * in level order, so that few of them wait for the one before.
 *
 * "path" is Saabas's way: what the expected length changes by at each split
 * of the row's path.  It depends on the leaf alone, so that leaves keep it,
 * a number a column, unless that would be too much.
 *
 * All of this needs splits on one column; forests with others are explained
 * as any detector is (NaN).
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "detectors/iforest.h"
#include "math/ad_row_sums.h"
#include "math/ad_shapley.h"

#define MAX_CHANGES		((Size) 1 << 20)	/* that leaves may keep */
#define MAX_DEPTH		16		/* of trees whose leaves do */
#define LN_2			0.69314718055994530942

/* A node of a tree; the left child follows its parent. */
typedef struct ShapNode
{
	double		threshold;
	double		coefficient;	/* left if it times x <= threshold */
	double		left_share;		/* of the rows here, those that go left */
	double		length;			/* expected, of a path that comes here */
	uint32		right;			/* 0: leaf */
	uint32		column;
} ShapNode;

typedef struct AdForestExplainer
{
	bool		possible;
	ShapNode   *nodes;
	uint32		nnodes;
	uint32	   *roots;
	int			columns;		/* distinct ones on a path, at most */
	double		length;			/* expected, summed over the trees */
	double		baseline;		/* the score at that length */

	/* axis-parallel, unless too large: what the path to a leaf changes */
	double	   *changes;		/* per leaf, a number per column */
	uint16	   *leaf_of_slot;	/* per tree and slot: number in the tree */
	uint32	   *first_change;	/* per tree: where its first leaf's are */
	uint32		nleaves;
	uint32	   *row_changes;	/* scratch: per tree, where the row's are */

	/* Shapley values, from the first row that wants them on */
	int			points;			/* a multiple of AD_SHAPLEY_POINTS; or 0 */
	double	   *at;
	double	   *weight;
	AdShapleySplit *splits;		/* of all trees */
	uint32	   *first;			/* per tree, and the end: splits before it */
	AdShapleyTree scratch;
	double	   *sum;			/* per column and point */
} AdForestExplainer;

/* State of building: the path to the node that is being built. */
typedef struct Builder
{
	AdForest   *f;
	AdForestExplainer *e;
	uint32	   *path;			/* nodes, by depth; for keep_changes() */
	int		   *splits;			/* on the path, per column */
	int			distinct;		/* columns with a split on the path */
	uint32		tree;			/* axis-parallel: which is built */
	uint16	   *leaf_of_slot;	/* of that tree */
	uint32		first_leaf;		/* of it */
} Builder;

/*
 * Abscissae and weights of Gauss and Legendre's rule with n points on (0, 1).
 */
static void
gauss_legendre(int n, double *at, double *weight)
{
	for (int i = 0; i < n; i++)
	{
		double		unused;
		double		x;
		double		derivative = 1;

		ad_sincos_turn((i + 0.75) / (n + 0.5) / 2, &unused, &x);
		for (int step = 0; step < 100; step++)
		{
			double		p = 1;
			double		before = 0;
			double		change;

			for (int k = 1; k <= n; k++)
			{
				double		next = ((2 * k - 1) * x * p - (k - 1) * before) / k;

				before = p;
				p = next;
			}
			derivative = n * (x * p - before) / (x * x - 1);
			change = p / derivative;
			x -= change;
			if (fabs(change) < 1e-15)
				break;
		}
		at[i] = (1 - x) / 2;
		weight[i] = 1 / ((1 - x * x) * derivative * derivative);
	}
}

/* A new node; its length is still to come. */
static ShapNode *
add_node(Builder *b, uint32 *at)
{
	*at = b->e->nnodes++;
	memset(&b->e->nodes[*at], 0, sizeof(ShapNode));
	return &b->e->nodes[*at];
}

/* Fill in what an inner node knows once its children are there. */
static void
finish_inner(Builder *b, uint32 at, uint32 right, double left_rows,
			 double right_rows)
{
	ShapNode   *n = &b->e->nodes[at];
	double		rows = left_rows + right_rows;

	b->distinct -= --b->splits[n->column] == 0;
	n->right = right;
	/* no rows at all below: only in forged trees */
	n->left_share = rows > 0 ? left_rows / rows : 0.5;
	n->length = n->left_share * b->e->nodes[at + 1].length +
		(1 - n->left_share) * b->e->nodes[right].length;
}

/* Build the tree at a node of an axis-parallel forest; returns its rows. */
static double
build_axis(Builder *b, uint32 from, int depth, uint32 *at)
{
	const AdForestTrees *t = &b->f->trees;
	uint32		before = ad_trees_inner_before(t, from);
	ShapNode   *n = add_node(b, at);
	uint32		left;
	uint32		right;
	double		left_rows;
	double		right_rows;

	if (!ad_trees_is_inner(t, from))
	{
		uint32		rows = ad_trees_rows(t, from - before);

		n->length = depth + ad_iforest_expected_depth(rows);
		b->e->columns = Max(b->e->columns, b->distinct);
		return rows;
	}
	n->column = ad_trees_column(t, before);
	n->threshold = ad_trees_threshold(t, before);
	n->coefficient = 1;
	from = 2 * before + 1 + b->tree;
	b->distinct += b->splits[n->column]++ == 0;
	left_rows = build_axis(b, from, depth + 1, &left);
	right_rows = build_axis(b, from + 1, depth + 1, &right);
	finish_inner(b, *at, right, left_rows, right_rows);
	return left_rows + right_rows;
}

/* Build the tree at a node of an extended forest; returns its rows. */
static double
build_hyper(Builder *b, uint32 from, int depth, uint32 *at)
{
	const AdHyperNode *hyper = &b->f->hyper[from];
	ShapNode   *n = add_node(b, at);
	const AdHyperTerm *term = &b->f->terms[hyper->first];
	uint32		left;
	uint32		right;
	double		left_rows;
	double		right_rows;

	if (hyper->right == 0)
	{
		n->length = hyper->threshold;
		b->e->columns = Max(b->e->columns, b->distinct);
		return hyper->first;
	}
	n->column = term->column;
	n->coefficient = term->coefficient;
	n->threshold = hyper->threshold;
	b->distinct += b->splits[n->column]++ == 0;
	left_rows = build_hyper(b, from + 1, depth + 1, &left);
	right_rows = build_hyper(b, hyper->right, depth + 1, &right);
	finish_inner(b, *at, right, left_rows, right_rows);
	return left_rows + right_rows;
}

/* Write what the paths to the leaves below a node change. */
static void
keep_changes(Builder *b, uint32 at, int depth, Size position)
{
	AdForestExplainer *e = b->e;
	const ShapNode *n = &e->nodes[at];
	int			below = b->f->depth - depth;
	double	   *changes = e->changes + (Size) e->nleaves * b->f->cols;

	b->path[depth] = at;
	if (n->right != 0)
	{
		keep_changes(b, at + 1, depth + 1, 2 * position);
		b->path[depth] = at;
		keep_changes(b, n->right, depth + 1, 2 * position + 1);
		return;
	}
	for (int i = 0; i < depth; i++)
		changes[e->nodes[b->path[i]].column] +=
			e->nodes[b->path[i + 1]].length - e->nodes[b->path[i]].length;
	for (Size s = position << below; s < (position + 1) << below; s++)
		b->leaf_of_slot[s] = (uint16) (e->nleaves - b->first_leaf);
	e->nleaves++;
}

/* Return whether every split is on one column. */
static bool
one_column_splits(const AdForest *f)
{
	if (f->hyperplanes)
		for (uint32 i = 0; i < f->nhyper; i++)
			if (f->hyper[i].right != 0 && f->hyper[i].nterms != 1)
				return false;
	return true;
}

/* Make what explaining needs, in the forest's own context. */
static AdForestExplainer *
build(AdForest *f)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(f));
	AdForestExplainer *e = palloc0(sizeof(AdForestExplainer));

	/* leaves of a tree's table; trees of hyperplanes may be too deep for one */
	Size		slots = f->hyperplanes ? 0 : (Size) 1 << f->depth;
	Size		nleaves = (Size) f->ninner + f->ntrees;
	bool		keep;
	Builder		b;

	e->possible = one_column_splits(f);
	if (!e->possible)
	{
		f->explainer = e;
		MemoryContextSwitchTo(old);
		return e;
	}
	memset(&b, 0, sizeof(b));
	b.f = f;
	b.e = e;
	b.path = ad_palloc_array(uint32, (Size) f->depth + 2);
	b.splits = ad_palloc0_array(int, f->cols);
	keep = !f->hyperplanes && f->depth <= MAX_DEPTH &&
		nleaves * f->cols <= MAX_CHANGES;
	e->nodes = ad_palloc_array(ShapNode, 2 * (Size) f->ninner + f->ntrees);
	e->roots = ad_palloc_array(uint32, f->ntrees);
	if (keep)
	{
		e->leaf_of_slot = ad_palloc_array(uint16, f->ntrees * slots);
		e->first_change = ad_palloc_array(uint32, f->ntrees);
		e->row_changes = ad_palloc_array(uint32, f->ntrees);
		e->changes = ad_palloc0_array(double, nleaves * f->cols + AD_ROW_SUMS_PAD);
	}
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		if (f->hyperplanes)
			(void) build_hyper(&b, f->roots[t], 0, &e->roots[t]);
		else
		{
			b.tree = t;
			(void) build_axis(&b, 2 * f->trees.first[t] + t, 0, &e->roots[t]);
		}
		if (keep)
		{
			b.leaf_of_slot = e->leaf_of_slot + t * slots;
			b.first_leaf = e->nleaves;
			e->first_change[t] = e->nleaves * f->cols;
			keep_changes(&b, e->roots[t], 0, 0);
		}
		e->length += e->nodes[e->roots[t]].length;
	}
	if (f->normal > 0)
		e->baseline = ad_exp2(-(e->length / f->ntrees) / f->normal);
	pfree(b.path);
	pfree(b.splits);
	f->explainer = e;
	MemoryContextSwitchTo(old);
	return e;
}

/* State of making a tree's splits: what is known of its nodes. */
typedef struct Splitter
{
	const ShapNode *nodes;		/* of the tree; the root is node 0 */
	uint32	   *last;			/* per column: where its last split led to */
	uint32	   *above;			/* per node: the same for its column */
	double	   *keep;			/* per node: rows that keep to the path there
								 * at all splits on the column that led there */
	uint32	   *queue;			/* nodes in level order */
	uint32	   *number;			/* per node: where in level order */
} Splitter;

/* Note for a node and those below which splits are above on their columns. */
static void
note_path(Splitter *s, uint32 root, uint32 at)
{
	const ShapNode *n = &s->nodes[at];
	uint32		above;

	if (n->right == 0)
		return;
	above = s->last[n->column];
	s->above[at] = above;
	for (int side = 0; side < 2; side++)
	{
		uint32		child = side ? n->right - root : at + 1;

		s->keep[child] = s->keep[above] *
			(side ? 1 - n->left_share : n->left_share);
		s->last[n->column] = child;
		note_path(s, root, child);
	}
	s->last[n->column] = above;
}

/* Make the splits of a tree, in level order. */
static void
make_splits(const AdForestExplainer *e, Splitter *s, uint32 tree, int cols)
{
	uint32		root = e->roots[tree];
	AdShapleySplit *to = e->splits + e->first[tree];
	uint32		n = 1;

	s->nodes = e->nodes + root;
	memset(s->last, 0, cols * sizeof(uint32));
	s->keep[0] = 1;
	note_path(s, root, 0);
	s->queue[0] = s->number[0] = 0;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		at = s->queue[i];
		const ShapNode *node = &s->nodes[at];

		if (node->right == 0)
			continue;
		to->threshold = node->threshold;
		to->coefficient = node->coefficient;
		to->node = i;
		to->column = node->column;
		to->last = s->number[s->above[at]];
		for (int side = 0; side < 2; side++, n++)
		{
			uint32		child = side ? node->right - root : at + 1;

			s->queue[n] = child;
			s->number[child] = n;
			to->rows[side][0] = side ? 1 - node->left_share :
				node->left_share;
			to->rows[side][1] = s->keep[child];
			to->length[side] = s->nodes[child].right ? 1 :
				s->nodes[child].length;
		}
		to++;
	}
}

/* Make what Shapley values need, in the forest's own context. */
static void
prepare_shapley(AdForest *f, AdForestExplainer *e)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(f));
	int			points = Max((e->columns + 1) / 2, 1);
	Size		most = 0;
	Size		edges;
	Splitter	s;

	points = (points + AD_SHAPLEY_POINTS - 1) / AD_SHAPLEY_POINTS *
		AD_SHAPLEY_POINTS;
	e->at = ad_palloc_array(double, points);
	e->weight = ad_palloc_array(double, points);
	gauss_legendre(points, e->at, e->weight);
	e->splits = ad_palloc_array(AdShapleySplit, f->ninner);
	e->first = ad_palloc_array(uint32, (Size) f->ntrees + 1);
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		uint32		end = t + 1 < f->ntrees ? e->roots[t + 1] : e->nnodes;

		/* a tree has a leaf more than splits */
		e->first[t] = (e->roots[t] - t) / 2;
		most = Max(most, end - e->roots[t]);
	}
	e->first[f->ntrees] = f->ninner;
	e->sum = ad_palloc_array(double, ad_mul_size(f->cols, AD_SHAPLEY_POINTS));
	/* a tree of that many nodes has half as many splits */
	edges = (most / 2 + 2) * AD_SHAPLEY_POINTS;
	e->scratch.product = ad_palloc_array(double, most * AD_SHAPLEY_POINTS);
	e->scratch.inverse = ad_palloc_array(double, edges);
	e->scratch.gain = ad_palloc_array(double, edges);
	e->scratch.edge = ad_palloc_array(uint32, most);
	e->scratch.right = ad_palloc_array(uint32, most);
	s.last = ad_palloc_array(uint32, f->cols);
	s.above = ad_palloc_array(uint32, most);
	s.keep = ad_palloc_array(double, most);
	s.queue = ad_palloc_array(uint32, most);
	s.number = ad_palloc_array(uint32, most);
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		make_splits(e, &s, t, f->cols);
	}
	pfree(s.last);
	pfree(s.above);
	pfree(s.keep);
	pfree(s.queue);
	pfree(s.number);
	e->points = points;
	ad_scorer_grew = true;
	MemoryContextSwitchTo(old);
}

/* Shapley values of the path length, summed over the trees. */
static void
shapley(AdForest *f, AdForestExplainer *e, const double *x,
		double *contribution)
{
	AdShapleyKernel kernel = ad_shapley_kernel();
	AdShapleyTree tree;

	if (e->points == 0)
		prepare_shapley(f, e);
	tree = e->scratch;
	for (int p = 0; p < e->points; p += AD_SHAPLEY_POINTS)
	{
		memset(e->sum, 0, f->cols * AD_SHAPLEY_POINTS * sizeof(double));
		for (uint32 t = 0; t < f->ntrees; t++)
		{
			CHECK_FOR_INTERRUPTS();
			tree.splits = e->splits + e->first[t];
			tree.nsplits = e->first[t + 1] - e->first[t];
			kernel(&tree, x, e->at + p, e->sum);
		}
		for (int c = 0; c < f->cols; c++)
			for (int q = 0; q < AD_SHAPLEY_POINTS; q++)
				contribution[c] += e->weight[p + q] *
					e->sum[c * AD_SHAPLEY_POINTS + q];
	}
}

/* Add what the splits on the row's paths change. */
static void
path_changes(AdForest *f, AdForestExplainer *e, const double *x,
			 double *contribution)
{
	if (e->changes)
	{
		/* the row was scored just now: f->leaf says where it arrived */
		const uint16 *leaf_of_slot = e->leaf_of_slot;
		const uint32 *leaf = f->leaf;
		const uint32 *first_change = e->first_change;
		uint32	   *row_changes = e->row_changes;
		uint32		ntrees = f->ntrees;
		uint32		cols = f->cols;
		Size		slots = (Size) 1 << f->depth;

		for (uint32 t = 0; t < ntrees; t++, leaf_of_slot += slots)
			row_changes[t] = first_change[t] + leaf_of_slot[leaf[t]] * cols;
		ad_row_sums() (e->changes, row_changes, ntrees, f->cols, contribution);
		return;
	}
	for (uint32 t = 0; t < f->ntrees; t++)
	{
		uint32		at = e->roots[t];

		while (e->nodes[at].right != 0)
		{
			const ShapNode *n = &e->nodes[at];

			at = n->coefficient * x[n->column] <= n->threshold ? at + 1 :
				n->right;
			contribution[n->column] += e->nodes[at].length - n->length;
		}
	}
}

/*
 * The contributions of a row's columns to its score; returns the score at
 * the expected path length, or NaN for a forest whose splits are on several
 * columns.
 */
double
ad_iforest_explain(void *scorer, const double *x, bool path,
				   double *contribution)
{
	AdForest   *f = scorer;
	AdForestExplainer *e = f->explainer ? f->explainer : build(f);
	double		change = 0;
	double		factor;

	if (!e->possible)
		return NAN;
	memset(contribution, 0, f->cols * sizeof(double));
	if (f->normal == 0)
		return 0.5;
	if (path)
		path_changes(f, e, x, contribution);
	else
		shapley(f, e, x, contribution);

	/* from lengths to scores */
	for (int c = 0; c < f->cols; c++)
		change += contribution[c];
	if (fabs(change) > 1e-7 * f->ntrees)
		factor = (ad_exp2(-((e->length + change) / f->ntrees) / f->normal) -
				  e->baseline) / change;
	else
		factor = -LN_2 * e->baseline / f->ntrees / f->normal;
	for (int c = 0; c < f->cols; c++)
		contribution[c] *= factor;
	return e->baseline;
}
