/*-------------------------------------------------------------------------
 *
 * drift_noise.c
 *		What chance makes of a comparison of few rows.
 *
 * If nothing has changed, which rows are the reference and which are the
 * current ones is a matter of chance: any split of all rows into two sets of
 * these sizes was as likely.  So rows are split anew, many times, the
 * measure is taken of each split as of the real one, with bins of its
 * reference, and what it exceeds once in 1,000 is noise.  That is a
 * permutation test (Fisher 1935), valid at any size and whatever the
 * distribution; that the most frequent values of a sample look more frequent
 * than they are is in it.
 *
 * Where the bins are quantiles of the reference, splits need no rows of it:
 * n numbers that are drawn at random have n + 1 gaps between them, and the
 * next falls into any of them alike, and makes two of it.  That is Pólya's
 * urn, a ball a row.  A bin without a row of the reference has one ball.
 *
 * Splits are the same in every call: their seed is a hash of the counts.  99
 * or 999 of them are enough where the answer is clear.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "math/ad_math.h"
#include "operate/ad_drift_compare.h"

#include "miscadmin.h"

#define MANY_ROWS		5000	/* of both sides: chi-square is good enough */
#define REFERENCE_ROWS	65536	/* more say nothing new against MANY_ROWS */
#define FEW_EXPECTED	20		/* rows of a bin, of the smaller side */
#define MIN_SPLITS		999
#define MAX_SPLITS		3999
#define CLEAR			10		/* splits that exceed a measure: it is noise */
#define CLEARLY_MORE	1.5		/* times what MIN_SPLITS reached */
#define FAR_MORE		4		/* times what the first splits reached */
#define WORK			2500000 /* rows drawn and values looked at */
#define ROUNDING		1e-9	/* of sums in another order */

/* One measure of the real split, and of the random ones. */
typedef struct Measure
{
	double		real;			/* NaN: not asked for */
	double		rough;			/* noise as far as is known without splits;
								 * infinite: not at all */
	double	   *split;			/* of the first n splits */
	int			n;
	int			exceeding;		/* of these, at least the real one */
	double		greatest;
} Measure;

/* ln(max(count / n, min_share)), computed when first asked for. */
typedef struct Logs
{
	double	   *value;			/* by count */
	double		n;
	double		min_share;
} Logs;

static void
init_logs(Logs *l, uint32 n, double min_share)
{
	l->n = n;
	l->min_share = min_share;
	l->value = ad_palloc_array(double, (Size) n + 1);
	for (Size i = 0; i <= n; i++)
		l->value[i] = NAN;
}

/* What a bin with r of the reference's and c of the current rows adds. */
static inline double
term(Logs *reference, uint32 r, Logs *current, uint32 c)
{
	double		p = Max(r / reference->n, reference->min_share);
	double		q = Max(c / current->n, current->min_share);

	if (isnan(reference->value[r]))
		reference->value[r] = ad_log(p);
	if (isnan(current->value[c]))
		current->value[c] = ad_log(q);
	return (q - p) * (current->value[c] - reference->value[r]);
}

static void
init_measure(Measure *s, double real, double rough)
{
	memset(s, 0, sizeof(*s));
	s->real = real;
	s->rough = rough;
	s->split = ad_palloc_array(double, MAX_SPLITS);
}

static void
add_split(Measure *s, double value)
{
	s->split[s->n++] = value;
	s->exceeding += (value >= s->real * (1 - ROUNDING));
	s->greatest = Max(s->greatest, value);
}

/*
 * Whether more splits would not change the answer.  What happens once in 200
 * may be missing in the first, so the rough noise has a say.
 */
static bool
is_clear(const Measure *s)
{
	if (isnan(s->real) || s->exceeding >= CLEAR)
		return true;
	return s->exceeding == 0 &&
		(s->n >= MIN_SPLITS ? s->real > CLEARLY_MORE * s->greatest :
		 s->real > FAR_MORE * Max(s->greatest, s->rough));
}

/* How many splits to make at most, each of so much work. */
static int
max_splits(double work)
{
	return (int) Max(MIN_SPLITS, Min(MAX_SPLITS, WORK / Max(work, 1)));
}

/* Whether that is a number of splits after which to look at the answer. */
static inline bool
is_stage(int n)
{
	return n == 99 || n == MIN_SPLITS;
}

