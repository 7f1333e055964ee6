/*-------------------------------------------------------------------------
 *
 * ecdf.h
 *		Empirical distribution functions of columns, for ECOD and COPOD.
 *
 * Payload of both (little-endian):
 *	u8 variant, plus 2 if rotated, u32 rows; if rotated, a map (math/map_bytes.c)
 *	from the columns to axes; per column, and then per axis,
 *	u8 skew (0: none, 1: to the left, 2: to the right), u32 distinct values k,
 *	the values as f64 in ascending order, and unless k = rows, k counts of
 *	the rows that have the value as u32.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ECDF_H
#define AD_ECDF_H

#include "math/ad_linalg.h"
#include "math/ad_math.h"
#include "model/ad_detector.h"

typedef enum AdEcdfVariant
{
	AD_ECDF_DIMENSIONWISE,		/* sum of the columns' greatest tails */
	AD_ECDF_PAPER,				/* greatest of the tails' sums */
	AD_ECDF_VARIANTS
} AdEcdfVariant;

typedef struct AdEcdfOptions
{
	int			variant;		/* AdEcdfVariant */
	bool		rotate;			/* principal axes are columns, too */
} AdEcdfOptions;

/* Of the first i values of a column, and of all but those: -ln(share). */
typedef struct AdEcdfTails
{
	double		left;
	double		right;
} AdEcdfTails;

typedef struct AdEcdfColumn
{
	AdRanks		ranks;			/* of the distinct values */
	const AdEcdfTails *tails;	/* of 0 .. all of its values */
	double		use_left;		/* 1 or 0: the tail that the skew chooses */
	double		use_right;		/* both: no skew */
} AdEcdfColumn;

/* Means over the rows of the fit. */
typedef struct AdEcdfMeans
{
	double		left;
	double		right;
	double		greater;		/* of both tails */
} AdEcdfMeans;

typedef struct AdEcdf
{
	int			variant;
	int			cols;
	int			all;			/* columns and axes */
	uint32		rows;
	Size		values;			/* distinct, of all columns */
	AdEcdfColumn *columns;		/* and axes */
	AdEcdfMeans *means;			/* per column and axis */
	AdMap	   *axes;			/* NULL: none */
	double	   *x;				/* scratch: a row, and where it is on axes */
	double	   *parts;			/* scratch of explaining, likewise */
} AdEcdf;

#define AD_ECDF_NOPTIONS	2	/* the last is ecod's alone */
#define AD_ECDF_BLOCK		16	/* columns that are looked up together */

extern const AdOption ad_ecdf_options[AD_ECDF_NOPTIONS];

extern void ad_ecdf_fit(const AdMatrix *m, const void *options,
						StringInfo payload);
extern void *ad_ecdf_load(AdReader *r, int cols);
extern AdScale ad_ecdf_scale(const void *options);
extern const double *ad_ecdf_rotate(const AdEcdf *e, const double *x);
extern void ad_ecdf_share(const AdEcdf *e, const double *x,
						  double *contribution);
extern double ad_ecdf_paper(const AdEcdf *e, const double *x);
extern double ad_ecdf_explain_paper(const AdEcdf *e, const double *x,
									double *contribution);
extern void ad_ecdf_describe(const void *scorer, StringInfo json);

/*
 * The tails of n columns at x, one value each, none of them NaN: -ln of the
 * share of rows not above it, and not below it; n is at most AD_ECDF_BLOCK.
 *
 * The tables are larger than the nearer caches, so the columns are taken
 * together, one level of tables after the other: their misses then overlap.
 */
static inline void
ad_ecdf_tails(const AdEcdfColumn *columns, const double *x, int n,
			  AdEcdfTails *tails)
{
	uint32		at[AD_ECDF_BLOCK];

	for (int c = 0; c < n; c++)
	{
		const AdRanks *r = &columns[c].ranks;

		at[c] = r->bucket[ad_ranks_bucket(r, x[c])];
		ad_prefetch(r->values + at[c]);
	}
	for (int c = 0; c < n; c++)
	{
		at[c] = ad_rank_from(&columns[c].ranks, at[c], x[c]);
		ad_prefetch(columns[c].tails + at[c]);
	}
	for (int c = 0; c < n; c++)
	{
		const AdRanks *r = &columns[c].ranks;

		/* what follows the last value is infinity, which may be equal to x */
		bool		equal = (r->values[at[c]] == x[c]) & (at[c] < r->n);

		tails[c].left = columns[c].tails[at[c] + equal].left;
		tails[c].right = columns[c].tails[at[c]].right;
	}
}

/* A row as columns, and axes if there are some. */
static inline const double *
ad_ecdf_row(const AdEcdf *e, const double *x)
{
	return unlikely(e->axes != NULL) ? ad_ecdf_rotate(e, x) : x;
}

/* What a column adds to the score of a row with these tails in it. */
typedef double (*AdEcdfTerm) (const AdEcdfColumn *ec, const AdEcdfTails *t);

/* The mean of that over the rows of the fit. */
typedef double (*AdEcdfTermMean) (const AdEcdfColumn *ec,
								  const AdEcdfMeans *m);

/*
 * The sum of the columns' terms at x.  Inlined, so that the term is: this is
 * done for every row scored.
 */
static pg_attribute_always_inline double
ad_ecdf_sum(const AdEcdf *e, const double *x, AdEcdfTerm term)
{
	AdEcdfTails tails[AD_ECDF_BLOCK];
	double		sum = 0;

	x = ad_ecdf_row(e, x);
	for (int first = 0; first < e->all; first += AD_ECDF_BLOCK)
	{
		const AdEcdfColumn *columns = e->columns + first;
		int			n = Min(e->all - first, AD_ECDF_BLOCK);

		ad_ecdf_tails(columns, x + first, n, tails);
		for (int c = 0; c < n; c++)
			sum += term(&columns[c], &tails[c]);
	}
	return sum;
}

/*
 * Fill in what each column adds to that sum, less what it adds on average;
 * returns the sum of the averages.
 */
static inline double
ad_ecdf_explain(const AdEcdf *e, const double *x, AdEcdfTerm term,
				AdEcdfTermMean term_mean, double *contribution)
{
	double		baseline = 0;
	const double *v = ad_ecdf_row(e, x);

	for (int c = 0; c < e->all; c++)
	{
		double		mean = term_mean(&e->columns[c], &e->means[c]);
		AdEcdfTails t;

		ad_ecdf_tails(&e->columns[c], v + c, 1, &t);
		e->parts[c] = term(&e->columns[c], &t) - mean;
		baseline += mean;
	}
	ad_ecdf_share(e, x, contribution);
	return baseline;
}

#endif							/* AD_ECDF_H */
