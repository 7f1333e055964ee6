/*-------------------------------------------------------------------------
 *
 * leave_out.c
 *		What the rest of a series says of its suspects.
 *
 * A point judged by a fit that it took part in hides itself, and what it
 * leaves in the fit of its neighbours accuses them.  So points that are far
 * off are taken out as if they were missing, and the fit is made anew: the
 * greatest first, with those not much less, because what it leaves behind
 * in its neighbours is less than that; then what is still far off, for a
 * few rounds.  Only the surroundings of suspects are fitted anew, so a
 * series without them costs nothing more.
 *
 * The fit that judges is never the robust one.  Robust weights with a short
 * season fit the noise: what falls outside of them gets farther out with
 * each pass, and a window without any weight keeps the very value in
 * question.  Its remainders are the caller's, as R has them; the verdict is
 * that of the plain fit, whose only robustness is what is left out here.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_smoother.h"
#include "series/ad_verdict.h"

#include <float.h>

#define ROUNDS			6		/* of leaving out */
#define SUSPECT			0.9		/* of the bound: so far off is suspect */
#define WILD			5.0		/* deviations: so far off may make the bound */
#define LOWERED			0.7		/* of the bound before */
#define LEAK			0.6		/* of a point, in its neighbours, at most */
#define REACH			12		/* cycles that a point may reach */
#define TREND_REACH		2		/* windows of a trend without season */
#define FEW				6400	/* one suspect in so many points is few */
#define UNPARTED		5e-4	/* of several seasons, in the remainder */
#define MOST_SUSPECTS	20		/* at most one in so many points is suspect */
#define MILD			8.0		/* deviations: what leaks of it makes no bound */
#define LEAST_KEPT		0.2		/* share of a spike in its remainder */

/* Taking out suspects. */
typedef struct LeavingOut
{
	AdVerdict  *v;
	AdStlOptions plain;			/* of the fit that judges */
	const AdStlResult *result;	/* the decomposition as asked for */
	double	   *y;				/* the points, NaN where suspect */
	bool	   *fresh;			/* suspects of this round */
	Size		longest;		/* of the periods; 0: none */
	Size		reach;			/* points to each side; n: all */
	double		last_bound;		/* before the last round */
} LeavingOut;

/* Keep what is expected and what is off apart from the decomposition. */
static void
own_arrays(const LeavingOut *l, const double *remainder)
{
	AdVerdict  *v = l->v;

	if (v->expected)
		return;
	v->expected = ad_palloc_array(double, v->n);
	v->off = v->own = ad_palloc_array(double, v->n);
	for (Size i = 0; i < v->n; i++)
	{
		v->expected[i] = l->result->trend[i] + l->result->season[i];
		v->own[i] = remainder[i];
	}
	CHECK_FOR_INTERRUPTS();
}

/* Fit points [from, to) without the suspects; set what is expected there. */
static void
fit_piece(const LeavingOut *l, Size from, Size to, Size first, Size last)
{
	AdVerdict  *v = l->v;
	AdStlResult part = {0};
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly leave out",
											   ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);

	ad_stl_decompose(l->y + from, to - from, &l->plain, l->result->periods,
					 l->result->nseasons, l->v->lent, &part);
	if (!part.empty)
		for (Size i = first; i < last; i++)
		{
			v->expected[i] = part.trend[i - from] + part.season[i - from];
			v->own[i] = v->y[i] - v->expected[i];
		}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}

/* Fit the surroundings of this round's suspects, or all if they are most. */
static void
fit_surroundings(const LeavingOut *l)
{
	Size		n = l->v->n;
	Size		reach = l->reach;
	Size		covered = 0;
	Size		end = 0;

	if (2 * reach < n)
		for (Size i = 0; i < n; i++)
			if (l->fresh[i])
			{
				Size		from = Max(end, i > reach ? i - reach : 0);

				end = Min(i + reach + 1, n);
				covered += end - from;
			}
	if (2 * reach >= n || covered > n / 2)
	{
		fit_piece(l, 0, n, 0, n);
		return;
	}
	for (Size i = 0; i < n;)
	{
		Size		from;
		Size		to;
		Size		last;

		if (!l->fresh[i])
		{
			i++;
			continue;
		}
		/* suspects near each other share a piece */
		last = i;
		for (Size j = i + 1; j < n && j <= last + reach; j++)
			if (l->fresh[j])
				last = j;
		from = i > reach ? i - reach : 0;
		to = Min(last + reach + 1, n);
		/* the ends of a piece are not those of the series */
		fit_piece(l, from, to, from == 0 ? 0 : i - reach / 2,
				  to == n ? n : last + reach / 2 + 1);
		i = last + 1;
	}
}

/*
 * Tell whether every suspect is alone for two cycles and not far beyond the
 * bound.  A fit without them would tell the same: both its deviations and
 * what may be flagged of them grow by the same factor.
 */
static bool
all_mild(const LeavingOut *l)
{
	const AdVerdict *v = l->v;
	double		far = SUSPECT * v->bound;
	Size		apart = 2 * l->longest;
	Size		last = 0;
	bool		any = false;

	if (v->farthest > MILD * v->scale)
		return false;
	CHECK_FOR_INTERRUPTS();
	for (Size i = 0; i < v->n; i++)
	{
		if (!(fabs(v->off[i] - v->center) > far))
			continue;
		if (any && i - last <= apart)
			return false;
		any = true;
		last = i;
	}
	return true;
}

/*
 * Mark what is suspect beside those that are; return how many there are.
 * Never is more than a twentieth of the points.  The greatest one is suspect
 * at once if its neighbours' share of it may be what makes the bound: in the
 * first round, and as long as the rounds lower the bound much.
 */