/*
 * What splits exceed less often than once in 1,000; or if it is clear that
 * the real split is among them, what they reached.
 */
static double
noise_of(Measure *s)
{
	int			above = Max(1, (s->n + 1) / 2000);

	if (s->exceeding >= CLEAR)
		return s->greatest * (1 + ROUNDING);
	ad_sort_doubles(s->split, (Size) s->n);
	return s->split[s->n - above] * (1 + ROUNDING);
}

/* Uniform in 0 .. n - 1, to 1 in 2^32: n is a number of rows. */
static inline uint32
below(AdRandom *r, uint32 n)
{
	return (uint32) (((ad_random_next(r) >> 32) * n) >> 32);
}

/*
 * Whether the chi-square distribution may be wrong about bins: a PSI is
 * above what it calls noise, and a bin can expect few rows.
 */
bool
ad_drift_is_rare(const AdDriftRow *row, const AdDriftBins *b, double n,
				 double m)
{
	double		smaller = Min(n, m);

	if (!(row->psi > row->psi_noise) || !(smaller >= 1) || smaller > MANY_ROWS)
		return false;
	for (int i = 0; i < b->n; i++)
		if ((b->p[i] * n + b->q[i] * m) / (n + m) * smaller < FEW_EXPECTED)
			return true;
	return false;
}

/*
 * Whether both sides have so many rows that no bin is a matter of luck; or
 * none, as forged models may say.
 */
bool
ad_drift_is_many(double n, double m)
{
	return !(Min(n, m) >= 1) || Min(n, m) > MANY_ROWS;
}

/* The urn: which bin each ball of n is of, and their number in all. */
static uint32 *
fill_urn(const AdDriftBins *b, double n, uint32 *balls)
{
	uint32	   *urn = ad_palloc_array(uint32, (Size) n + 2 * (Size) b->n);

	*balls = 0;
	for (int i = 0; i < b->n; i++)
	{
		uint32		of_bin = (uint32) Max(rint(Min(b->p[i], 1) * n), 1);

		for (uint32 k = 0; k < of_bin && *balls < n + b->n; k++)
			urn[(*balls)++] = (uint32) i;
	}
	return urn;
}

/*
 * Raise the noise of a row to what chance makes of the PSI of m current rows
 * in bins that are quantiles of n rows.
 */
void
ad_drift_urn(AdDriftRow *row, const AdDriftBins *b, double n, double m,
			 const AdDriftOptions *o)
{
	uint32		rows = (uint32) Min(m, MANY_ROWS);
	uint32		balls;
	uint32	   *urn = fill_urn(b, Min(n, REFERENCE_ROWS), &balls);
	uint32	   *drawn = ad_palloc_array(uint32, rows);
	uint32	   *count = ad_palloc_array(uint32, b->n);
	double	   *log_p = ad_palloc_array(double, b->n);
	int			splits = max_splits((double) rows + b->n);
	Logs		current;
	Measure		psi;
	AdRandom	random;

	init_logs(&current, rows, o->min_share);
	init_measure(&psi, row->psi, row->psi_noise);
	for (int i = 0; i < b->n; i++)
		log_p[i] = ad_log(Max(b->p[i], o->min_share));
	ad_random_seed(&random, ad_hash64(urn, balls * sizeof(uint32), rows),
				   AD_STREAM_DRIFT);
	while (psi.n < splits && !(is_stage(psi.n) && is_clear(&psi)))
	{
		double		sum = 0;

		CHECK_FOR_INTERRUPTS();
		memset(count, 0, b->n * sizeof(uint32));
		for (uint32 k = 0; k < rows; k++)
		{
			/* the one drawn is put back with another of its bin */
			uint32		at = below(&random, balls + k);

			drawn[k] = at < balls ? urn[at] : drawn[at - balls];
			count[drawn[k]]++;
		}
		for (int i = 0; i < b->n; i++)
		{
			double		p = Max(b->p[i], o->min_share);
			double		q = Max(count[i] / current.n, o->min_share);

			if (isnan(current.value[count[i]]))
				current.value[count[i]] = ad_log(q);
			sum += (q - p) * (current.value[count[i]] - log_p[i]);
		}
		add_split(&psi, sum);
	}
	row->psi_noise = Max(row->psi_noise, noise_of(&psi));
}

