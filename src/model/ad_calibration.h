/*-------------------------------------------------------------------------
 *
 * ad_calibration.h
 *		What a model remembers of scores: threshold, p-values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CALIBRATION_H
#define AD_CALIBRATION_H

#include "core/ad_bytes.h"

/* calibrate.c: what is remembered of a set of scores */
#define AD_MAX_SCORES		1025	/* kept of either half of a set */
#define AD_INFINITE_SCORE		1e300	/* what infinite values score, at
										 * least */
#define AD_TAIL_SCORES			1024	/* highest ones kept exactly, if asked
										 * to */
#define AD_FEW_TAIL_SCORES			128 /* if not */

#define AD_MAX_FREQUENT			50	/* scores that so large a share of rows
									 * have: 1 in so many */

/* A score that is frequent among all rows, and rare among those held out. */
typedef struct AdFrequent
{
	double		score;
	uint64		count;			/* scores that count as at least as high */
} AdFrequent;

typedef struct AdScores
{
	uint64		n;				/* scores it was made of, > 0 */
	double		rounding;		/* what equal ones may differ by, however near
								 * to 0; 0: not known */
	double		mean;
	double		sd;				/* population; 0: all are equal */
	uint32		ntail;			/* > 0 */
	uint32		ngrid;			/* 0 only if the tail is all */
	double	   *tail;			/* the highest, descending */
	double	   *grid;			/* quantiles of the others, ascending */
	uint32		nfrequent;		/* of p-values; 0 in most sets */
	AdFrequent *frequent;		/* descending by score, ascending by count */
} AdScores;

typedef enum AdCalibrationMethod
{
	AD_CALIBRATION_NONE = 0,	/* no rows were held out */
	AD_CALIBRATION_SPLIT = 1,	/* some were, once */
	AD_CALIBRATION_CROSS = 2	/* all were, each fold scored by a fit to the
								 * others */
} AdCalibrationMethod;

typedef struct AdCalibration
{
	AdCalibrationMethod method;
	double		contamination;
	double		threshold;		/* for it */
	AdScores	training;		/* of rows of the fit */
	AdScores	held_out;		/* unless the method is NONE */
} AdCalibration;

extern void ad_scores_build(AdScores *s, double *scores, Size n,
							uint32 max_tail, double rounding);
extern void ad_scores_frequent(AdScores *s, const double *training, Size n);
extern double ad_scores_threshold(const AdScores *s, double share);
extern double ad_sorted_threshold(const double *scores, Size n, double share);
extern double ad_scores_share_above(const AdScores *s, double score);
extern void ad_scores_share_at_most(const AdScores *s, double score,
									double *least, double *most);
extern double ad_scores_pvalue(const AdScores *s, double score);
extern double ad_scores_pvalue_random(const AdScores *s, double score,
									  double u);
extern double ad_scores_standard(const AdScores *s, double score);
extern double ad_scores_probability(const AdScores *s, double score);
extern void ad_calibration_write(StringInfo buf, const AdCalibration *c);
extern void ad_calibration_read(AdReader *r, AdCalibration *c);
extern void ad_equals_write(StringInfo buf, const AdCalibration *c);
extern void ad_equals_read(AdReader *r, AdCalibration *c);

#endif							/* AD_CALIBRATION_H */
