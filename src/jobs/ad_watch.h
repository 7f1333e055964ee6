/*-------------------------------------------------------------------------
 *
 * ad_watch.h
 *		Jobs of kind watch: what the files of it share.
 *
 * A period of a table becomes a summary, the summary metrics, each metric a
 * point of a stream.  What is kept of a table as a whole, and of each column,
 * is a subject: the streams of its metrics, and what these are measured in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_WATCH_H
#define AD_WATCH_H

#include "jobs/ad_run.h"
#include "series/ad_stream.h"
#include "sketch/ad_distinct.h"
#include "sketch/ad_sketch.h"

#define AD_WATCH_COLUMNS	100 /* that are watched, at most */
#define AD_WATCH_SLOTS		96	/* of a period, to find its longest gap */
#define AD_WATCH_KNOWN		2000	/* categories of a column that are known */

/* Metrics; stored by number, so append and never change. */
typedef enum AdWatchMetric
{
	AD_WATCH_ROWS,
	AD_WATCH_FRESHNESS,
	AD_WATCH_GAP,
	AD_WATCH_NULL_SHARE,
	AD_WATCH_DISTINCT,
	AD_WATCH_UNIQUE_SHARE,
	AD_WATCH_TOP_SHARE,
	AD_WATCH_NEW_SHARE,
	AD_WATCH_MEAN,
	AD_WATCH_Q05,
	AD_WATCH_MEDIAN,
	AD_WATCH_Q95,
	AD_WATCH_MIN,
	AD_WATCH_MAX,
	AD_WATCH_METRICS			/* how many there are */
} AdWatchMetric;

/* What a metric is, which says how it is measured. */
typedef enum AdWatchScale
{
	AD_SCALE_COUNT,
	AD_SCALE_SHARE,
	AD_SCALE_SECONDS,
	AD_SCALE_VALUE				/* of the column */
} AdWatchScale;

typedef struct AdWatchMetricInfo
{
	const char *name;
	const char *phrase;			/* in a sentence, of a column or the table */
	AdWatchScale scale;
	bool		of_column;		/* else of the table */
	bool		numbers;		/* of columns that are numbers or times */
	bool		categories;		/* of those that are categories */
	bool		above;			/* only more than expected is an anomaly */
} AdWatchMetricInfo;

/* A bound that was given. */
typedef struct AdWatchBound
{
	AdWatchMetric metric;
	char	   *column;			/* NULL: of the table, or of every column */
	double		min;			/* NaN: none */
	double		max;
} AdWatchBound;

/* Where periods begin; watch_calendar.c. */
typedef struct AdCalendar
{
	AdPlaceType type;			/* of places */
	pg_tz	   *zone;
	int64		length;			/* microseconds, as a wall clock has them */
	int64		origin;			/* a beginning, on the wall clock */
} AdCalendar;

extern bool ad_calendar_init(AdCalendar *c, const Interval *period);
extern int64 ad_calendar_start(const AdCalendar *c, int64 place);
extern int64 ad_calendar_next(const AdCalendar *c, int64 start);
extern int64 ad_calendar_before(const AdCalendar *c, int64 start, int64 periods);
extern int64 ad_calendar_number(const AdCalendar *c, int64 start);
extern int	ad_calendar_seasons(const AdCalendar *c, uint32 *points);

/* A column of the source that is watched. */
typedef struct AdWatchColumn
{
	char	   *name;
	bool		there;			/* the source has it */
	bool		has_values;		/* of a type whose values are looked at */
	AdClass		class;			/* then */
	AdSource	source;
	int			feature;		/* of the sketch; -1: none */
} AdWatchColumn;

/* What was seen of a column in a period. */
typedef struct AdWatchSeen
{
	uint64		nulls;			/* and NaN */
	uint64		n;				/* finite numbers */
	double		mean;			/* of them */
	AdDistinct *distinct;
} AdWatchSeen;

/* A period, as its rows are read. */
typedef struct AdWatchPeriod
{
	int64		start;
	int64		end;
	uint64		rows;
	int64		first[AD_WATCH_SLOTS];	/* places in each slot; first > last: */
	int64		last[AD_WATCH_SLOTS];	/* none */
	AdWatchSeen *seen;			/* of each column */
	AdSketch   *sketch;			/* NULL: no column has values */
} AdWatchPeriod;

/* What is known of a column's values in a period, once it is read. */
typedef struct AdWatchFacts
{
	double		value[AD_WATCH_METRICS];	/* NaN: none */
	double		of[AD_WATCH_METRICS];	/* how many a share or value is of */
	double		spread;			/* of the values; NaN: not known */
	int			nhashes;		/* of the categories; -1: too many */
	uint64	   *hashes;
	uint64	   *counts;			/* rows of each */
} AdWatchFacts;

/* The table, or a column, as it is kept. */
typedef struct AdWatchSubject
{
	char	   *name;			/* "": the table */
	int			class;			/* AdClass; 0: the values are not looked at */
	bool		gone;			/* the source had no such column */
	bool		changed;		/* to be stored */
	double		spread;			/* of the values as a rule; 0: not known */
	double		unit;			/* that values are measured in; 0: not yet */
	bool		known_full;		/* more categories than are known */
	int			nknown;
	uint64	   *known;			/* hashes of categories, sorted */
	AdStream   *streams[AD_WATCH_METRICS];	/* NULL: not begun */
} AdWatchSubject;

