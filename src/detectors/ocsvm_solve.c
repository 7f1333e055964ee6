/*-------------------------------------------------------------------------
 *
 * ocsvm_solve.c
 *		Sequential minimal optimisation of the one-class dual.
 *
 * Minimise 1/2 alpha' K alpha subject to 0 <= alpha <= 1 and
 * sum(alpha) = nu n; with nu below 1 / n that sum to 1, which no bound
 * restricts, and what is found is made smaller afterwards.  Equal rows are
 * one point, whose alpha is the sum of theirs, and may be as much as they
 * are many.  Each step moves weight between two points: the one with the
 * least gradient that may gain, and the one that may lose and promises the
 * largest decrease to second order (Fan, Chen and Lin, "Working set
 * selection using second order information for training support vector
 * machines", JMLR 2005).  It ends when the gradients of what may lose and of
 * what may gain are within the tolerance.
 *
 * Rows of the kernel are computed when asked for and kept, the least
 * recently used one giving way, in a cache of bounded size.  They are
 * cheap (math/simd_kernel.c), so there is no shrinking.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ocsvm.h"
#include "math/ad_kernel.h"
#include "math/ad_math.h"

#define CACHE_BYTES		((Size) 64 * 1024 * 1024)
#define MAX_STEPS		UINT64CONST(100000000)
#define MIN_CURVATURE	1e-12
#define ROUNDING		1e-9	/* of gradients, per weight */

/* A bounded cache of kernel rows; slots form a ring by last use. */
typedef struct Cache
{
	const AdOcsvmProblem *p;
	int			nslots;
	float	   *rows;			/* nslots x n */
	int		   *slot_of;		/* per point, or -1 */
	Size	   *point_in;		/* per slot, n: free */
	int		   *next;			/* towards the least recently used */
	int		   *previous;
	int			head;			/* the most recently used slot */
	float	   *x;				/* scratch: cols */
} Cache;

static void
cache_init(Cache *c, const AdOcsvmProblem *p)
{
	Size		nslots = CACHE_BYTES / (p->n * sizeof(float));

	nslots = Max(Min(nslots, p->n), 2);
	c->p = p;
	c->nslots = (int) nslots;
	c->rows = ad_palloc_array(float, ad_mul_size(nslots, p->n));
	c->slot_of = ad_palloc_array(int, p->n);
	c->point_in = ad_palloc_array(Size, nslots);
	c->next = ad_palloc_array(int, nslots);
	c->previous = ad_palloc_array(int, nslots);
	c->x = ad_palloc_array(float, p->cols);
	for (Size i = 0; i < p->n; i++)
		c->slot_of[i] = -1;
	for (int s = 0; s < c->nslots; s++)
	{
		c->point_in[s] = p->n;
		c->next[s] = (s + 1) % c->nslots;
		c->previous[s] = (s + c->nslots - 1) % c->nslots;
	}
	c->head = 0;
}

/* A row of the kernel; it stays until another two were asked for. */
static const float *
kernel_row(Cache *c, Size i)
{
	const AdOcsvmProblem *p = c->p;
	int			s = c->slot_of[i];
	float	   *row;

	if (s < 0)
	{
		/* the one before the head in the ring was used longest ago */
		s = c->previous[c->head];
		if (c->point_in[s] < p->n)
			c->slot_of[c->point_in[s]] = -1;
		c->point_in[s] = i;
		c->slot_of[i] = s;
		c->head = s;
		row = c->rows + s * p->n;
		for (int k = 0; k < p->cols; k++)
			c->x[k] = p->points[k * p->n + i];
		if (p->linear)
			ad_kernels->dot(p->points, p->n, p->n, p->cols, c->x, row);
		else
			ad_kernels->rbf(p->points, p->n, p->n, p->cols, c->x, row);
		return row;
	}
	if (s != c->head)
	{
		int			before = c->previous[s];
		int			after = c->next[s];

		c->next[before] = after;
		c->previous[after] = before;
		before = c->previous[c->head];
		c->next[before] = s;
		c->previous[s] = before;
		c->next[s] = c->head;
		c->previous[c->head] = s;
		c->head = s;
	}
	return c->rows + s * p->n;
}

/* The greatest weight that a point can have. */
static inline double
bound(const AdOcsvmProblem *p, Size i)
{
	return p->counts ? p->counts[i] : 1;
}

/*
 * A feasible start: weights of 1 spread evenly over the rows, whose order
 * may well be by value.
 */
static void
start(AdOcsvmProblem *p)
{
	double		total = Max(p->nu * (double) p->rows, 1);
	double		whole = floor(total);
	double		rest = total - whole;
	double		before = 0;		/* rows of the points before */

	for (Size i = 0; i < p->n; i++)
	{
		double		after = before + bound(p, i);

		p->alpha[i] = floor(after * whole / (double) p->rows) -
			floor(before * whole / (double) p->rows);
		p->alpha[i] = Min(p->alpha[i], bound(p, i));
		if (rest > 0 && p->alpha[i] + 1 <= bound(p, i))
		{
			p->alpha[i] += rest;
			rest = 0;
		}
		before = after;
	}
}

/* rho: the gradient of points within bounds, or the middle of its range. */
static double
find_rho(const AdOcsvmProblem *p, const double *g)
{
	double		sum = 0;
	Size		nfree = 0;
	double		low = -INFINITY;
	double		high = INFINITY;

	for (Size i = 0; i < p->n; i++)
	{
		if (p->alpha[i] >= bound(p, i))
			low = Max(low, g[i]);
		else if (p->alpha[i] <= 0)
			high = Min(high, g[i]);
		else
		{
			sum += g[i];
			nfree++;
		}
	}
	if (nfree > 0)
		return sum / (double) nfree;
	if (isinf(high))
		return low;
	if (isinf(low))
		return high;
	return low / 2 + high / 2;
}

