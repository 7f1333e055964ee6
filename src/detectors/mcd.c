/*-------------------------------------------------------------------------
 *
 * mcd.c
 *		Minimum covariance determinant, by FAST-MCD.
 *
 * Rousseeuw and Van Driessen, "A Fast Algorithm for the Minimum Covariance
 * Determinant Estimator", Technometrics 1999.  The subset has
 * ceil((rows + columns + 1) / 2) rows.  Up to 600 rows: 500 random starts of
 * columns + 1 rows with two C-steps each, the best ten carried to
 * convergence.  More rows: the starts are made in up to five disjoint parts
 * of 300 rows, the best ten of each go on in the parts' union, the best ten
 * of those to all rows.  There they meet ten starts of half of the rows, and
 * the best ten are carried to convergence (the best three, where rows times
 * columns² exceed CONVERGE_ALL).
 *
 * Then, as scikit-learn has it: the subset's covariance is made consistent
 * by median(d²) / chi²(columns, 0.5), rows with d² < chi²(columns, 0.975)
 * are the final estimate's, whose covariance (divisor their number) gives
 * the distances.
 *
 * The work is done in columns centred by the median and scaled by the
 * interquartile range, which the estimate does not depend on.  If half of
 * the rows lie in a plane, the subset's covariance is singular and distances
 * from the plane would be infinite: RIDGE is then added to its diagonal (in
 * the scaled columns), so that they are merely great.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_fault.h"
#include "core/ad_random.h"
#include "detectors/linear.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"

#include <float.h>


#define STARTS			500
#define KEPT			10		/* of a stage */
#define HALF_STARTS		10		/* of h rows, on all rows */
#define CONVERGED		3		/* on all of very many rows */
#define CONVERGE_ALL	1e8
#define PART_ROWS		300
#define PARTS			5
#define MAX_STEPS		100
#define SINGULAR		1e-10	/* pivot over its variance */
#define RIDGE			1e-3
#define MAX_COLUMNS		512		/* thousands of factorisations */

/* A location and scatter in the works. */
typedef struct State
{
	double		logdet;			/* of the scatter it was made from */
	double	   *mean;			/* d */
	double	   *cov;			/* d x d */
} State;

/* Rows to search. */
typedef struct Set
{
	const double *z;			/* n x d */
	Size		n;
	Size		h;				/* rows of a subset */
} Set;

typedef struct Mcd
{
	int			d;
	AdRandom	random;
	AdMap	   *map;			/* whitening of the state being tried */
	double	   *factor;			/* d x d */
	double	   *d2;				/* per row of the largest set */
	double	   *scratch;		/* the same */
	double	   *chosen;			/* its rows, gathered: n x d */
	bool		singular;		/* whether the last factor needed a ridge */
} Mcd;

static State
new_state(int d)
{
	State		s;

	s.logdet = INFINITY;
	s.mean = ad_palloc0_array(double, d);
	s.cov = ad_palloc0_array(double, ad_mul_size(d, d));
	return s;
}

static void
copy_state(State *to, const State *from, int d)
{
	to->logdet = from->logdet;
	memcpy(to->mean, from->mean, d * sizeof(double));
	memcpy(to->cov, from->cov, (Size) d * d * sizeof(double));
}

/*
 * Return whether a Cholesky factor is one of a matrix that is as good as
 * singular.
 */
static bool
nearly_singular(const double *l, const double *cov, int d)
{
	for (int i = 0; i < d; i++)
	{
		Size		at = (Size) i * d + i;

		if (!(l[at] * l[at] > SINGULAR * Max(cov[at], SINGULAR)))
			return true;
	}
	return false;
}

