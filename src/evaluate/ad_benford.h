/*-------------------------------------------------------------------------
 *
 * ad_benford.h
 *		Numbers by their leading digits, against Benford's law.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_BENFORD_H
#define AD_BENFORD_H

#include "core/ad_core.h"

#define AD_BENFORD_CELLS	90	/* first two digits, 10 to 99 */

typedef enum AdBenfordTest
{
	AD_BENFORD_FIRST, AD_BENFORD_SECOND, AD_BENFORD_FIRST_TWO,
	AD_BENFORD_TESTS
} AdBenfordTest;

/* What a test makes of counts. */
typedef struct AdBenford
{
	int			least;			/* the smallest of its digits */
	int			cells;			/* how many there are */
	double		n;				/* numbers */
	double		observed[AD_BENFORD_CELLS]; /* numbers, per cell */
	double		share[AD_BENFORD_CELLS];	/* expected by the law */
	double		chi_square;		/* NaN, as the next two, without numbers */
	double		p_value;		/* of that, with cells - 1 degrees of freedom */
	double		mad;			/* mean absolute deviation of the shares */
	const char *verdict;		/* NULL without numbers */
} AdBenford;

/* benford.c */
extern const char *const ad_benford_test_names[AD_BENFORD_TESTS];
extern void ad_benford_judge(const int64 *counts, AdBenfordTest test,
							 AdBenford *out);
extern double ad_benford_z(const AdBenford *b, int cell);
extern int	ad_benford_cell(const char *digits);

#endif							/* AD_BENFORD_H */