/* What is said of a metric. */
typedef enum AdWatchVerdict
{
	AD_WATCH_NO_VALUE,
	AD_WATCH_LEARNING,			/* nothing can be said yet */
	AD_WATCH_LABELLED,			/* as an anomaly, so it was not learnt */
	AD_WATCH_OK,
	AD_WATCH_LOW,				/* than learnt */
	AD_WATCH_HIGH,
	AD_WATCH_BELOW_MIN,			/* of the bounds given */
	AD_WATCH_ABOVE_MAX
} AdWatchVerdict;

/* A metric of a period. */
typedef struct AdWatchPoint
{
	AdWatchSubject *subject;
	AdWatchMetric metric;
	int64		place;			/* of the period's start */
	double		value;			/* NaN: none */
	double		expected;		/* NaN: not known */
	double		lower;
	double		upper;
	double		score;			/* deviations; NaN: not judged */
	AdWatchVerdict verdict;
	double		bound;			/* that was broken; NaN: none */
} AdWatchPoint;

/* How far a watch has come; AdJobState.stream as bytes. */
typedef struct AdWatchPlace
{
	int64		ready;			/* no more rows are expected below */
	int64		next;			/* the first period that was not read */
	int64		counted;		/* rows from here to next are counted in
								 * AdJobState.forgotten */
	int64		alert_from;		/* earlier periods are learnt from only */
	int64		newest;			/* row of those periods; least: none */
	int64		stale;			/* no row until here may be too long;
								 * greatest: never */
} AdWatchPlace;

/* A batch. */
typedef struct AdWatch
{
	AdBatch    *b;
	AdJobSource source;
	AdCalendar	calendar;
	AdLag		lag;
	int64		clock;			/* as the time column has it */
	AdWatchPlace place;
	int64		latest;			/* row that is known of, also of the open
								 * period; least: none */
	bool		metrics[AD_WATCH_METRICS];	/* that are asked for */
	AdWatchBound *bounds;
	int			nbounds;
	AdWatchColumn *columns;
	int			ncolumns;
	AdWatchSubject **subjects;	/* the table, then each column */
	int			nsubjects;
	AdWatchPeriod *periods;
	int			nperiods;
	List	   *labelled;		/* AdWatchLabel */
	AdWatchPoint *points;		/* of the batch */
	int			npoints;
	int			max_points;
	AdHit	   *hits;
	int			nhits;
	int			max_hits;
} AdWatch;

/* watch_metrics.c */
extern const AdWatchMetricInfo ad_watch_metrics[AD_WATCH_METRICS];
extern int	ad_watch_metric(const char *name, Size len);
extern char *ad_watch_metric_key(AdWatchMetric metric, const char *column);
extern bool ad_watch_applies(AdWatchMetric metric, const AdWatchColumn *column);
extern void ad_watch_facts_table(const AdWatchPeriod *p, int64 newest,
								 AdPlaceType type, AdWatchFacts *out);
extern void ad_watch_facts_column(const AdWatchPeriod *p,
								  const AdWatchColumn *column, int i,
								  const AdView *view, double origin,
								  AdWatchFacts *out);

/* watch_judge.c */
extern void ad_watch_judge(AdWatch *w, AdWatchSubject *s, AdWatchMetric metric,
						   const AdWatchFacts *facts, int64 start, bool labelled,
						   AdWatchPoint *out);
extern void ad_watch_judge_open(AdWatch *w, AdWatchSubject *s,
								AdWatchMetric metric, int64 start,
								double value, AdWatchPoint *out);
extern void ad_watch_learn_column(AdWatchSubject *s, AdWatchFacts *facts);
extern void ad_watch_know(AdWatchSubject *s, AdWatchFacts *facts);

/* watch_bytes.c */
extern bytea *ad_watch_place_write(const AdWatchPlace *p);
extern void ad_watch_place_read(const bytea *stored, AdWatchPlace *p);
extern bytea *ad_watch_subject_write(const AdWatchSubject *s);
extern void ad_watch_subject_read(const bytea *stored, AdWatchSubject *s);

/* sql_watch_options.c */
extern void ad_watch_options(const AdJob *j, bool *metrics,
							 AdWatchBound **bounds, int *nbounds);

/* sql_watch_read.c */
extern void ad_watch_columns(AdWatch *w);
extern void ad_watch_read(AdWatch *w);
extern bool ad_watch_edge(AdWatch *w, const AdJob *j, bool greatest,
						  int64 from, int64 below, int64 *out);
extern int64 ad_watch_rows(const AdWatch *w, const AdJob *j, int64 from,
						   int64 below);

/* sql_watch_job.c */
extern void ad_watch_begin(AdWatch *w, const AdJob *j);
extern void ad_watch_learn_from(AdWatch *w, const AdJob *j, AdJobState *s,
								int64 alert_from);

/* sql_watch_tables.c */
extern void ad_watch_load(AdWatch *w, bool table_only);
extern void ad_watch_store(AdWatch *w);
extern void ad_watch_clear(int32 job);
extern void ad_watch_labels(AdWatch *w, int64 from, int64 below);
extern bool ad_watch_is_labelled(const AdWatch *w, const char *key, int64 place);
extern int64 ad_watch_stored_rows(int32 job, int64 from, int64 below);

/* sql_watch_alert.c */
extern void ad_watch_alert(AdWatch *w, const AdWatchPoint *p, int64 end);
extern void ad_watch_alert_column(AdWatch *w, const char *column,
								  const char *what, int64 start);
extern const char *ad_watch_verdict_name(AdWatchVerdict verdict);

#endif							/* AD_WATCH_H */