/* Set the map to the whitening of a state; returns the log determinant. */
static double
whiten(Mcd *m, State *s)
{
	int			d = m->d;
	double		logdet = 0;

	memcpy(m->factor, s->cov, (Size) d * d * sizeof(double));
	m->singular = !ad_cholesky(m->factor, d) ||
		nearly_singular(m->factor, s->cov, d);
	if (m->singular)
	{
		memcpy(m->factor, s->cov, (Size) d * d * sizeof(double));
		for (int i = 0; i < d; i++)
			m->factor[(Size) i * d + i] += RIDGE;
		if (!ad_cholesky(m->factor, d))
			ad_too_large("mahalanobis");
	}
	for (int i = 0; i < d; i++)
		logdet += 2 * ad_log(m->factor[(Size) i * d + i]);
	ad_lower_inverse(m->factor, d);
	memcpy(m->map->mean, s->mean, d * sizeof(double));
	for (int i = 0; i < d; i++)
		ad_map_set(m->map, i, m->factor + (Size) i * d);
	ad_map_finish(m->map);
	return logdet;
}

/* Squared distances of a set's rows by the map. */
static void
distances(Mcd *m, const Set *set)
{
	for (Size i = 0; i < set->n; i += 1024)
	{
		CHECK_FOR_INTERRUPTS();
		ad_map_norms(m->map, set->z + i * m->d, Min(1024, set->n - i),
					 m->d2 + i);
	}
}

/* Mean and covariance (divisor n) of the n rows gathered. */
static void
estimate(Mcd *m, Size n, State *s)
{
	ad_column_means(m->chosen, n, m->d, s->mean);
	ad_covariance(m->chosen, n, m->d, s->mean, (double) n, s->cov);
}

/*
 * A C-step: the h rows of least distance make the next state.  Of equal
 * distances at the border the first rows are taken.  Returns the log
 * determinant of the state it started from.
 */
static double
c_step(Mcd *m, const Set *set, State *s)
{
	double		logdet = whiten(m, s);
	double		limit;
	Size		below = 0;
	Size		n = 0;
	Size		width = m->d * sizeof(double);

	distances(m, set);
	memcpy(m->scratch, m->d2, set->n * sizeof(double));
	ad_select(m->scratch, set->n, set->h - 1);
	limit = m->scratch[set->h - 1];
	for (Size i = 0; i < set->n; i++)
		below += m->d2[i] < limit;
	below = set->h - below;		/* of those at the border */
	for (Size i = 0; i < set->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (m->d2[i] > limit || (m->d2[i] == limit && below == 0))
			continue;
		if (m->d2[i] == limit)
			below--;
		memcpy(m->chosen + n * m->d, set->z + i * m->d, width);
		n++;
	}
	estimate(m, n, s);
	return logdet;
}

/* A number of C-steps, or until they change nothing. */
static void
iterate(Mcd *m, const Set *set, State *s, int steps)
{
	double		last = INFINITY;

	for (int i = 0; i < steps; i++)
	{
		double		logdet = c_step(m, set, s);

		if (i > 1 && !(logdet < last - 1e-13 * fabs(last)))
			break;
		last = logdet;
	}
	s->logdet = whiten(m, s);
}

/* Keep a state among the n best, in ascending order of determinant. */
static void
keep(State *best, int *n, int max_kept, const State *s, int d)
{
	int			at;
	State		slot;

	for (int i = 0; i < *n; i++)
		if (best[i].logdet == s->logdet)
			return;				/* the same subset, in all likelihood */
	if (*n == max_kept && !(s->logdet < best[max_kept - 1].logdet))
		return;
	if (*n < max_kept)
		best[(*n)++].logdet = INFINITY;
	slot = best[*n - 1];
	for (at = *n - 1; at > 0 && s->logdet < best[at - 1].logdet; at--)
		best[at] = best[at - 1];
	best[at] = slot;
	copy_state(&best[at], s, d);
}

static int
compare_states(const void *a, const void *b)
{
	double		x = ((const State *) a)->logdet;
	double		y = ((const State *) b)->logdet;

	return x < y ? -1 : x > y;
}

static State *
new_states(int n, int d)
{
	State	   *s = ad_palloc_array(State, n);

	for (int i = 0; i < n; i++)
		s[i] = new_state(d);
	return s;
}

/*
 * Random starts of n rows in a set, two C-steps each; the best are kept.
 */
