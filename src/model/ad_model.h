/*-------------------------------------------------------------------------
 *
 * ad_model.h
 *		Specs, preparation, models as bytes and models loaded.
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

#include "model/ad_detector.h"
#include "access/detoast.h"
#include "pgtime.h"
#include "sketch/ad_sketch.h"
#include "utils/hsearch.h"

#define AD_MODEL_VERSION		2		/* 1 had no calibration */
#define AD_MODEL_CONTAINS_ROWS	0x0001	/* flag */
#define AD_MODEL_FLAGS			AD_MODEL_CONTAINS_ROWS
#define AD_MAX_MODEL_VALUES		4096	/* categories kept per feature */
#define AD_MODEL_SHARES			5	/* quantiles kept per number */

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
} AdPrepare;

extern const AdOption ad_prepare_options[];
extern const int ad_n_prepare_options;

/* The options of ad_calibrate(). */
typedef struct AdCalibrate
{
	double		share;			/* of the rows, held out for p-values; 0: none */
	double		contamination;	/* that ad_is_anomaly() goes by */
} AdCalibrate;

extern const AdOption ad_calibrate_options[];
extern const int ad_n_calibrate_options;

/* calibrate.c: what is remembered of a set of scores */
#define AD_MAX_SCORES		1025	/* kept of either half of a set */
#define AD_MOST_SCORES		1024	/* highest ones kept exactly, if asked to */
#define AD_FEW_SCORES		128		/* if not */

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

extern void ad_scores_build(AdScores *s, double *scores, Size n, uint32 most);
extern double ad_scores_threshold(const AdScores *s, double share);
extern double ad_sorted_threshold(const double *scores, Size n, double share);
extern uint32 ad_scores_tail_above(const AdScores *s, double score);
extern uint32 ad_scores_grid_above(const AdScores *s, double score);
extern double ad_scores_share_above(const AdScores *s, double score);
extern double ad_scores_pvalue(const AdScores *s, double score);
extern double ad_scores_standard(const AdScores *s, double score);
extern double ad_scores_probability(const AdScores *s, double score);
extern void ad_calibration_write(StringInfo buf, const AdCalibration *c);
extern void ad_calibration_read(AdReader *r, AdCalibration *c);

/* spec.c */
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
} AdSpec;

/* How an ensemble makes one score of its members'; stored, never renumber. */
typedef enum AdCombine
{
	AD_COMBINE_MEAN = 0, AD_COMBINE_MAX = 1, AD_COMBINE_MEDIAN = 2,
	AD_COMBINE_VOTE = 3, AD_COMBINE_PVALUE = 4
} AdCombine;

#define AD_MAX_MEMBERS		32

typedef struct AdEnsembleOptions
{
	int			combine;		/* AdCombine */
} AdEnsembleOptions;

extern const AdDetector *ad_detector_by_id(uint16 id);
extern void ad_spec_parse(JsonbContainer *spec, bool need_detector,
						  AdSpec *out);
extern void ad_spec_defaults(const char *detector, AdSpec *out);
extern void ad_spec_print(StringInfo buf, const AdSpec *spec);

/* How a feature becomes columns; stored in models, never renumber. */
typedef enum AdEncoding
{
	AD_ENC_DROPPED = 0,			/* no column */
	AD_ENC_NUMBER = 1,			/* one column */
	AD_ENC_CALENDAR = 2,		/* number, hour sin cos, weekday sin cos */
	AD_ENC_ONEHOT = 3,			/* one column a value, and "other" */
	AD_ENC_FREQUENCY = 4		/* one column: share of rows */
} AdEncoding;

#define AD_MAX_ENCODING			AD_ENC_FREQUENCY
#define AD_CALENDAR_COLUMNS		5

