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
#define AD_TAIL_SCORES			1024	/* highest ones kept exactly, if asked
										 * to */
#define AD_FEW_TAIL_SCORES			128 /* if not */

typedef struct AdScores
{
	uint64		n;				/* scores it was made of, > 0 */
	double		mean;
	double		sd;				/* population; 0: all are equal */
	uint32		ntail;			/* > 0 */
	uint32		ngrid;			/* 0 only if the tail is all */
	double	   *tail;			/* the highest, descending */
	double	   *grid;			/* quantiles of the others, ascending */
} AdScores;

typedef enum AdCalibrationMethod
{
	AD_CALIBRATION_NONE = 0,	/* no rows were held out */
	AD_CALIBRATION_SPLIT = 1,	/* some were, once */
	AD_CALIBRATION_CROSS = 2	/* every row was, in one of several folds */
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
							uint32 max_tail);
extern double ad_scores_threshold(const AdScores *s, double share);
extern double ad_sorted_threshold(const double *scores, Size n, double share);
extern double ad_scores_share_above(const AdScores *s, double score);
extern void ad_scores_share_at_most(const AdScores *s, double score,
									double *least, double *most);
extern double ad_scores_pvalue(const AdScores *s, double score);
extern double ad_scores_standard(const AdScores *s, double score);
extern double ad_scores_probability(const AdScores *s, double score);
extern void ad_calibration_write(StringInfo buf, const AdCalibration *c);
extern void ad_calibration_read(AdReader *r, AdCalibration *c);

#endif							/* AD_CALIBRATION_H */