/* All rows of both sides, as the value that each has. */
typedef struct Pool
{
	int			nvalues;
	uint32	   *total;			/* rows with each value */
	uint32	   *drawn;			/* of these, in the smaller side of a split */
	uint32	   *rows;			/* the value of each row */
	uint32		n;				/* rows of the reference */
	uint32		m;				/* current rows */
	AdRandom	random;
} Pool;

/* A count of a side that is reduced to fewer rows; none disappears. */
static uint32
reduce(double count, double factor)
{
	return count > 0 ? (uint32) Max(rint(count * factor), 1) : 0;
}

/* The rows of n values, of which each side has r and c. */
static void
init_pool(Pool *p, const AdDriftValues *v)
{
	double		r = 0;
	double		c = 0;
	double		reduce_r;
	double		reduce_c;
	uint32		at = 0;

	memset(p, 0, sizeof(*p));
	for (int i = 0; i < v->n; i++)
	{
		r += v->reference[i];
		c += v->current[i];
	}
	reduce_r = Min(v->reference_rows, REFERENCE_ROWS) / r;
	reduce_c = Min(v->current_rows, REFERENCE_ROWS) / c;
	p->nvalues = v->n;
	p->total = ad_palloc_array(uint32, v->n);
	p->drawn = ad_palloc0_array(uint32, v->n);
	for (int i = 0; i < v->n; i++)
	{
		uint32		ni = reduce(v->reference[i], reduce_r);
		uint32		mi = reduce(v->current[i], reduce_c);

		p->n += ni;
		p->m += mi;
		p->total[i] = ni + mi;
	}
	p->rows = ad_palloc_array(uint32, (Size) p->n + p->m);
	for (int i = 0; i < v->n; i++)
		for (uint32 k = 0; k < p->total[i]; k++)
			p->rows[at++] = (uint32) i;
	ad_random_seed(&p->random, ad_hash64(p->total, v->n * sizeof(uint32), p->m),
				   AD_STREAM_DRIFT);
}

/* Split the rows at random. */
static void
split_pool(Pool *p)
{
	uint32		all = p->n + p->m;
	uint32		smaller = Min(p->n, p->m);

	memset(p->drawn, 0, p->nvalues * sizeof(uint32));
	for (uint32 k = 0; k < smaller; k++)
	{
		uint32		at = k + below(&p->random, all - k);
		uint32		value = p->rows[at];

		p->rows[at] = p->rows[k];
		p->rows[k] = value;
		p->drawn[value]++;
	}
}

/* Rows of the reference, and current ones, that have a value. */
static inline uint32
reference_rows(const Pool *p, int i)
{
	return p->n <= p->m ? p->drawn[i] : p->total[i] - p->drawn[i];
}

static inline uint32
current_rows(const Pool *p, int i)
{
	return p->total[i] - reference_rows(p, i);
}

/*
 * Shuffle all values but the last, so that which of two equally frequent
 * ones comes first does not depend on the real split.
 */
static void
shuffle(AdDriftValues *v)
{
	AdRandom	random;

	ad_random_seed(&random, (uint64) v->n, AD_STREAM_DRIFT);
	for (int i = v->n - 2; i > 0; i--)
	{
		int			k = (int) ad_random_below(&random, (uint64) i + 1);
		double		reference = v->reference[i];
		double		current = v->current[i];

		v->reference[i] = v->reference[k];
		v->current[i] = v->current[k];
		v->reference[k] = reference;
		v->current[k] = current;
	}
}

/*
 * The values that a reference has most rows of, at most "most" of them, into
 * top; returns how many.  The last value is that of all others.
 */
static int
most_frequent(const Pool *p, int most, int *top)
{
	int			n = 0;
	int			least = 0;

	for (int i = 0; i < p->nvalues - 1; i++)
	{
		uint32		rows = reference_rows(p, i);

		if (rows == 0)
			continue;
		if (n < most)
			top[n++] = i;
		else if (rows > reference_rows(p, top[least]))
			top[least] = i;
		else
			continue;
		if (n == most)
		{
			least = 0;
			for (int k = 1; k < n; k++)
				if (reference_rows(p, top[k]) < reference_rows(p, top[least]))
					least = k;
		}
	}
	return n;
}

/*
 * Raise the noise of a row's PSI, of its share of new categories, or of both
 * to what chance makes of them.  The last value stands for all that are not known.
 */
