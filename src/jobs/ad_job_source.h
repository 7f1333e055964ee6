/*-------------------------------------------------------------------------
 *
 * ad_job_source.h
 *		The source of a job: its query, its columns, the tables below it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_JOB_SOURCE_H
#define AD_JOB_SOURCE_H

#include "jobs/ad_jobs.h"
#include "jobs/ad_place.h"

/* palloc'd in the batch's context. */
typedef struct AdJobSource
{
	char	   *sql;			/* a SELECT, to stand in parentheses */
	TupleDesc	columns;
	int			watermark;		/* column, from 0 */
	Oid			watermark_type;
	AdPlaceType type;			/* of places */
	int			key;			/* column, -1: the kind has none */
	char	   *key_text;		/* SQL: the key of _q as text */
	bool		key_sorts;		/* its own order tells texts apart */
	char	   *entity_text;	/* SQL, or NULL */
	bool		not_null;		/* no watermark is NULL */
	List	   *tables;			/* OIDs: what writers lock, and a batch reads */
	List	   *origins;		/* OIDs: of those, whose column the watermark
								 * is, or a column of whose children */
	bool		local;			/* writers' locks on all tables are here */
	bool		distributed;	/* it is on shards, of Citus */
} AdJobSource;

extern void ad_job_source(const AdJob *j, AdJobSource *out);
extern int64 ad_source_rows(const AdJob *j, const AdJobSource *source,
							int64 least, int64 below,
							bool unseen);
extern void ad_job_path(const char *search_path);

/* sql_holders.c */
extern List *ad_holders(List *tables);
extern bool ad_holders_ended(List **holders, List *now);
extern int64 ad_holders_ready(AdJobState *s, const AdJobSource *source,
							  int64 mark, int64 ready);

/* sql_truncate.c */
extern char *ad_filenodes(const AdJobSource *source);
extern bool ad_source_truncated(const AdJobSource *source, const char *snapshot);
extern char *ad_origin(void);

/* sql_narrow.c */
extern void ad_execute_narrow(const char *sql, int n, Oid *types,
							  Datum *values);

#endif							/* AD_JOB_SOURCE_H */