static void
random_starts(Mcd *m, const Set *set, int starts, Size n, State *best,
			  int *nbest)
{
	int			d = m->d;
	Size	   *rows = ad_palloc_array(Size, set->n);
	State		s = new_state(d);

	for (Size i = 0; i < set->n; i++)
		rows[i] = i;
	for (int t = 0; t < starts; t++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < n; i++)
		{
			Size		j = i + (Size) ad_random_below(&m->random, set->n - i);
			Size		row = rows[j];

			rows[j] = rows[i];
			rows[i] = row;
			memcpy(m->chosen + i * d, set->z + row * d, d * sizeof(double));
		}
		estimate(m, n, &s);
		iterate(m, set, &s, 2);
		keep(best, nbest, KEPT, &s, d);
	}
	pfree(rows);
	pfree(s.mean);
	pfree(s.cov);
}

/* The best subset's state on all rows. */
static void
search(Mcd *m, const Set *all, State *result)
{
	int			d = m->d;
	int			starts = Max(STARTS * 50 / Max(d, 50), 50);
	int			parts = (int) Min(all->n / PART_ROWS, PARTS);
	int			few = Min((Size) d + 1, PART_ROWS);
	int			converged = (double) all->n * d * d > CONVERGE_ALL ?
		CONVERGED : KEPT;
	State	   *best = new_states(KEPT, d);
	int			nbest = 0;

	if (parts < 2)
	{
		random_starts(m, all, starts, Min((Size) few, all->n), best, &nbest);
		for (int i = 0; i < nbest; i++)
			iterate(m, all, &best[i], MAX_STEPS);
	}
	else
	{
		State	   *parted = new_states(PARTS * KEPT, d);
		int			nparted = 0;
		Set			merged;
		double	   *z;
		Size	   *rows = ad_palloc_array(Size, all->n);

		merged.n = (Size) parts * PART_ROWS;
		merged.h = (merged.n * all->h + all->n - 1) / all->n;
		z = ad_palloc_array(double, ad_mul_size(merged.n, d));
		for (Size i = 0; i < all->n; i++)
			rows[i] = i;
		for (Size i = 0; i < merged.n; i++)
		{
			Size		j = i + (Size) ad_random_below(&m->random, all->n - i);
			Size		row = rows[j];

			rows[j] = rows[i];
			rows[i] = row;
			memcpy(z + i * d, all->z + row * d, d * sizeof(double));
		}
		merged.z = z;
		for (int p = 0; p < parts; p++)
		{
			Set			part;
			State	   *own = new_states(KEPT, d);
			int			nown = 0;

			part.z = z + (Size) p * PART_ROWS * d;
			part.n = PART_ROWS;
			part.h = (part.n * all->h + all->n - 1) / all->n;
			random_starts(m, &part, starts / parts, few, own, &nown);
			for (int i = 0; i < nown; i++)
				copy_state(&parted[nparted++], &own[i], d);
		}
		for (int i = 0; i < nparted; i++)
		{
			iterate(m, &merged, &parted[i], 2);
			keep(best, &nbest, KEPT, &parted[i], d);
		}
		for (int i = 0; i < nbest; i++)
			iterate(m, all, &best[i], 2);
		qsort(best, nbest, sizeof(State), compare_states);
		random_starts(m, all, HALF_STARTS, all->h, best, &nbest);
		nbest = Min(nbest, converged);
		for (int i = 0; i < nbest; i++)
			iterate(m, all, &best[i], MAX_STEPS);
		pfree(rows);
		pfree(z);
	}
	copy_state(result, &best[0], d);
	for (int i = 1; i < nbest; i++)
		if (best[i].logdet < result->logdet)
			copy_state(result, &best[i], d);
}

/*
 * The columns that vary, centred and scaled; palloc'd.  column[] receives
 * which they are; returns how many.
 */
