/*-------------------------------------------------------------------------
 *
 * zscore.c
 *		Univariate statistics: how far a value lies from its column's centre,
 *		in units of the column's spread.
 *
 *	zscore	|x - mean| / standard deviation (n - 1)
 *	mad		0.6745 |x - median| / median absolute deviation: Iglewicz and
 *			Hoaglin, "How to Detect and Handle Outliers", 1993
 *	iqr		how many interquartile ranges beyond the nearer quartile, 0
 *			between them: Tukey 1977, whose fences are at 1.5
 *
 * The columns' figures are combined by their maximum or their mean.
 *
 * A column whose MAD or IQR is 0 though it varies is measured by its mean
 * absolute deviation from the median instead, in units that agree on normal
 * data (Iglewicz and Hoaglin), or, as an option, left out.  In a column that was
 * constant in the fit (or varied by rounding: math/spread.c), a different value
 * scores n / sqrt(n + 1): the z-score it would have had as one of the n + 1 rows.
 * No column contributes more than 1e300, which is what infinity scores.
 *
 * Payload: u8 method, u8 combine; per column u8 kind (column_kinds), f64
 * low, f64 high, f64 per unit.  The deviation is the distance from [low,
 * high] times (or, of a spread, divided by) the unit.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"

#include <float.h>

#define MAX_DEVIATION	1e300	/* that a column contributes */
#define NORMAL	0.6745			/* the MAD of a standard normal */
#define MEAN_TO_SD	1.253314	/* of a normal, from its mean deviation */
#define SD_TO_IQR	1.349		/* of a normal */

enum
{
	METHOD_ZSCORE, METHOD_MAD, METHOD_IQR, METHODS
};

enum
{
	COMBINE_MAX, COMBINE_MEAN, COMBINES
};

enum
{
	ZERO_SPREAD_SKIP, ZERO_SPREAD_MEAN
};

/* What a column does. */
enum
{
	COLUMN_UNUSED,				/* varies, but its spread is 0 */
	COLUMN_CONSTANT,			/* unit: what any other value scores */
	COLUMN_SPREAD,				/* unit: the spread */
	COLUMN_KINDS
};

typedef struct ZscoreOptions
{
	int			method;
	int			combine;
	int			zero_spread;
} ZscoreOptions;

typedef struct ZscoreColumn
{
	double		low;			/* no deviation from here ... */
	double		high;			/* ... to here */
	double		factor;			/* of the distance, before the unit */
	double		unit;			/* 1 in a constant column */
	double		max_deviation;	/* that it contributes */
	int			column;
} ZscoreColumn;

/* A row's deviation in a column. */
typedef struct Deviation
{
	double		d;
	int			column;
} Deviation;

typedef struct Zscore
{
	int			method;
	int			combine;
	int			cols;
	int			nused;
	int			nconstant;
	ZscoreColumn *columns;		/* those used */
	Deviation  *order;			/* scratch of explaining */
} Zscore;

/* The mean distance of n values from x. */
static double
mean_distance(const double *v, Size n, double x)
{
	double		mean = 0;

	for (Size i = 0; i < n; i++)
		mean += fabs(v[i] - x) / (double) n;
	return mean;
}

/*
 * Where a column's deviations begin and their unit, 0 where it is rounding;
 * the values, which vary, are changed.
 */
static void
column_unit(const ZscoreOptions *o, double *v, Size n, const AdSpread *s,
			double *low, double *high, double *unit)
{
	static const double quarters[2] = {0.25, 0.75};
	double		quartile[2];

	switch (o->method)
	{
		case METHOD_ZSCORE:
			*low = *high = s->mean;
			*unit = s->sd;
			break;
		case METHOD_MAD:
			*low = *high = ad_quantile(v, n, 0.5);
			for (Size i = 0; i < n; i++)
				v[i] = fabs(v[i] - *low);
			*unit = ad_quantile(v, n, 0.5);
			if (ad_width(*low - *unit, *low + *unit, s->whole) == 0)
				*unit = 0;
			if (*unit == 0 && o->zero_spread == ZERO_SPREAD_MEAN)
				*unit = NORMAL * MEAN_TO_SD * mean_distance(v, n, 0);
			break;
		default:
			ad_quantiles(v, n, quarters, 2, quartile);
			*low = quartile[0];
			*high = quartile[1];
			*unit = ad_width(*low, *high, s->whole);
			if (*unit == 0 && o->zero_spread == ZERO_SPREAD_MEAN)
				*unit = SD_TO_IQR * MEAN_TO_SD * mean_distance(v, n, *low);
			break;
	}
	/* a spread beyond the range of float8 */
	*unit = Min(*unit, DBL_MAX);
}

/* Fit: see the file head for what is written. */
static void
zscore_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const ZscoreOptions *o = options;
	double	   *v = ad_palloc_array(double, m->rows);
	AdSpread   *spread = ad_palloc_array(AdSpread, m->cols);

	ad_spread_columns(m->x, m->rows, m->cols, 1, spread);
	ad_wr_u8(payload, o->method);
	ad_wr_u8(payload, o->combine);
	for (int c = 0; c < m->cols; c++)
	{
		double		low,
					high;
		double		unit;
		const AdSpread *s = &spread[c];

		CHECK_FOR_INTERRUPTS();
		if (s->sd == 0)
		{
			/* values that differ by rounding alone are all the constant */
			ad_wr_u8(payload, COLUMN_CONSTANT);
			ad_wr_f64(payload, s->least);
			ad_wr_f64(payload, s->greatest);
			ad_wr_f64(payload, (double) m->rows / sqrt(m->rows + 1.0));
			continue;
		}
		for (Size i = 0; o->method != METHOD_ZSCORE && i < m->rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			v[i] = m->x[i * m->cols + c];
		}
		column_unit(o, v, m->rows, s, &low, &high, &unit);
		ad_wr_u8(payload, unit > 0 ? COLUMN_SPREAD : COLUMN_UNUSED);
		ad_wr_f64(payload, low);
		ad_wr_f64(payload, high);
		ad_wr_f64(payload, unit);
	}
	pfree(v);
	pfree(spread);
}

