/*-------------------------------------------------------------------------
 *
 * ad_model.h
 *		Models: their schema and preparation, as bytes and loaded.
 *
 * A model is: the spec it was fitted with, the schema of its features with
 * their statistics, the preparation that turns features into columns, and
 * the detector's payload.  Loading checks all of it once; after that,
 * scoring trusts it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MODEL_H
#define AD_MODEL_H

#include "core/ad_envelope.h"
#include "model/ad_calibration.h"
#include "model/ad_spec.h"
#include "pgtime.h"

/*
 * 1 had no calibration; 2 had other payloads of axis-parallel isolation
 * forests.
 */
#define AD_MODEL_VERSION		3
#define AD_MODEL_CONTAINS_ROWS	0x0001	/* flag */
#define AD_MODEL_REDUCED		0x0002	/* flag: the detector's columns are
										 * not the encoded ones; unknown to
										 * 0.2.0 */
#define AD_MODEL_WEIGHTED		0x0004	/* flag: the members of an ensemble
										 * have weights; unknown to 0.2.0 */
#define AD_MODEL_FLAGS			(AD_MODEL_CONTAINS_ROWS | AD_MODEL_REDUCED | AD_MODEL_WEIGHTED)
#define AD_MAX_MODEL_VALUES		4096	/* categories kept per feature */
#define AD_MODEL_SHARES			5	/* quantiles kept per number */

/* How an ensemble makes one score of its members'; stored, never renumber. */
typedef enum AdCombine
{
	AD_COMBINE_MEAN = 0, AD_COMBINE_MAX = 1, AD_COMBINE_MEDIAN = 2,
	AD_COMBINE_VOTE = 3,		/* models of 0.2.0: the share alone */
	AD_COMBINE_PVALUE = 4, AD_COMBINE_TOP = 5,
	AD_COMBINE_VOTE_MEAN = 6	/* equal shares ranked by the mean */
} AdCombine;

#define AD_MAX_COMBINE			AD_COMBINE_VOTE_MEAN

/* How a feature becomes columns; stored in models, never renumber. */
typedef enum AdEncoding
{
	AD_ENC_DROPPED = 0,			/* no column */
	AD_ENC_NUMBER = 1,			/* one column */
	AD_ENC_CALENDAR = 2,		/* number, hour sin cos, weekday sin cos */
	AD_ENC_ONEHOT = 3,			/* one column per value, and "other" */
	AD_ENC_FREQUENCY = 4,		/* one column: share of rows */
	AD_ENC_CLOCK = 5			/* time of day: sin cos */
} AdEncoding;

#define AD_MAX_ENCODING			AD_ENC_CLOCK
#define AD_CALENDAR_COLUMNS		5
#define AD_CALENDAR_CORNERS		16	/* signs of the last four */

/* The usual times of a day, where they go over midnight; else NaN. */
typedef struct AdArc
{
	double		low;			/* seconds of the day, greater than high */
	double		high;
	double		middle;			/* the median of those in between */
} AdArc;

/* What a fit saw of a number; NaN: it saw none, or it is no number. */
typedef struct AdBeyond
{
	double		low;
	double		high;
	double		spread;			/* standard deviation; 0: a constant */
} AdBeyond;

typedef struct AdModelFeature
{
	char	   *name;			/* "" if it has none */
	char	   *type;			/* SQL type at the fit */
	AdClass		class;
	AdViewFeature stats;		/* values and counts: of the dictionary */
	double		shares[AD_MODEL_SHARES];	/* of the sample's values, at most
											 * q05, q25, median, q75, q95;
											 * NaN: not known */
	AdArc		arc;			/* of a time of day; of others NaN */
	AdEncoding	encoding;
	int			first;			/* its first column */
	int			ncols;
	double		impute;			/* for a missing value: number or code */
	int			dropped_for;	/* feature it is correlated with; -1: it is
								 * not dropped, or had no values */
	AdDict		dict;			/* categories; the code is the position */
	double	   *frequency;		/* per code, then 0 for "other" */
} AdModelFeature;

typedef struct AdReduction AdReduction;
typedef struct AdExplain AdExplain;
typedef struct AdWords AdWords;
typedef struct AdCacheEntry AdCacheEntry;

typedef struct AdModel
{
	MemoryContext mcxt;			/* owns all of it */
	uint8		header[AD_ENVELOPE_HEADER]; /* of the stored form */
	uint8		digest[AD_DIGEST_LENGTH];
	Size		bytes;			/* length of the stored form */
	uint16		version;
	uint32		flags;
	const AdDetector *detector;
	char	   *spec;			/* JSON text */
	uint64		rows;			/* seen */
	uint64		sampled;
	AdImpute	impute;			/* whether missing values are errors */
	pg_tz	   *timezone;		/* of the calendar columns, or NULL (UTC) */
	char	   *timezone_name;
	int			nfeatures;
	AdModelFeature *features;
	int			ncols;			/* encoded */
	uint8	   *kinds;			/* AdColumnKind per column */
	AdReduction *reduction;		/* of them to fewer; NULL: none */
	int			ndense;			/* columns that the detector sees */
	uint8	   *dense_kinds;	/* AdColumnKind per such column */
	bool		plain;			/* every feature is one unscaled number */
	bool		scaled;
	bool		rounded;		/* a scale is -1 */
	bool		ranged;			/* values beyond the fit's count */
	bool		varying_only;	/* in a fit: not those beside a constant */
	double	   *center;			/* per column, when scaled */
	double	   *scale;			/* -1: a constant but for rounding */
	bool		wide;			/* a scale is huge, see prepare.c */
	void	   *scorer;			/* the detector's; NULL: an ensemble */
	double	   *columns;		/* scratch: one dense row */
	bool		infinite_time;	/* it has infinite calendar columns */
	bool		has_scores;		/* calibration is there: models have it */
	AdCalibration calibration;
	int			nmembers;		/* of an ensemble */
	struct AdModel **members;
	AdCombine	combine;
	int			top;			/* the members that AD_COMBINE_TOP means */
	const double *weights;		/* of the members, > 0 together; NULL: equal */
	AdBeyond   *beyond;			/* if ranged, per feature; else NULL */
	double		beyond_unit;	/* what values beyond count by */
	AdExplain  *explain;		/* NULL until a row is explained */
	AdWords    *words;			/* likewise; per feature */
	AdCacheEntry *cached;		/* of the cache; NULL: not there */
} AdModel;