static Size
mark_suspects(LeavingOut *l)
{
	AdVerdict  *v = l->v;
	double		far = SUSPECT * v->bound;
	double		largest = 0;
	Size		fresh = 0;

	if (v->nsuspects == 0 && v->farthest <= Min(far, WILD * v->scale))
		return 0;
	CHECK_FOR_INTERRUPTS();
	for (Size i = 0; i < v->n; i++)
	{
		double		d = fabs(v->off[i] - v->center);

		if (d > largest && d <= DBL_MAX && (v->suspect == NULL || !v->suspect[i]))
			largest = d;
	}
	if (largest <= far && largest > WILD * v->scale &&
		v->bound < LOWERED * l->last_bound)
		far = Max(largest * (1 - 1e-9), v->floor);
	l->last_bound = v->bound;
	if (largest <= far)
		return 0;
	if (v->suspect == NULL)
	{
		v->suspect = ad_palloc0_array(bool, v->n);
		l->fresh = ad_palloc_array(bool, v->n);
		l->y = ad_palloc_array(double, v->n);
		memcpy(l->y, v->y, v->n * sizeof(double));
	}
	memset(l->fresh, 0, v->n * sizeof(bool));
	far = Max(far, LEAK * largest);
	for (Size i = 0; i < v->n; i++)
	{
		double		d = fabs(v->off[i] - v->center);

		if (d > far && d <= DBL_MAX && !v->suspect[i] &&
			v->nsuspects < Max(v->n / MOST_SUSPECTS, 1))
		{
			v->suspect[i] = l->fresh[i] = true;
			l->y[i] = NAN;
			v->nsuspects++;
			fresh++;
		}
	}
	return fresh;
}

/* Set how much of a lone spike the fit leaves in its remainder. */
static void
measure_kept(const LeavingOut *l)
{
	Size		n = Min(l->v->n, 2 * l->reach + 1);
	AdStlResult part = {0};
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly leave out",
											   ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	double	   *y = ad_palloc0_array(double, n);

	y[n / 2] = 1;
	ad_stl_decompose(y, n, &l->plain, l->result->periods, l->result->nseasons,
					 l->v->lent, &part);
	l->v->kept = Max(1 - part.trend[n / 2] - part.season[n / 2], LEAST_KEPT);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}

/* Return how far a point of the series may reach in the fit. */
static Size
reach_of(const AdStlOptions *o, const AdStlResult *result, Size longest)
{
	Size		n = result->n;
	Size		reach;

	reach = longest > 0 ? REACH * longest : TREND_REACH * (Size) Max(o->trend_window, 1001);
	for (int s = 0; s < o->nwindows && longest > 0; s++)
	{
		if (o->windows[s] == 0)
			return n;
		reach = Max(reach, ad_mul_size(o->windows[s], longest));
	}
	return Min(reach, n);
}

/* Return what rounding alone leaves in the deviations from trend + season. */
static double
rounding_floor(const double *trend, const double *season, Size n)
{
	double		largest[4] = {0, 0, 0, 0};

	for (Size i = 0; i + 4 <= n; i += 4)
		for (int j = 0; j < 4; j++)
			largest[j] = Max(largest[j], fabs(trend[i + j]) + fabs(season[i + j]));
	for (Size i = n - n % 4; i < n; i++)
		largest[0] = Max(largest[0], fabs(trend[i]) + fabs(season[i]));
	largest[0] = Max(Max(largest[0], largest[1]), Max(largest[2], largest[3]));
	return Max(1e3 * DBL_EPSILON * largest[0], DBL_MIN);
}

/*
 * Set what is expected of each point, suspects without themselves, and the
 * bound of what that may be off.  "result" is the decomposition of y.
 */
void
ad_verdict_leave_out(AdVerdict *v, const AdStlOptions *o,
					 const AdStlResult *result, const double *remainder)
{
	LeavingOut	l = {0};

	l.v = v;
	l.plain = *o;
	l.result = result;
	l.plain.robust = false;
	l.plain.outer_iterations = 0;
	for (int i = 0; i < result->nseasons; i++)
		l.longest = Max(l.longest, result->periods[i]);
	l.reach = reach_of(o, result, l.longest);
	if (result->nseasons == 0 && l.plain.trend_window == 0)
		l.plain.trend_window = ad_stl_trend_window(v->n);
	v->floor = rounding_floor(result->trend, result->season, v->n);
	/* the rounds over several seasons end before these are parted */
	if (result->nseasons > 1)
		for (Size i = 0; i < v->n; i++)
			v->floor = Max(v->floor, UNPARTED * fabs(result->season[i]));
	l.last_bound = INFINITY;
	v->kept = 1;
	v->off = remainder;
	if (ad_stl_outer(o) > 0)
	{
		if (result->plain)
		{
			v->expected = result->plain;
			v->off = v->own = ad_palloc_array(double, v->n);
			for (Size i = 0; i < v->n; i++)
				v->own[i] = v->y[i] - v->expected[i];
		}
		else
		{
			own_arrays(&l, remainder);
			l.y = unconstify(double *, v->y);
			fit_piece(&l, 0, v->n, 0, v->n);
		}
	}

	ad_verdict_bound(v);
	if (all_mild(&l))
		return;
	for (int round = 0; round < ROUNDS; round++)
	{
		Size		fresh = mark_suspects(&l);

		if (fresh == 0)
			break;
		if (round == 0)
		{
			own_arrays(&l, remainder);
			measure_kept(&l);
		}
		fit_surroundings(&l);
		/* a few in a long series of noise leave its tail as it is */
		if (fresh * FEW > v->n || !(v->scale > FEW * v->floor))
			ad_verdict_bound(v);
	}
}