/* Check a payload and make a scorer of it. */
static void *
zscore_load(AdReader *r, int cols)
{
	Zscore	   *z = palloc0(sizeof(Zscore));

	z->cols = cols;
	z->method = ad_rd_u8(r);
	z->combine = ad_rd_u8(r);
	if (z->method >= METHODS || z->combine >= COMBINES)
		ad_rd_corrupt(r, "a z-score's parameter is out of range");
	z->columns = ad_palloc0_array(ZscoreColumn, cols);
	z->order = ad_palloc_array(Deviation, cols);
	for (int c = 0; c < cols; c++)
	{
		int			kind = ad_rd_u8(r);
		ZscoreColumn *zc = &z->columns[z->nused];
		double		unit;

		zc->low = ad_rd_finite(r);
		zc->high = ad_rd_finite(r);
		unit = ad_rd_finite(r);
		if (kind >= COLUMN_KINDS || !(zc->low <= zc->high) || !(unit >= 0) ||
			(kind != COLUMN_UNUSED && unit == 0))
			ad_rd_corrupt(r, "a column's centre or spread is out of range");
		if (kind == COLUMN_UNUSED)
			continue;
		zc->column = c;
		zc->factor = z->method == METHOD_MAD ? NORMAL : 1;
		zc->unit = unit;
		zc->max_deviation = MAX_DEVIATION;
		if (kind == COLUMN_CONSTANT)
		{
			/* whatever the distance, once there is one */
			zc->factor = MAX_DEVIATION;
			zc->unit = DBL_MIN;
			zc->max_deviation = Min(unit, MAX_DEVIATION);
			z->nconstant++;
		}
		z->nused++;
	}
	ad_rd_end(r);
	return z;
}

/* Return how far a row's value is out in a column. */
static inline double
column_deviation(const ZscoreColumn *zc, const double *x)
{
	double		v = x[zc->column];
	double		distance = Max(Max(zc->low - v, v - zc->high), 0.0);
	double		d = zc->factor * distance / zc->unit;

	return Min(d, zc->max_deviation);
}

/* The score of a row: 0 or more, at most 1e300. */
static double
zscore_score(void *scorer, const double *x)
{
	const Zscore *z = scorer;
	double		greatest = 0;
	double		sum = 0;

	for (int i = 0; i < z->nused; i++)
	{
		double		d = column_deviation(&z->columns[i], x);

		greatest = Max(greatest, d);
		sum += d;
	}
	if (z->combine == COMBINE_MAX || z->nused == 0)
		return greatest;
	return sum / z->nused;
}

/* Ascending by deviation. */
static int
compare_deviations(const void *a, const void *b)
{
	double		x = ((const Deviation *) a)->d;
	double		y = ((const Deviation *) b)->d;

	return x < y ? -1 : x > y;
}

/*
 * The columns' deviations, which add up to the score if it is their mean.  A
 * greatest one is shared out by its Shapley values (the airport game,
 * Littlechild and Owen 1973): the columns that are out by more than a
 * distance share each part of it equally.
 */
static double
zscore_explain(void *scorer, const double *x,
			   bool path pg_attribute_unused(), double *contribution)
{
	const Zscore *z = scorer;
	Deviation  *order = z->order;
	double		share = 0;

	memset(contribution, 0, z->cols * sizeof(double));
	for (int i = 0; i < z->nused; i++)
	{
		order[i].d = column_deviation(&z->columns[i], x);
		order[i].column = z->columns[i].column;
		contribution[order[i].column] = order[i].d / z->nused;
	}
	if (z->combine == COMBINE_MEAN)
		return 0;
	qsort(order, z->nused, sizeof(Deviation), compare_deviations);
	for (int i = 0; i < z->nused; i++)
	{
		share += (order[i].d - (i > 0 ? order[i - 1].d : 0)) / (z->nused - i);
		contribution[order[i].column] = share;
	}
	return 0;
}

/* Append what ad_info() says beyond the spec. */
static void
zscore_describe(const void *scorer, StringInfo json)
{
	const Zscore *z = scorer;

	appendStringInfo(json, "\"columns_used\": %d, \"columns_constant\": %d",
					 z->nused, z->nconstant);
}

static const char *const methods[] = {"zscore", "mad", "iqr", NULL};
static const char *const combines[] = {"max", "mean", NULL};
static const char *const zero_spreads[] = {"skip", "mean", NULL};

static const AdOption zscore_options[] = {
	AD_ENUM(ZscoreOptions, method, METHOD_ZSCORE, methods),
	AD_ENUM(ZscoreOptions, combine, COMBINE_MAX, combines),
	AD_ENUM(ZscoreOptions, zero_spread, ZERO_SPREAD_MEAN, zero_spreads),
};

/* Every column has its own unit. */
static AdScale
zscore_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_NONE;
}

const AdDetector ad_detector_zscore = {
	.id = AD_DET_ZSCORE,
	.name = "zscore",
	.time = 0.1,
	.options = zscore_options,
	.noptions = lengthof(zscore_options),
	.options_size = sizeof(ZscoreOptions),
	.rows = ad_detector_enough_rows,
	.contains_rows = false,
	.scale = zscore_scale,
	.fit = zscore_fit,
	.load = zscore_load,
	.score = zscore_score,
	.explain = zscore_explain,
	.describe = zscore_describe,
};
