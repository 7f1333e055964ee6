/*-------------------------------------------------------------------------
 *
 * ad_detector.h
 *		What a detector is to the rest of the house.
 *
 * A detector is one file that exports one const AdDetector.  It sees dense
 * matrices of doubles, never SQL types.  A column is infinite only in a row
 * to be scored (a value beyond every finite one), and NaN (missing) only if
 * the detector accepts missing values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DETECTOR_H
#define AD_DETECTOR_H

#include "core/ad_bytes.h"
#include "core/ad_options.h"
#include "model/ad_detector_ids.h"

/* What a dense column holds. */
typedef enum AdColumnKind
{
	AD_COLUMN_NUMBER = 0,		/* any number */
	AD_COLUMN_INDICATOR = 1,	/* 0 or 1: the row has this category */
	AD_COLUMN_OTHER = 2			/* 0 or 1: a category not seen in the fit; 0
								 * in most fits, so it varies only later */
} AdColumnKind;

/*
 * What is squared and summed stays a number up to this, and above 0 from
 * AD_MIN_SQUARABLE on.
 */
#define AD_MAX_SQUARABLE	1e150
#define AD_MIN_SQUARABLE	1e-152

/* What equal scores may differ by, of their size or of their unit. */
#define AD_SCORE_ROUNDING	1e-12

/* How number columns are scaled before a detector sees them. */
typedef enum AdScale
{
	AD_SCALE_AUTO = 0,			/* the detector's choice */
	AD_SCALE_NONE,
	AD_SCALE_STANDARD,
	AD_SCALE_ROBUST,
	AD_SCALE_MINMAX
} AdScale;

/*
 * Rows of a sample that are enough for means, spreads, quantiles, histograms
 * and thresholds; docs/sketch.md has what more of them would be worth.
 */
#define AD_ENOUGH_ROWS	20480
#define AD_RANK_ROWS	40960	/* for the counts in tails and bins */

/* The rows of a fit. */
typedef struct AdMatrix
{
	Size		rows;			/* > 0 */
	int			cols;			/* > 0 */
	const double *x;			/* rows x cols, row by row; finite */
	const uint8 *kinds;			/* AdColumnKind per column */
	uint64		seed;
} AdMatrix;