/*
 * Lower rho until at most a share nu of the rows is below it, whatever
 * the tolerance: less than what the sums of a score round to.
 */
static void
bound_share(AdOcsvmProblem *p, const double *g)
{
	Size		outside = (Size) (p->nu * (double) p->rows);
	double	   *sorted;
	Size		n = 0;

	if (outside >= p->rows)
		return;
	sorted = ad_palloc_array(double, p->rows);
	for (Size i = 0; i < p->n; i++)
		for (double left = bound(p, i); left > 0; left--)
			sorted[n++] = g[i];
	ad_select(sorted, n, outside);
	p->rho = Min(p->rho, sorted[outside] - ROUNDING * p->nu * (double) p->rows);
	pfree(sorted);
}

/* The diagonal of the kernel. */
static double *
make_diagonal(const AdOcsvmProblem *p)
{
	double	   *diagonal = ad_palloc_array(double, p->n);

	for (Size i = 0; i < p->n; i++)
	{
		double		d = 0;

		for (int c = 0; c < p->cols && p->linear; c++)
			d += (double) p->points[c * p->n + i] * p->points[c * p->n + i];
		diagonal[i] = p->linear ? d : 1;
	}
	return diagonal;
}

/* The gradient at the start: zeros, then every weight's row. */
static double *
make_gradient(const AdOcsvmProblem *p, Cache *cache)
{
	double	   *g = ad_palloc0_array(double, p->n);

	for (Size i = 0; i < p->n; i++)
		if (p->alpha[i] > 0)
		{
			const float *row = kernel_row(cache, i);

			CHECK_FOR_INTERRUPTS();
			ad_kernels->add(g, p->n, p->alpha[i], row, 0, row);
		}
	return g;
}

/* Two points to move weight between. */
typedef struct Pair
{
	Size		gains;			/* point with the least gradient */
	Size		loses;			/* point of the largest decrease with it */
	double		gap;			/* between their gradients */
	double		curvature;		/* along the move */
} Pair;

/* Choose the next pair; false when the gradients are within the tolerance. */
static bool
choose_pair(const AdOcsvmProblem *p, Cache *cache, const double *g,
			const double *diagonal, Pair *pair)
{
	Size		n = p->n;
	Size		i = n;
	Size		j = n;
	double		least = INFINITY;
	double		greatest = -INFINITY;
	double		best = 0;		/* decrease, as a fraction */
	double		best_curvature = 1;
	const float *row_i;

	for (Size k = 0; k < n; k++)
		if (g[k] < least && p->alpha[k] < bound(p, k))
		{
			least = g[k];
			i = k;
		}
	if (i == n)
		return false;			/* nu is 1: no point may gain */
	row_i = kernel_row(cache, i);
	for (Size k = 0; k < n; k++)
	{
		double		d = g[k] - least;
		double		curvature;

		if (!(d > 0) || p->alpha[k] <= 0)
			continue;
		greatest = Max(greatest, g[k]);
		curvature = diagonal[i] + diagonal[k] - 2.0 * row_i[k];
		if (curvature <= 0)
			curvature = MIN_CURVATURE;
		if (d * d * best_curvature > best * curvature)
		{
			best = d * d;
			best_curvature = curvature;
			j = k;
		}
	}
	if (j == n || greatest - least < p->tolerance)
		return false;
	pair->gains = i;
	pair->loses = j;
	pair->gap = g[j] - least;
	pair->curvature = best_curvature;
	return true;
}

/* Move weight between a pair, within bounds; returns how much. */
static double
move_weight(AdOcsvmProblem *p, const Pair *pair)
{
	double	   *gains = &p->alpha[pair->gains];
	double	   *loses = &p->alpha[pair->loses];
	double		most = bound(p, pair->gains);
	double		sum = *gains + *loses;
	double		move = pair->gap / pair->curvature;

	move = Min(move, *loses);
	move = Min(move, most - *gains);
	if (move == *loses)
	{
		*gains = Min(sum, most);
		*loses = 0;
	}
	else if (move == most - *gains)
	{
		*gains = most;
		*loses = Max(sum - most, 0);
	}
	else
	{
		*gains += move;
		*loses -= move;
	}
	return move;
}

/*
 * Solve: fills alpha, rho, objective and iterations.  O(n) a step, and
 * memory O(n) beside the cache.
 */
void
ad_ocsvm_solve(AdOcsvmProblem *p)
{
	Cache		cache;
	Pair		pair;
	double	   *g;
	double	   *diagonal;
	double		objective = 0;
	double		total = p->nu * (double) p->rows;

	cache_init(&cache, p);
	diagonal = make_diagonal(p);
	start(p);
	g = make_gradient(p, &cache);
	for (p->iterations = 0; p->iterations < MAX_STEPS; p->iterations++)
	{
		const float *row_i;
		const float *row_j;
		double		move;

		CHECK_FOR_INTERRUPTS();
		if (!choose_pair(p, &cache, g, diagonal, &pair))
			break;
		row_j = kernel_row(&cache, pair.loses);
		row_i = kernel_row(&cache, pair.gains);
		move = move_weight(p, &pair);
		ad_kernels->add(g, p->n, move, row_i, -move, row_j);
	}

	p->rho = find_rho(p, g);
	if (total < 1)
	{
		p->rho *= total;
		for (Size i = 0; i < p->n; i++)
		{
			p->alpha[i] *= total;
			g[i] *= total;
		}
	}
	if (!p->linear)
		bound_share(p, g);
	for (Size i = 0; i < p->n; i++)
		objective += p->alpha[i] * g[i];
	p->objective = objective / 2;
}
