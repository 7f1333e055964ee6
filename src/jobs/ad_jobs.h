/*-------------------------------------------------------------------------
 *
 * ad_jobs.h
 *		What a job is, what a batch of it is, and what a kind of jobs does.
 *
 * A watermark is a place: an int64, an integer as it is, a time as
 * microseconds (place.c).  A version of a row is its key, as text, and its
 * place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_JOBS_H
#define AD_JOBS_H

#include "core/ad_core.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* On what an alert is raised. */
typedef enum AdJobRule
{
	AD_RULE_SCORE,				/* a score of at least the value */
	AD_RULE_P_VALUE,			/* a p-value of at most the value */
	AD_RULE_FDR,				/* false discoveries, a share of the alerts */
	AD_RULE_WINDOW_SCORE,		/* of series: the same of other scores */
	AD_RULE_SHAPE_SCORE,
	AD_RULE_COMBINED_SCORE,
	AD_RULE_VERDICT				/* of series: what their scores say; 1 or -1:
								 * only above, or below */
} AdJobRule;

/* What becomes of a row that cannot be scored. */
typedef enum AdJobOnError
{
	AD_JOB_SKIP,				/* it is noted, the job goes on */
	AD_JOB_ERROR				/* the run fails */
} AdJobOnError;

/* A job, as it was asked for; palloc'd, with all it points to. */
typedef struct AdJob
{
	int32		id;
	char	   *name;
	Oid			owner;			/* InvalidOid: a role that is gone, or none */
	char	   *owner_name;		/* "": it has none */
	const struct AdJobKind *kind;
	char	   *source;			/* a table or view by name, or a query */
	char	   *search_path;	/* that the source is read with */
	char	   *timezone;		/* and the time zone */
	char	   *watermark;		/* column */
	char	   *key;			/* column; NULL: the kind needs none */
	char	   *entity;			/* column, or NULL */
	char	   *model;			/* or NULL */
	char	   *model_by;		/* column of the entity whose model of the
								 * name is meant, or NULL */
	int			nfeatures;		/* 0: those of the model, by name */
	char	  **features;		/* columns */
	AdJobRule	rule;
	double		rule_value;
	int			batch_size;
	char	   *lag;			/* as it was given */
	Interval   *cooldown;		/* or NULL */
	int			limit_per_hour; /* 0: none */
	int			explain;		/* features of an explanation */
	char	   *since;			/* a watermark, or NULL */
	AdJobOnError on_error;
	int64		seen_limit;		/* versions that are remembered */
	char	   *late_check;		/* interval: how often a run counts what came
								 * too late */
	Jsonb	   *options;		/* of the kind, or NULL */
	int			pause_after;	/* failures in a row; 0: never */
	Jsonb	   *health;			/* limits that ad_health() warns at, or NULL */
	char	  **partition_by;	/* events: columns, NULL after the last */
	char	  **order_by;		/* the same */
	Jsonb	   *columns;		/* events: what these are called, or NULL */
	bool		per_burst;		/* wash trades: one alert per burst */
	char	   *value_column;	/* series */
	int			nseries_columns;
	char	  **series_columns;
	int			method;			/* AdSeriesMethod */
	int			window_points;	/* that are scored together */
	int			max_series;
	char	   *dead_after;		/* interval or number, or NULL */
	char	   *history;		/* the same: what is learnt from before since */
	char	   *period;			/* watch: interval */
	char	  **watched;		/* watch: columns; NULL: all */
	char	  **metrics;		/* watch: that are followed; NULL: all */
	Jsonb	   *bounds;			/* watch: of metrics, or NULL */
	int			history_periods;	/* watch: that are learnt from first;
									 * AD_NO_INT: as many as suit the period */
	int			keep;			/* watch: periods whose metrics are kept */

	/* as the options hold them (definitions.c) */
	Jsonb	   *rule_option;
	char	   *cooldown_option;	/* an interval, or NULL: none */
	int			limit_option;	/* AD_NO_INT: none */
} AdJob;