void
ad_drift_split_categories(AdDriftRow *row, AdDriftValues *v, bool ask_psi,
						  bool ask_new, const AdDriftOptions *o)
{
	Pool		p;
	Logs		r;
	Logs		c;
	Measure		psi;
	Measure		added;
	int		   *top;
	int			splits;

	shuffle(v);
	init_pool(&p, v);
	splits = max_splits((double) Min(p.n, p.m) + p.nvalues);
	top = ad_palloc_array(int, Min(o->categories, p.nvalues));
	init_logs(&r, p.n, o->min_share);
	init_logs(&c, p.m, o->min_share);
	init_measure(&psi, ask_psi ? row->psi : NAN, row->psi_noise);
	init_measure(&added, ask_new ? row->new_share : NAN, INFINITY);
	while (psi.n < splits &&
		   !(is_stage(psi.n) && is_clear(&psi) && is_clear(&added)))
	{
		uint32		n = p.n;
		uint32		m = p.m;
		uint32		unseen = 0;
		double		sum = 0;
		int			bins;

		CHECK_FOR_INTERRUPTS();
		split_pool(&p);
		bins = most_frequent(&p, Min(o->categories, p.nvalues), top);
		for (int k = 0; k < bins; k++)
		{
			uint32		ri = reference_rows(&p, top[k]);
			uint32		ci = current_rows(&p, top[k]);

			sum += term(&r, ri, &c, ci);
			n -= ri;
			m -= ci;
		}
		if (n > 0 || m > 0)
			sum += term(&r, n, &c, m);
		for (int i = 0; i < p.nvalues - 1 && ask_new; i++)
			if (reference_rows(&p, i) == 0)
				unseen += current_rows(&p, i);
		add_split(&psi, sum);
		add_split(&added, unseen / c.n);
	}
	if (ask_psi)
		row->psi_noise = Max(row->psi_noise, noise_of(&psi));
	if (ask_new)
		row->new_noise = Max(row->new_noise, noise_of(&added));
}

/* The PSI of a split of numbers, in bins of its reference. */
static double
psi_of_numbers(const Pool *p, const double *value, double *x, double *edges,
			   Logs *r, Logs *c, int bins)
{
	Size		n = 0;
	int			distinct = 0;
	int			nedges;
	int			i = 0;
	double		sum = 0;

	for (int k = 0; k < p->nvalues; k++)
		distinct += (reference_rows(p, k) > 0);
	/* edges of few numbers do not depend on how often they are there */
	for (int k = 0; k < p->nvalues; k++)
		for (uint32 times = distinct <= bins ? Min(reference_rows(p, k), 1) :
			 reference_rows(p, k); times > 0; times--)
			x[n++] = value[k];
	nedges = ad_drift_edges(x, n, bins, edges);
	for (int e = 0; e <= nedges; e++)
	{
		uint32		ri = 0;
		uint32		ci = 0;

		while (i < p->nvalues && (e == nedges || value[i] <= edges[e]))
		{
			ri += reference_rows(p, i);
			ci += current_rows(p, i++);
		}
		if (ri > 0 || ci > 0)
			sum += term(r, ri, c, ci);
	}
	return sum;
}

/*
 * Raise the noise of a row's PSI to what chance makes of it, in bins of the
 * distinct numbers of a reference.
 */
void
ad_drift_split_numbers(AdDriftRow *row, const double *value,
					   const AdDriftValues *v, const AdDriftOptions *o)
{
	Pool		p;
	Logs		r;
	Logs		c;
	Measure		psi;
	int			splits;
	double	   *x;
	double	   *edges = ad_palloc_array(double, 2 * o->bins);

	init_pool(&p, v);
	splits = max_splits((double) p.n + Min(p.n, p.m) + p.nvalues);
	x = ad_palloc_array(double, p.n);
	init_logs(&r, p.n, o->min_share);
	init_logs(&c, p.m, o->min_share);
	init_measure(&psi, row->psi, row->psi_noise);
	while (psi.n < splits && !(is_stage(psi.n) && is_clear(&psi)))
	{
		CHECK_FOR_INTERRUPTS();
		split_pool(&p);
		add_split(&psi, psi_of_numbers(&p, value, x, edges, &r, &c, o->bins));
	}
	row->psi_noise = Max(row->psi_noise, noise_of(&psi));
}
