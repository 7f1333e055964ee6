/*-------------------------------------------------------------------------
 *
 * ad_compare.h
 *		Detectors compared on the rows of a query: rows, folds, trials.
 *
 *	rows = ad_compare_read(...);				the query, read once
 *	split = ad_compare_split(rows, design, repeat, specs, n);	a sketch a fold
 *	for each fold
 *		ad_compare_fold(split, fold);			merge those of the others
 *		for each spec
 *			ad_compare_trial(split, spec, scores, &trial);
 *	ad_compare_free(split);
 *
 * Everything is in the context of the rows or below it, and refused by name
 * where that takes more than it may.  No trial depends on another, so a fold
 * may be tried with some specs, and with others later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_COMPARE_H
#define AD_COMPARE_H

#include "model/ad_spec.h"

/* Limits; each is named in the error that enforces it. */
#define AD_MAX_COMPARED_ROWS	60000000
#define AD_MAX_COMPARED_SPECS	10000
#define AD_MAX_FOLDS			1000
#define AD_MAX_REPEATS			100

#define AD_UNLABELLED			(-1)	/* a row's label, if not 0 or 1 */
#define AD_ALWAYS_FITTED		(-1)	/* a row's fold, if it is in all fits */

/* What is measured of a trial, in the order of the columns. */
typedef enum AdCompareMetric
{
	AD_COMPARE_ROC_AUC,
	AD_COMPARE_AVERAGE_PRECISION,
	AD_COMPARE_PRECISION_AT_N,	/* n: the anomalies among its rows */
	AD_COMPARE_F1,				/* this and those below: at the threshold */
	AD_COMPARE_BALANCED_ACCURACY,
	AD_COMPARE_FALSE_POSITIVE_RATE,
	AD_COMPARE_AGREEMENT,		/* with the other specs' ranking */
	AD_COMPARE_METRICS
} AdCompareMetric;

extern const char *const ad_compare_metrics[AD_COMPARE_METRICS];

/* What is asked of a query's rows. */
typedef struct AdCompareQuery
{
	char	   *query;			/* or the name of a table */
	const char *label;			/* a column's name; NULL: none */
	const char *key;			/* likewise */
	const char *fold;			/* likewise */
	int			memory_mb;		/* that all may take */
	int			progress;		/* slot, or -1 */
} AdCompareQuery;

/* The rows of a query; those that are NULL, as one array may be, are none. */
typedef struct AdCompareRows
{
	MemoryContext mcxt;			/* owns all of it */
	Size		max_bytes;		/* that it may take */
	int			nfeatures;		/* 0: no row came */
	AdFeature  *features;
	AdDict	   *dicts;			/* per feature; used by categories only */
	int			ncategories;	/* features that are categories */
	int		   *categories;		/* which */
	Size		n;
	Size		capacity;		/* of the arrays by row */
	int			chunk_bits;		/* of a row's place in its chunk */
	double	  **chunks;			/* rows of values: NaN missing, codes */
	int8	   *label;			/* 1: anomaly, 0, AD_UNLABELLED */
	uint64	   *key;			/* tells rows apart: for folds and samples */
	uint64	   *content;		/* hashes of the values; NULL: keys are */
	int32	   *fold;			/* as given, from 0; NULL: none are */
	int			nfolds;			/* of those */
	int64	   *fold_values;	/* what they are, ascending */
	Size		count[3];		/* normal rows, anomalies, unlabelled */
	int			progress;		/* slot that scoring reports to, or -1 */
	uint64		scored;			/* rows, before the trial that runs */
} AdCompareRows;

/* The values of a row. */
static inline const double *
ad_compare_row(const AdCompareRows *r, Size i)
{
	return r->chunks[i >> r->chunk_bits] +
		(i & (((Size) 1 << r->chunk_bits) - 1)) * r->nfeatures;
}