typedef struct AdDetector
{
	uint16		id;				/* AdDetectorId, stored in models */
	const char *name;			/* "iforest"; constructor ad_<name> */
	const AdOption *options;	/* of the constructor */
	int			noptions;
	Size		options_size;	/* of the struct they fill */
	bool		contains_rows;	/* models hold training rows */
	bool		squares;		/* it takes squares of differences of values,
								 * which must be numbers: AD_MAX_SQUARABLE */
	bool		searches;		/* a score takes a search among rows: fewer
								 * are scored for thresholds */
	double		time;			/* of a score with the default options, 10
								 * columns: microseconds, for the planner */

	/*
	 * The rows that a fit with these options can use: more of them would
	 * change nothing, or nothing that was measured.  A fit has them, or as
	 * many as there are, if that is more than AD_ENOUGH_ROWS.  Mandatory.
	 */
	Size		(*rows) (const void *options);

	/* The scaling it wants, given its options. */
	AdScale		(*scale) (const void *options);

	/*
	 * Whether, given its options, missing numbers stay NaN instead of being
	 * imputed.  NULL: never.
	 */
	bool		(*accepts_missing) (const void *options);

	/*
	 * Fit and append the payload; cancellable.  Any number of rows will do:
	 * where they are fewer than the options ask for, the most that they allow
	 * is fitted.
	 */
	void		(*fit) (const AdMatrix *m, const void *options,
						StringInfo payload);

	/*
	 * Check a payload and make a scorer of it, in the current context. Bytes
	 * are hostile: whatever this accepts, score() must survive.
	 */
	void	   *(*load) (AdReader *r, int cols);

	/*
	 * Prepare to score about so many rows, in the scorer's own context. NULL:
	 * it makes no difference.
	 */
	void		(*expect) (void *scorer, Size rows);

	/* The score of one dense row; higher is more anomalous. */
	double		(*score) (void *scorer, const double *x);

	/*
	 * What each column of a dense row contributes to its score, counted from
	 * a baseline that is the same for all rows; returns the baseline. score()
	 * has just been called for the row.  The caller makes up for what the sum
	 * misses of score - baseline, in proportion to the contributions, and for
	 * any that are not finite. "path": the cheap way, where there are two.
	 * NaN: this model has no such explanation; NULL: no model has.  Then
	 * features are left out one by one (explain.c).
	 */
	double		(*explain) (void *scorer, const double *x, bool path,
							double *contribution);

	/*
	 * Scores of the fit's own rows where they differ from score(): a row is
	 * not its own neighbour.  NULL: fit, load and score each.  Cancellable.
	 */
	void		(*in_sample) (const AdMatrix *m, const void *options,
							  double *scores);

	/*
	 * Scores of some rows that the model holds, each as if it was another row
	 * just like it, their number in *n; for those that score() gives 0, since
	 * they are there.  NULL: scores of the fit's rows are as those of others.
	 */
	double	   *(*left_out) (void *scorer, Size *n);

	/*
	 * What to subtract from a score and then to divide it by, so that it can
	 * be compared with those of fits to more or fewer rows of the same kind.
	 * NULL: such scores compare as they are.
	 */
	void		(*common_scale) (const void *scorer, const void *options,
								 double *shift, double *unit);

	/*
	 * What the score of a usual row may be off by, if rounding has moved the
	 * row by error.  NULL: scores are logarithms, shares or ratios, whose
	 * unit is 1, and off by AD_SCORE_ROUNDING.  The scorer is NULL after
	 * in_sample().
	 */
	double		(*rounding) (const void *scorer, double error);

	/* Append members of a JSON object about the fitted model, or NULL. */
	void		(*describe) (const void *scorer, StringInfo json);
} AdDetector;

/*
 * Whether a scorer has taken more memory while it scored, since this was set
 * back.
 */
extern bool ad_scorer_grew;

/*
 * What a fit that takes long calls to say how far it is, in few words; NULL:
 * nobody looks on.
 */
extern void (*ad_detector_phase) (const char *phase);

/* An option that goes without saying with a detector's name, and its value. */
typedef struct AdPreset
{
	const char *option;			/* NULL: there is none */
	const char *word;			/* NULL: it is no word */
	int			number;
	bool		truth;			/* it is true, not a number */
} AdPreset;

/* detector_name.c */
extern const AdDetector *ad_detector_by_name(const char *name);
extern const AdDetector *ad_detector_named(const char *name,
										   const AdPreset **preset);
extern char *ad_detector_spec(const char *name);
extern void ad_preset_value(const AdPreset *preset, JsonbValue *v);

/* detector.c */
extern const AdDetector *ad_detector_checked(const AdDetector *d);

/* AD_ENOUGH_ROWS, for those that estimate what many rows have in common. */
extern Size ad_detector_enough_rows(const void *options);
extern Size ad_detector_rank_rows(const void *options);

/*
 * How many a share of "all", or a number of them (AD_PART), is: from least to
 * most, but no more than all.
 */
extern int	ad_detector_part(double part, Size all, int least, int most);

/*
 * Draw up to max_rows rows of a matrix, uniformly by the fit's seed and in
 * ascending order: palloc'd positions, their number in *n.
 */
extern Size *ad_detector_reference_rows(const AdMatrix *m, int max_rows,
										Size *n);

/* The catalogue; defined by the detectors room, NULL-terminated. */
extern const AdDetector *const ad_detectors[];
extern const AdDetector *ad_detector_by_id(uint16 id);

#endif							/* AD_DETECTOR_H */
