/*-------------------------------------------------------------------------
 *
 * ad_drift_compare.h
 *		Comparing one feature of a reference with the current one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DRIFT_COMPARE_H
#define AD_DRIFT_COMPARE_H

#include "operate/ad_drift.h"

#include <float.h>

/* standard errors exceeded by chance once in 1,000, on either side */
#define AD_DRIFT_CHANCE	3.2905267314918945

/* what chance exceeds once in 1,000, on either side */
#define AD_DRIFT_TAIL	0.0005

/* One of the two that are compared: a view of a sketch, or a model. */
typedef struct AdDriftSide
{
	const AdModel *model;		/* NULL: a sketch */
	const AdView *view;
	uint64		rows;			/* seen */
	double		sampled;
	int			nfeatures;
	bool		named;			/* every feature has a name */
} AdDriftSide;

/* The distinct values of both sides, and how many rows have each. */
typedef struct AdDriftValues
{
	int			n;
	double	   *reference;
	double	   *current;
	double		reference_rows; /* that the counts are of, if sampled */
	double		current_rows;
} AdDriftValues;

/* What is known of a feature's values. */
static inline const AdViewFeature *
ad_drift_stats(const AdDriftSide *s, int j)
{
	return s->model ? &s->model->features[j].stats : &s->view->features[j];
}

/* Just below a number: by more than what rounding makes of it. */
static inline double
ad_drift_below(double x)
{
	return x - Max(fabs(x) * 1e-12, DBL_MIN);
}

/* drift_edges.c */
extern int	ad_drift_edges(const double *x, Size n, int bins, double *edges);

/* drift_bins.c: shares in bins, and numbers that are cut into them */
extern void ad_drift_bins(AdDriftRow *row, const AdDriftBins *b, double n,
						  double m, const AdDriftOptions *o);
extern void ad_drift_numbers(AdDriftRow *row, const double *x, Size n,
							 const double *y, Size m,
							 const AdDriftOptions *o);
extern void ad_drift_quantiles(AdDriftRow *row, const AdModel *model,
							   int feature, const double *y, Size m,
							   const AdDriftOptions *o);
extern bool ad_drift_reference_scores(const AdModel *model, AdScores *s);
extern void ad_drift_scores(AdDriftRow *row, const AdScores *s,
							const double *y, Size m, const AdDriftOptions *o);

/* drift_noise.c: what chance makes of few rows */
extern bool ad_drift_is_rare(const AdDriftRow *row, const AdDriftBins *b,
							 double n, double m);
extern bool ad_drift_is_many(double n, double m);
extern void ad_drift_urn(AdDriftRow *row, const AdDriftBins *b, double n,
						 double m, const AdDriftOptions *o);
extern void ad_drift_split_categories(AdDriftRow *row, AdDriftValues *v,
									  bool ask_psi, bool ask_new,
									  const AdDriftOptions *o);
extern void ad_drift_split_numbers(AdDriftRow *row, const double *value,
								   const AdDriftValues *v,
								   const AdDriftOptions *o);

/* drift_share.c */
extern bool ad_drift_share_changed(double missing, double n,
								   double missing_now, double m);

/* drift_categories.c */
extern void ad_drift_categories(AdDriftRow *row, const AdDriftSide *reference,
								int j, const AdDriftSide *current, int k,
								const AdDriftOptions *o);

#endif							/* AD_DRIFT_COMPARE_H */
