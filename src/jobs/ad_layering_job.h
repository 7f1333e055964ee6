/*-------------------------------------------------------------------------
 *
 * ad_layering_job.h
 *		Jobs of kind layering: what the files of it share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_LAYERING_JOB_H
#define AD_LAYERING_JOB_H

#include "jobs/ad_run.h"
#include "market/ad_order_log.h"
#include "market/ad_query_reader.h"

#define AD_PART_DIGEST		16	/* bytes of a partition's name */

/* How far a layering job has come; AdJobState.stream as bytes. */
typedef struct AdLayeringPlace
{
	int64		known;			/* of the last event that was read, or the
								 * time before the first */
	int64		ready;			/* no more events are expected up to here */
	int64		complete;		/* of those up to here, all were read */
	int64		floor;			/* sequences that start earlier are not told */
	int64		after;			/* no event up to here was read; how many were
								 * since is in AdJobState.forgotten */
} AdLayeringPlace;

/* A row of a batch. */
typedef struct AdLayeringRow
{
	AdEvent		e;
	AdRowName	name;
	AdBadRow	bad;			/* only e.ts is set then */
} AdLayeringRow;

/* A row that is no event. */
typedef struct AdLayeringBad
{
	int64		ts;
	AdRowName	name;
	ErrorData  *error;
} AdLayeringBad;

/* What a batch has read of a partition. */
typedef struct AdLayeringPart
{
	char	   *keys;			/* its columns as bytes: ad_part_texts() */
	uint32		keys_len;
	uint32		hash;
	uint32		n;
	uint32		capacity;
	AdLayeringRow *rows;
} AdLayeringPart;

/* Reads the rows of a batch into partitions. */
typedef struct AdLayeringReader
{
	DestReceiver pub;			/* must be first */
	AdQueryReader *q;			/* what the columns are */
	MemoryContext mcxt;			/* of the batch */
	MemoryContext row_mcxt;		/* reset every so many rows */
	AdArena		arena;
	StringInfoData keys;		/* of the row at hand */
	AdLayeringPart *parts;
	uint32		nparts;
	uint32		max_parts;
	uint32	   *slots;			/* parts by hash; a power of two */
	uint32		nslots;
	int64		rows;
	List	   *bad;			/* AdLayeringBad */
	int64		first;			/* times of the first and last row */
	int64		last;
	int64		before_last;	/* the time before the last */
} AdLayeringReader;

/* Which rows are read. */
typedef struct AdLayeringRange
{
	int64		after;			/* of times after this ... */
	int64		upto;			/* ... and up to this */
	int64		limit;			/* as many; 0: all */
	bool		one;			/* only those with this id */
	const char *id;				/* as text; NULL: none */
	AdLayeringReader *into;		/* of ad_layering_try(): add to this; NULL: to
								 * a new one */
} AdLayeringRange;

/* sql_layering_rows.c */
extern AdLayeringReader *ad_layering_reader(AdQueryReader *q);
extern void ad_layering_read(AdLayeringReader *r, const char *sql,
							 const AdLayeringRange *range);
extern void ad_layering_forget(AdLayeringReader *r);

/* sql_layering_careful.c */
extern AdLayeringReader *ad_layering_try(AdQueryReader *q, const char *sql,
										 const AdLayeringRange *range,
										 ErrorData **error);
extern AdLayeringReader *ad_layering_read_carefully(AdBatch *b, AdQueryReader *q,
													const AdJobSource *source,
													int64 after, int64 *upto,
													int64 limit,
													ErrorData *error);
extern void ad_layering_timeless(AdBatch *b, AdQueryReader *q,
								 const AdJobSource *source);

/* sql_layering_parts.c */
extern void ad_part_texts(const char *keys, uint32 len, int n, char **texts);
extern void ad_parts_advance(AdBatch *b, AdLayeringReader *r,
							 const AdLayeringPlace *place,
							 void (*found) (void *arg, char *const *keys,
											const AdDecided *d), void *arg);
extern void ad_parts_end(int32 job, const AdLayeringConfig *c, int64 before,
						 int64 known);
extern void ad_parts_clear(int32 job);

#endif							/* AD_LAYERING_JOB_H */