/* What rows are put in an order by. */
typedef struct AdCompareDrawn
{
	uint64		hash;
	uint32		row;
	uint32		class;			/* 0, 1, 2: without a label */
} AdCompareDrawn;

/* How rows are split. */
typedef struct AdCompareDesign
{
	int			folds;			/* that are held out in turn; rows that have
								 * theirs given have as many as these are */
	int			repeats;
	double		holdout;		/* instead of folds, a share drawn anew each
								 * time; NaN: none */
	uint64		seed;
} AdCompareDesign;

typedef struct AdCompareSpec
{
	Jsonb	   *json;			/* as given */
	AdSpec		parsed;			/* raises errors */
} AdCompareSpec;

/* A split of all rows: one repeat. */
typedef struct AdCompareSplit
{
	MemoryContext mcxt;			/* owns all of it */
	const AdCompareRows *rows;
	int			nfolds;			/* that can be held out */
	int			nparts;			/* these, then the rows that never are */
	Size	   *start;			/* nparts + 1: of each part, in "order" */
	uint32	   *order;			/* the rows, part by part */
	AdSketch  **sketches;		/* per part; NULL: no rows, or held out only */
	double		seconds;		/* of sketching, by row */
	uint64		fingerprint;	/* which rows are where */
	int			fold;			/* whose others are merged, or -1 */
	MemoryContext fold_mcxt;	/* of these */
	AdSketch   *others;			/* all but the fold; NULL: no rows */
} AdCompareSplit;

/* What came of a spec, fitted without a fold and scored on it. */
typedef struct AdCompareTrial
{
	char	   *error;			/* in the current context; NULL: none, else
								 * there is nothing else but the rows */
	Size		fit_rows;
	Size		rows;			/* scored */
	Size		anomalies;		/* known ones, of those */
	double		metrics[AD_COMPARE_METRICS];	/* NaN: cannot be said */
	double		fit_seconds;	/* of processor time, sketching included */
	double		score_seconds;
	Size		model_bytes;
	Size		memory;			/* of the fit at its most, or of the model */
} AdCompareTrial;

/* Metrics closer than this are equal: they are shares, rounded. */
#define AD_METRIC_ROUNDING	1e-12

/* Figures of overlapping folds: see resampled.c. */
typedef struct AdResampled
{
	int			n;				/* that there are */
	double		mean;			/* NaN: there are none */
	double		deviation;		/* of the sample; NaN below 2, as are: */
	double		error;			/* standard error of the mean */
	double		low;			/* of the interval around the mean */
	double		high;
	double		p_value;		/* of the mean's being 0 */
} AdResampled;

/* sql_compare_rows.c */
extern AdCompareRows *ad_compare_read(const AdCompareQuery *query);

/* bounds.c */
extern void ad_compare_check_memory(const AdCompareRows *r, Size more);
extern double ad_compare_seconds(void);
extern char *ad_compare_catch(void (*work) (void *), void *arg);

/* split.c */
extern uint64 ad_compare_salt(const AdCompareDesign *design, int repeat);
extern AdCompareDrawn *ad_compare_draw(const AdCompareRows *r, uint64 salt);
extern AdCompareSplit *ad_compare_split(AdCompareRows *rows,
										const AdCompareDesign *design,
										int repeat,
										const AdCompareSpec *specs,
										int nspecs);
extern void ad_compare_free(AdCompareSplit *split);
extern void ad_compare_fold(AdCompareSplit *split, int fold);
extern Size ad_compare_fold_rows(const AdCompareSplit *split);

/* trial.c */
extern void ad_compare_trial(const AdCompareSplit *split,
							 const AdCompareSpec *spec, double *scores,
							 AdCompareTrial *out);

/* agreement.c */
extern void ad_compare_agreement(double *const *scores, int nspecs, Size n,
								 double *agreement);

/* resampled.c */
extern void ad_resampled(const double *figures, int n, double ratio,
						 double confidence, AdResampled *out);

#endif							/* AD_COMPARE_H */