typedef struct AdModelFeature
{
	char	   *name;			/* "" if it has none */
	char	   *type;			/* SQL type at the fit */
	AdClass		class;
	AdViewFeature stats;		/* values and counts: of the dictionary */
	double		shares[AD_MODEL_SHARES];	/* of the sample's values, at most
											 * q05, q25, median, q75, q95;
											 * NaN: not known */
	AdEncoding	encoding;
	int			first;			/* its first column */
	int			ncols;
	double		impute;			/* for a missing value: number or code */
	int			dropped_for;	/* feature it is correlated with, or -1 */
	AdDict		dict;			/* categories; the code is the position */
	double	   *frequency;		/* per code, then 0 for "other" */
} AdModelFeature;

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
	int			ncols;
	uint8	   *kinds;			/* AdColumnKind per column */
	bool		plain;			/* every feature is one unscaled number */
	bool		scaled;
	double	   *center;			/* per column, when scaled */
	double	   *scale;
	void	   *scorer;			/* the detector's; NULL: an ensemble */
	double	   *columns;		/* scratch: one dense row */
	bool		has_scores;		/* calibration is there: models have it */
	AdCalibration calibration;
	int			nmembers;		/* of an ensemble */
	struct AdModel **members;
	AdCombine	combine;
	AdExplain  *explain;		/* NULL until a row is explained */
	AdWords    *words;			/* likewise; per feature */
	AdCacheEntry *cached;		/* of the cache; NULL: not there */
} AdModel;

/* prepare.c */
extern const double *ad_prepare_fit(AdModel *m, const AdView *v,
									const AdSpec *spec);
extern void ad_prepare_columns(AdModel *m);
extern void ad_prepare_row(AdModel *m, const double *raw, double *columns);
extern void ad_prepare_zone(AdModel *m, const char *name);

/* fit.c */
extern bytea *ad_model_fit(AdSketch *sketch, const AdSpec *spec);
extern void ad_model_outliers(AdSketch *sketch, const AdSpec *spec,
							  double *scores);

/* model_bytes.c */
extern void ad_model_write_head(AdModel *m, AdEnvelopeWriter *w,
								StringInfo buf);
extern AdModel *ad_model_read(const uint8 *data, Size len);
extern AdModel *ad_model_read_member(const uint8 *data, Size len);
extern AdModel *ad_model_new(MemoryContext mcxt);

#define AD_SECTION_SPEC			1
#define AD_SECTION_SCHEMA		2
#define AD_SECTION_PREPARATION	3
#define AD_SECTION_CALIBRATION	4
#define AD_SECTION_PAYLOAD		5
#define AD_SECTION_SHARES		6

/* glance.c: for estimates, of any bytes */
extern double ad_glance_time(struct varlena *value);
extern double ad_glance_anomalies(struct varlena *value);

/* cache.c */
extern int	ad_model_cache_size;	/* kB */
extern void ad_cache_init(void);

/*
 * What proves that a value in memory is the one that a call site was given
 * before, without reading all of it.  It depends on where the call's
 * argument comes from, which the caller knows.
 */
typedef enum AdTrust
{
	AD_TRUST_NONE,				/* nothing: it may be computed anew */
	AD_TRUST_ADDRESS,			/* its address: it cannot change while the
								 * call site lives */

	/*
	 * Its header: it comes straight from where models are made, whose digest
	 * is right.
	 */
	AD_TRUST_MADE,

	/*
	 * Its address and header, after a while.  Somebody may compute values into
	 * the same memory, but most likely it is one row that many are joined
	 * with.  So it is read whole for AD_HABIT_CALLS in a row, or as many as
	 * make AD_HABIT_BYTES; from then on so rarely that it makes a byte a
	 * call.
	 */
	AD_TRUST_HABIT
} AdTrust;

#define AD_HABIT_CALLS	1000
#define AD_HABIT_BYTES	(32 * 1024 * 1024)

/* One call site's hold on a model; zeroed at first. */
typedef struct AdModelRef
{
	AdModel    *model;			/* or NULL */
	AdCacheEntry *entry;
	struct varatt_external toast;	/* last value, if its id is valid */
	const struct varlena *at;	/* last value, if it was in memory */
	AdTrust		trust;			/* in one that is; the caller's */
	int64		due;			/* bytes to be read yet, see AD_TRUST_HABIT */
	HTAB	   *seen;			/* models given here, see AD_TRUST_MADE */
	MemoryContextCallback release;
	bool		registered;
} AdModelRef;