/* prepare.c */
#define AD_SCALE_CONSTANT (-1.0)	/* the scale of one but for rounding */

extern char *ad_prepare_label(const AdModelFeature *f, int j);
extern void ad_prepare_columns(AdModel *m);
extern void ad_prepare_code(const AdModel *m, double *raw);
extern void ad_prepare_scale(const AdModel *m, double *columns);
extern void ad_prepare_calendar(AdModel *m, double seconds, double *out);
extern void ad_prepare_row(AdModel *m, const double *raw, double *columns);
extern void ad_prepare_scaled(AdModel *m);
extern double ad_prepare_infinite_score(AdModel *m);
extern void ad_prepare_zone(AdModel *m, const char *name);

/* reduce.c */
extern const double *ad_reduce_columns(const AdModel *m);

/* prepare_fit.c */
extern const double *ad_prepare_fit(AdModel *m, const AdView *v,
									const Size *rows, Size n,
									const AdSpec *spec, MemoryContext out);

/* clock.c */
extern void ad_clock_arc(const AdView *v, int feature, AdArc *arc);

/* fit.c */
extern Size ad_fit_memory;		/* that fits had at their most, since it was
								 * set to 0 */
extern void ad_fit_measure(void);
extern bytea *ad_model_fit(AdSketch *sketch, const AdSpec *spec,
						   char **fault);
extern char *ad_model_outliers(AdSketch *sketch, const AdSpec *spec,
							   double *scores);

/* model_bytes.c */
extern int	ad_model_extra_sections(const AdModel *m);
extern void ad_model_write_head(AdModel *m, AdEnvelopeWriter *w,
								StringInfo buf);
extern AdModel *ad_model_read(const uint8 *data, Size len);
extern AdModel *ad_model_reread(const uint8 *data, Size len);
extern AdModel *ad_model_read_member(const AdReader *r, Size len);
extern AdModel *ad_model_new(MemoryContext mcxt);

#define AD_SECTION_SPEC			1
#define AD_SECTION_SCHEMA		2
#define AD_SECTION_PREPARATION	3
#define AD_SECTION_CALIBRATION	4
#define AD_SECTION_PAYLOAD		5
#define AD_SECTION_SHARES		6
#define AD_SECTION_ARCS			7
#define AD_SECTION_BEYOND		8
#define AD_SECTION_EQUALS		9
#define AD_SECTION_REDUCTION	10

/* beyond.c */
extern double ad_beyond_score(AdModel *m, const double *raw);

/* ensemble.c */
extern double ad_ensemble_score(AdModel *m, const double *raw);

/* assert_model.c: what scores, a row for it, and all that loading checks */
#ifdef USE_ASSERT_CHECKING
extern void ad_model_check(const AdModel *m);
extern void ad_model_check_row(const AdModel *m, const double *raw);
extern void ad_model_check_features(const AdModel *m);

#define AssertModel(m)			ad_model_check(m)
#define AssertModelRow(m, raw)	ad_model_check_row((m), (raw))
#define AssertModelFeatures(m)	ad_model_check_features(m)
#else
#define AssertModel(m)			((void) true)
#define AssertModelRow(m, raw)	((void) true)
#define AssertModelFeatures(m)	((void) true)
#endif

/* What the detector sees of the row in the model's columns. */
static inline const double *
ad_model_dense(const AdModel *m)
{
	return unlikely(m->reduction != NULL) ? ad_reduce_columns(m) : m->columns;
}

/*
 * The score of one row of raw features (see ad_prepare_row()), without what
 * values beyond those of the fit count.
 */
static inline double
ad_model_own_score(AdModel *m, const double *raw)
{
	AssertModel(m);
	AssertModelRow(m, raw);
	if (unlikely(m->nmembers > 0))
		return ad_ensemble_score(m, raw);
	ad_prepare_row(m, raw, m->columns);
	if (unlikely(m->infinite_time))
		return ad_prepare_infinite_score(m);
	return m->detector->score(m->scorer, ad_model_dense(m));
}

/* cache.c */
extern void ad_model_grown(const AdModel *m);

/* Count a model anew, if a scorer has grown. */
static inline void
ad_model_count_growth(const AdModel *m)
{
	/* it may be that of an ensemble's member */
	if (unlikely(ad_scorer_grew) && m->cached)
	{
		ad_scorer_grew = false;
		ad_model_grown(m);
	}
}

/* The score of one row of raw features. */
static inline double
ad_model_score(AdModel *m, const double *raw)
{
	double		score = unlikely(m->ranged) ? ad_beyond_score(m, raw) :
		ad_model_own_score(m, raw);

	ad_model_count_growth(m);
	return score;
}

#endif							/* AD_MODEL_H */
