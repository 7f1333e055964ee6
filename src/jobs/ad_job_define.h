/*-------------------------------------------------------------------------
 *
 * ad_job_define.h
 *		What a job is defined by: its options, by kind, and its columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_JOB_DEFINE_H
#define AD_JOB_DEFINE_H

#include "postgres.h"

#include "core/ad_options.h"
#include "jobs/ad_jobs.h"

#define AD_MAX_JOB_NAME		63	/* bytes */

/* The source of a job as a query, and its columns. */
typedef struct AdJobColumns
{
	char	   *sql;			/* for use as a subquery */
	Oid			relation;		/* if it is but one, else InvalidOid */
	int			n;
	char	  **names;
	Oid		   *types;
} AdJobColumns;

/* How jobs of a kind are defined. */
typedef struct AdJobDefinition
{
	const char *kind;
	const AdOption *options;	/* of AdJob */
	int			noptions;
	const char *const *fixed;	/* options that stay as they are; ends in NULL */
	bool		has_clock;		/* the watermark must be a timestamptz */

	/* Set what follows from other options, once they are read; NULL: nothing. */
	void		(*derive) (AdJob *job);

	unsigned int rules;			/* bits of AdJobRule; 0: score, p_value, fdr */
	const char *rule;			/* where none is given, as JSON; or NULL */
	const char *watermark;		/* what messages call it; NULL: that */
	const char *lags[2];		/* the same of the lag, of times and of
								 * integers */

	/* Spell out options that are the kind's own; NULL: it has none. */
	void		(*complete) (AdJob *job);

	/* Raise what is wrong with a job, and complete it. */
	void		(*check) (AdJob *job, const AdJobColumns *source);

	/* Say what a change leads to; NULL: nothing that needs to be said. */
	void		(*changed) (const AdJob *before, const AdJob *after);
} AdJobDefinition;

/* An option whose member of AdJob has another name, or another form. */
#define AD_OPTION_AT(name, type, member, dflt, min, max) \
	{name, type, offsetof(AdJob, member), dflt, min, max, NULL, NULL, false, false}

/* The options of every kind that say how its jobs are watched. */
#define AD_JOB_WATCH_OPTIONS \
	AD_INT(AdJob, pause_after, 5, 0, 1000), \
	AD_JSON(AdJob, health, 1024)

/* A job, for those that change it. */
typedef struct AdJobRow
{
	int32		id;
	Oid			owner;			/* a role, perhaps gone, or AD_ROLE_NOBODY */
	char	   *name;
} AdJobRow;

/* definitions.c */
extern const char *const ad_job_on_error_names[];
extern const AdJobDefinition *ad_job_definition(const char *kind);
extern void ad_job_options_read(AdJob *job, Jsonb *options);
extern void ad_job_options_finish(AdJob *job);
extern Jsonb *ad_job_options_full(const AdJob *job);

/* sql_*_options.c */
extern const AdJobDefinition ad_job_define_model;
extern const AdJobDefinition ad_job_define_layering;
extern const AdJobDefinition ad_job_define_wash;
extern const AdJobDefinition ad_job_define_series;
extern const AdJobDefinition ad_job_define_watch;

/* rule.c */
extern void ad_job_rule_read(AdJob *job, const AdJobDefinition *d);
extern void ad_job_rule_warn(const AdJob *job, double least_p);

/* health.c */
extern void ad_health_limits_check(Jsonb *given, bool of_model);
extern char *ad_health_limits_full(Jsonb *given);

/* sql_job.c */
extern AdJob *ad_job_read_options(int32 id);

/* sql_own_job.c */
extern Datum ad_job_column_of_row(int n);
extern bool ad_job_is_own(Oid owner);
extern bool ad_job_is_seen(const AdJobRow *job);
extern bool ad_job_exists(Datum name);
extern void ad_job_own(Datum name, bool isnull, const char *lock,
					   AdJobRow *out);
extern void ad_job_may_label(Datum name, AdJobRow *out);
extern Datum ad_job_name_result(const char *name);
extern void ad_job_no_job(const char *name) pg_attribute_noreturn();

/* sql_columns.c */
extern void ad_job_columns_read(const AdJob *job, AdJobColumns *out);
extern void ad_job_columns_arrays(const AdJobColumns *source, Datum *names,
								  Datum *types);
extern Oid	ad_job_column(const AdJobColumns *source, const char *name,
						  const char *what);
extern bool ad_job_watermark_is_time(Oid type);

/* try.c */
extern bool ad_job_reads_as(const char *given, Oid type, Datum *value);

/* sql_check.c */
extern void ad_job_check_interval(const char *text, const char *name,
								  bool positive);
extern void ad_job_check(AdJob *job, bool reads);

/* sql_define.c */
extern char *ad_job_new_name(Datum name, bool isnull);

/* sql_health.c */
extern text *ad_health_model_name(Datum name);

/* sql_pause.c */
extern bool ad_job_resume(int32 id);

/* sql_schedule.c */
extern bool ad_job_unschedule(const AdJobRow *job);
extern void ad_job_forget_schedules(const AdJobRow *job);
extern void ad_job_reschedule(const AdJobRow *job, const char *name,
							  Oid owner);

#endif							/* AD_JOB_DEFINE_H */