/* How far a job has come: a row of _ad_job_state. */
typedef struct AdJobState
{
	char	   *type;			/* of its watermark, or NULL: not known yet */
	bool		has_w;
	int64		w;				/* settled: nothing below it less the lag is
								 * missing but what came late */
	bool		has_m;
	int64		m;				/* greatest that was read */
	int64		low;			/* F: what was scored above it is all
								 * remembered; least of all: all */
	bool		has_gate;
	int64		gate;			/* greatest that was read when the source was
								 * truncated */
	bool		has_mark;
	int64		mark;			/* will be w ... */
	List	   *holders;		/* ... when these (char *) have ended */
	TimestampTz marked_at;		/* when it was made */
	int			generation;		/* of the source: how often it was truncated */
	char	   *snapshot;		/* that the last batch read with, or NULL */
	char	   *filenodes;		/* of the source then, or NULL */
	char	   *origin;			/* server and timeline then, or NULL */
	bool		has_jump;
	int64		jump;			/* lowest place that was set aside */
	int			jumps;			/* versions above it since */
	int64		forgotten;		/* versions below low that were scored; -1:
								 * not known */
	bytea	   *fdr;			/* wealth, or NULL */
	bytea	   *stream;			/* of the kind, or NULL */
} AdJobState;

/* An alert that a kind asks for; cooldown and limit may hold it back. */
typedef struct AdHit
{
	char	   *key;			/* in UTF-8 or whatever the database has */
	int64		place;
	char	   *watermark;		/* as text, in the job's time zone */
	char	   *entity;			/* or NULL */
	bool		has_event_at;
	TimestampTz event_at;		/* unless has_event_at: the time of scoring */
	double		score;
	double		p_value;		/* NaN: none */
	Jsonb	   *explanation;	/* or NULL */
	Jsonb	   *row;
	int32		model_version;	/* 0: none */
} AdHit;

/* One batch of a run: one transaction, as the job's owner. */
typedef struct AdBatch
{
	const AdJob *job;
	AdJobState *state;			/* locked; stored when the batch is done */
	int32		run;			/* number in the log */
	bool		has_until;
	TimestampTz until;			/* later rows are left for later */
	MemoryContext mcxt;			/* current, until the batch is done */
	struct AdRun *sweep;		/* what is kept from batch to batch */
	int64		rows;			/* out: versions that were scored */
	int64		alerts;			/* out: written */
	int64		suppressed;		/* out: held back */
	int64		fallback;		/* out: scored by the common model */
	int64		unscored;		/* out: of rows, for want of a model */
} AdBatch;

struct AdRetrain;				/* ad_retrain.h */

/* A kind of jobs: one const AdJobKind each, in the list of sql_job.c. */
typedef struct AdJobKind
{
	const char *name;			/* as in _ad_job.kind */

	/*
	 * Do one batch, in a subtransaction, of a transaction that is READ
	 * COMMITTED and has an active snapshot.  Return whether there may be more
	 * to do.  An error is the run's.
	 */
	bool		(*batch) (AdBatch *b);

	/*
	 * Of a kind that remembers no versions, else NULL: how many rows the
	 * source has where the job has been, of which it has read as many as
	 * AdJobState.forgotten says; and begin at a place again, returning how
	 * many rows are read again.
	 */
	int64		(*passed) (const AdJob *j, const AdJobState *s);
	int64		(*rescan) (const AdJob *j, AdJobState *s, int64 from);

	/*
	 * Train again what it judges by, as ad_retrain() asks, for who has the
	 * rights of its owner; return what was decided, palloc'd.  Within SPI;
	 * what it changes it locks.  NULL: it judges by rules, and has nothing to
	 * train.
	 */
	Jsonb	   *(*retrain) (const AdJob *j, const struct AdRetrain *asked);
} AdJobKind;

/* sql_job.c: the one place that knows how a job is stored */
extern AdJob *ad_job_read(int32 id);
extern AdJob *ad_job_look(int32 id);
extern const AdJobKind *ad_job_kind(const char *name);

/* sql_alerts.c */
extern void ad_job_alert(AdBatch *b, AdHit *hits, int n);

/* sql_lock.c */
extern const char *ad_job_running(void);
extern void ad_job_release(void);

/* sql_progress.c */
extern void ad_job_show_progress(const char *name, int64 rows);

#endif							/* AD_JOBS_H */