static int
standardise(const AdMatrix *m, double **z, int *column, double *center,
			double *scale)
{
	double	   *v = ad_palloc_array(double, m->rows);
	int			d = 0;

	for (int c = 0; c < m->cols; c++)
	{
		static const double levels[] = {0.25, 0.5, 0.75};
		double		q[3];
		AdSpread	s;

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < m->rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			v[i] = m->x[i * m->cols + c];
		}
		ad_spread(v, m->rows, 1, (double) m->rows, &s);
		ad_quantiles(v, m->rows, levels, 3, q);
		center[d] = q[1];
		scale[d] = ad_width(q[0], q[2], s.whole) / 1.349;
		if (!(scale[d] > 0))
			scale[d] = s.sd;
		if (!isfinite(scale[d]))
			ad_too_large("mahalanobis");
		if (s.sd > 0 && scale[d] > AD_MIN_SQUARABLE)
			column[d++] = c;
	}
	*z = ad_palloc_array(double, ad_mul_size(m->rows, Max(d, 1)));
	for (Size i = 0; i < m->rows; i++)
	{
		AD_CHECK_EVERY_1024(i);
		for (int j = 0; j < d; j++)
			(*z)[i * d + j] = (m->x[i * m->cols + column[j]] - center[j]) /
				scale[j];
	}
	pfree(v);
	return d;
}

/* The robust estimate of a matrix, palloc'd; see AdMcd. */
void
ad_mcd_run(const AdMatrix *m, AdMcd *out)
{
	int		   *column = ad_palloc_array(int, m->cols);
	double	   *center = ad_palloc_array(double, m->cols + 1);
	double	   *scale = ad_palloc_array(double, m->cols + 1);
	double	   *z;
	int			d = standardise(m, &z, column, center, scale);
	Mcd			mcd;
	Set			all;
	State		best;
	double		correction;
	double		limit;
	Size		n = 0;

	if (d > MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("detector \"%s\" takes at most %d columns, there are %d",
						"mahalanobis", MAX_COLUMNS, d),
				 errdetail("This limit is for \"robust\"."),
				 ad_errdata()));
	memset(out, 0, sizeof(*out));
	out->mean = ad_palloc0_array(double, m->cols);
	ad_column_means(m->x, m->rows, m->cols, out->mean);
	out->w = ad_palloc0_array(double, ad_mul_size(Max(d, 1), m->cols));
	out->support = out->reweighted = m->rows;
	out->singular = d < m->cols;
	if (d == 0)
		return;					/* all rows are the same */

	memset(&mcd, 0, sizeof(mcd));
	mcd.d = d;
	mcd.map = ad_map_create(d, d);
	mcd.factor = ad_palloc_array(double, ad_mul_size(d, d));
	mcd.d2 = ad_palloc_array(double, m->rows);
	mcd.scratch = ad_palloc_array(double, m->rows);
	mcd.chosen = ad_palloc_array(double, ad_mul_size(Max(m->rows, (Size) d + 1),
													 d));
	ad_random_seed(&mcd.random, m->seed, AD_STREAM_MAIN);
	all.z = z;
	all.n = m->rows;
	all.h = Min((m->rows + d + 2) / 2, m->rows);
	best = new_state(d);
	search(&mcd, &all, &best);
	out->support = all.h;

	whiten(&mcd, &best);
	out->singular |= mcd.singular;
	distances(&mcd, &all);
	memcpy(mcd.scratch, mcd.d2, m->rows * sizeof(double));
	correction = ad_quantile(mcd.scratch, m->rows, 0.5) /
		ad_chi2_quantile(d, 0.5);
	limit = ad_chi2_quantile(d, 0.975) * correction;
	for (Size i = 0; i < m->rows; i++)
		if (mcd.d2[i] < limit || mcd.d2[i] == 0)
		{
			memcpy(mcd.chosen + n * d, z + i * d, d * sizeof(double));
			n++;
		}
	out->reweighted = n;
	estimate(&mcd, n, &best);
	whiten(&mcd, &best);
	out->singular |= mcd.singular;

	/* back to the columns as they came */
	out->outputs = d;
	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++)
			out->w[(Size) i * m->cols + column[j]] =
				mcd.factor[(Size) i * d + j] / scale[j];
	for (int j = 0; j < d; j++)
		out->mean[column[j]] = center[j] + best.mean[j] * scale[j];
}