extern AdModel *ad_model_lookup(AdModelRef *ref, struct varlena *value,
								MemoryContext owner);

/* Whether a plain value begins like a model, and is as long. */
static inline bool
ad_model_same_header(const struct varlena *value, const AdModel *m)
{
	uint64		a[AD_ENVELOPE_HEADER / sizeof(uint64)];
	uint64		b[AD_ENVELOPE_HEADER / sizeof(uint64)];
	uint64		differ = 0;

	if (!VARATT_IS_4B_U(value) || VARSIZE(value) - VARHDRSZ != m->bytes)
		return false;
	/* word by word: calling memcmp() would take longer than it */
	memcpy(a, VARDATA(value), sizeof(a));
	memcpy(b, m->header, sizeof(b));
	for (int i = 0; i < (int) lengthof(a); i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

/*
 * The model of a value; the fast path of every scoring call, in which nearly
 * all end.
 */
static inline AdModel *
ad_model_get(AdModelRef *ref, struct varlena *value, MemoryContext owner)
{
	if (VARATT_IS_EXTERNAL_ONDISK(value))
	{
		struct varatt_external t;

		VARATT_EXTERNAL_GET_POINTER(t, value);
		if (t.va_valueid == ref->toast.va_valueid &&
			t.va_toastrelid == ref->toast.va_toastrelid)
			return ref->model;
	}
	else if (value == ref->at)
	{
		if (ref->trust == AD_TRUST_ADDRESS)
			return ref->model;
		if (ref->trust != AD_TRUST_NONE &&
			ad_model_same_header(value, ref->model))
		{
			if (ref->trust == AD_TRUST_MADE)
				return ref->model;
			if (ref->due < (int64) ref->model->bytes)
			{
				ref->due++;
				return ref->model;
			}
		}
	}
	return ad_model_lookup(ref, value, owner);
}

extern void ad_model_grown(const AdModel *m);

/* explain.c */
extern double ad_model_explain(AdModel *m, const double *raw, bool path,
							   double *contribution);

/* words.c: values and what is usual, for people */
typedef enum AdDirection
{
	AD_DIR_FAR_BELOW, AD_DIR_BELOW, AD_DIR_WITHIN, AD_DIR_ABOVE,
	AD_DIR_FAR_ABOVE, AD_DIR_USUAL, AD_DIR_RARE, AD_DIR_UNSEEN, AD_DIR_MISSING,
	AD_DIRECTIONS
} AdDirection;

extern const char *const ad_direction_names[AD_DIRECTIONS];
extern AdWords *ad_model_words(AdModel *m);
extern const char *ad_words_name(const AdModel *m, int feature);
extern const char *ad_words_typical(const AdModel *m, int feature);
extern AdDirection ad_words_direction(const AdModel *m, int feature, double v);
extern void ad_words_value(const AdModel *m, int feature, double v,
						   const AdCategory *category, StringInfo buf);
extern void ad_words_sentence(const AdModel *m, int feature, double v,
							  const AdCategory *category, StringInfo buf);

/* describe.c */
extern void ad_model_describe(const AdModel *m, StringInfo json);
extern char *ad_encoding_text(const AdModel *m, int feature);

/* ensemble.c */
extern const AdDetector ad_detector_ensemble;
extern double ad_ensemble_combine(AdCombine combine, double *scores,
								  const AdCalibration *const *calibrations,
								  int n);
extern void ad_ensemble_load(AdReader *r, AdModel *m);
extern double ad_ensemble_score(AdModel *m, const double *raw);

/* The score of one row of raw features; see ad_prepare_row(). */
static inline double
ad_model_score(AdModel *m, const double *raw)
{
	if (unlikely(m->nmembers > 0))
		return ad_ensemble_score(m, raw);
	ad_prepare_row(m, raw, m->columns);
	return m->detector->score(m->scorer, m->columns);
}

#endif							/* AD_MODEL_H */
