/*-------------------------------------------------------------------------
 *
 * ad_score_bins.h
 *		Histograms of scores, as pictures and as text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SCORE_BINS_H
#define AD_SCORE_BINS_H

#include "core/ad_ticks.h"
#include "evaluate/ad_ranking.h"

#define AD_MAX_SCORE_BINS			200
#define AD_TEXT_SCORE_BINS		20	/* lines of a text, unless said */
#define AD_MIN_TEXT_WIDTH	40	/* characters */
#define AD_MAX_TEXT_WIDTH	1000

/* The classes of rows, in the order in which they are drawn. */
typedef enum AdScoreClass
{
	AD_SCORE_UNLABELLED, AD_SCORE_NORMAL, AD_SCORE_ANOMALY, AD_SCORE_CLASSES
} AdScoreClass;

/* Scores, by class.  The rankings are NULL while there are none. */
typedef struct AdScoreSet
{
	AdRanking  *labelled;
	AdRanking  *unlabelled;		/* all of them as its normal rows */
	uint64		odd;			/* rows whose score is NaN or infinite */
} AdScoreSet;

/* What the height of a bar is. */
typedef enum AdScoreHeight
{
	AD_HEIGHT_ROWS, AD_HEIGHT_SHARE, AD_HEIGHT_LOG, AD_HEIGHT_AUTO
} AdScoreHeight;

/* How a histogram is wanted; NaN: not said. */
typedef struct AdScorePlotOptions
{
	int			bins;			/* at most */
	double		low;			/* scores at the ends */
	double		high;
	double		threshold;
	int			scale;			/* AdScoreHeight */
	char	   *title;			/* or NULL */
	int			width;			/* pixels, or characters */
	int			height;			/* pixels */
} AdScorePlotOptions;

/* Counted scores. */
typedef struct AdScoreBins
{
	int			n;				/* bins */
	double	   *edges;			/* n + 1, ascending; a bin has its lower one,
								 * the last one both */
	AdStep		step;			/* of which the edges are multiples */
	double		first;			/* ... so many the first one; NaN: none */
	uint64	   *counts[AD_SCORE_CLASSES];
	uint64		total[AD_SCORE_CLASSES];
	uint64		below[AD_SCORE_CLASSES];	/* the first edge */
	uint64		above[AD_SCORE_CLASSES];	/* the last one */
	uint64		odd;
	double		least;			/* of all scores */
	double		greatest;
} AdScoreBins;

/* score_bins.c */
extern void ad_score_set_add(AdScoreSet *set, MemoryContext mcxt, double score,
							 AdScoreClass class);
extern bool ad_score_bins_build(AdScoreBins *h, AdScoreSet *set,
								const AdScorePlotOptions *o);
extern AdScoreHeight ad_score_bins_scale(const AdScoreBins *h,
										 const AdScorePlotOptions *o);
extern double ad_score_bar(const AdScoreBins *h, AdScoreClass class,
						   uint64 count, AdScoreHeight scale);
extern double ad_score_bins_highest(const AdScoreBins *h,
									AdScoreHeight scale);
extern void ad_score_bins_edge(const AdScoreBins *h, int i,
							   char label[AD_TICK_LENGTH]);
extern void ad_append_count(StringInfo out, uint64 count);

/* score_plot.c */
extern void ad_score_plot(StringInfo out, const AdScoreBins *h,
						  const AdScorePlotOptions *o);

/* score_text.c */
extern void ad_score_text(StringInfo out, const AdScoreBins *h,
						  const AdScorePlotOptions *o);
extern void ad_score_notes(StringInfo out, const AdScoreBins *h,
						   const AdScorePlotOptions *o, const char *end);

extern const char *const ad_score_class_names[AD_SCORE_CLASSES];

#endif							/* AD_SCORE_BINS_H */
