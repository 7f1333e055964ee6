/*-------------------------------------------------------------------------
 *
 * ad_spec.h
 *		Specs: which detector, its options, preparation, sampling, calibration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SPEC_H
#define AD_SPEC_H

#include "model/ad_detector.h"
#include "sketch/ad_sketch.h"
#include "utils/jsonb.h"

/* The options of ad_prepare(). */
typedef enum AdImpute
{
	AD_IMPUTE_MEDIAN, AD_IMPUTE_MEAN, AD_IMPUTE_ZERO, AD_IMPUTE_ERROR
} AdImpute;

typedef struct AdPrepare
{
	int			impute;			/* AdImpute */
	int			scale;			/* AdScale */
	bool		calendar;		/* hour and weekday of timestamps */
	char	   *timezone;		/* that they are read in */
	int			onehot_max;		/* distinct values; above: frequency */
	double		drop_correlated;	/* NaN: off */
	int			on_error;		/* AdOnError, of a fit whose data are at
								 * fault; of an ensemble, its own counts */
	bool		beyond_range;	/* count values beyond all of the fit */
	bool		varying_only;	/* but not beside a constant: of ad_auto() */
	double		reduce;			/* to so many components, or a share of the
								 * variance; NaN: off */
} AdPrepare;

extern const AdOption ad_prepare_options[];
extern const int ad_n_prepare_options;

/* The options of ad_calibrate(). */
typedef enum AdHoldOut
{
	AD_HOLD_OUT_SPLIT, AD_HOLD_OUT_CROSS
} AdHoldOut;

typedef struct AdCalibrate
{
	double		share;			/* of the rows, held out for p-values; 0: none */
	double		contamination;	/* that ad_is_anomaly() goes by */
	int			method;			/* AdHoldOut */
} AdCalibrate;

extern const AdOption ad_calibrate_options[];
extern const int ad_n_calibrate_options;

/* spec.c */
#define AD_AUTO		"auto"		/* a detector's name, of none in the catalogue */

typedef struct AdSpec
{
	const AdDetector *detector; /* NULL if the spec names none */
	void	   *options;		/* its options */
	AdPrepare	prepare;
	AdSampling	sampling;
	AdCalibrate calibrate;
	bool		has_prepare;	/* given, not by default */
	bool		has_sampling;
	bool		has_calibrate;
	int			nmembers;		/* of an ensemble */
	struct AdSpec *members;
	double	   *weights;		/* of them, adding up to 1; NULL: equal */
} AdSpec;

extern void ad_spec_parse(JsonbContainer *spec, bool need_detector,
						  AdSpec *out);
extern void ad_spec_defaults(const char *detector, AdSpec *out);
extern Size ad_spec_rows(const AdSpec *spec, Size full);
extern void ad_spec_print(StringInfo buf, const AdSpec *spec);

#endif							/* AD_SPEC_H */
