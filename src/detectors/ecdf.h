/*-------------------------------------------------------------------------
 *
 * ecdf.h
 *		Empirical distribution functions of columns, for ECOD and COPOD.
 *
 * Payload of both (little-endian):
 *	u8 variant, u32 rows; per column
 *	u8 skew (0: none, 1: to the left, 2: to the right), u32 distinct values k,
 *	the values as f64 in ascending order, and unless k = rows, k counts of
 *	the rows that have the value as u32.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ECDF_H
#define AD_ECDF_H

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
} AdEcdfOptions;

typedef struct AdEcdfColumn
{
	AdRanks		ranks;			/* of the distinct values */
	const double *left;			/* -ln(share of the first i values) */
	const double *right;		/* -ln(share of all but the first i) */
	double		use_left;		/* 1 or 0: the tail that the skew chooses */
	double		use_right;		/* both: no skew */
} AdEcdfColumn;

typedef struct AdEcdf
{
	int			variant;
	int			cols;
	uint32		rows;
	Size		values;			/* distinct, of all columns */
	AdEcdfColumn *columns;
} AdEcdf;

#define AD_ECDF_NOPTIONS 1

extern const AdOption ad_ecdf_options[AD_ECDF_NOPTIONS];

extern void ad_ecdf_fit(const AdMatrix *m, const void *options,
						StringInfo payload);
extern void *ad_ecdf_load(AdReader *r, int cols);
extern AdScale ad_ecdf_scale(const void *options);
extern double ad_ecdf_paper(const AdEcdf *e, const double *x);
extern void ad_ecdf_describe(const void *scorer, StringInfo json);

/* -ln of the share of rows not above, and not below, v in a column. */
static inline void
ad_ecdf_tails(const AdEcdfColumn *c, double v, double *left, double *right)
{
	uint32		below = ad_rank(&c->ranks, v);

	/* what follows the last value is infinity, which may be equal to v */
	*left = c->left[below + (below < c->ranks.n &&
							 c->ranks.values[below] == v)];
	*right = c->right[below];
}

#endif							/* AD_ECDF_H */
