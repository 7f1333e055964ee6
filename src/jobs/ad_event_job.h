/*-------------------------------------------------------------------------
 *
 * ad_event_job.h
 *		Jobs over order events: layering, wash trades.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_EVENT_JOB_H
#define AD_EVENT_JOB_H

#include "jobs/ad_ordered.h"
#include "market/ad_order_log.h"
#include "market/ad_query_reader.h"

/* What becomes an alert, and where it stands among others. */
typedef struct AdEventHit
{
	AdHit		hit;
	int64		decided;		/* when nothing could change it any more */
	char	   *partition;		/* its key as JSON */
	int			found;			/* how many were found before it */
	bool		repeated;		/* begins with a row that another begins with */
} AdEventHit;

/* A batch of such a job; the kind's begins with it. */
typedef struct AdEventBatch
{
	AdOrdered	o;				/* must be first */
	AdQueryReader *q;			/* what the columns are */
	AdArena		arena;			/* ids of orders and rows */
	FmgrInfo	to_jsonb;		/* of a row; see ad_event_json() */
	AdEventHit *hits;
	int			n;
	int			max;
} AdEventBatch;

/* A row of it. */
typedef struct AdEventRow
{
	AdOrderedRow head;			/* must be first */
	AdEvent		e;
	AdRowName	name;
	AdBadRow	bad;			/* only e.ts is set then */
} AdEventRow;

/* sql_event_rows.c */
extern void ad_event_source(AdEventBatch *l, AdBatch *b, AdMarketOwner owner,
							const AdOrderedKind *kind);
extern void ad_event_write_columns(const AdOrdered *o, StringInfo w);
extern void ad_event_list(const AdOrdered *o, StringInfo buf);
extern void ad_event_describe(AdOrdered *o, TupleDesc desc);
extern void ad_event_take(AdOrderedReader *r, AdOrderedRow *head,
						  const Datum *values, const bool *nulls);

/* sql_event_hits.c */
extern char *ad_event_name(const AdRowName *name);
extern AdEventHit *ad_event_hit(AdEventBatch *l, char *const *keys,
								const AdRowName *first, int side, int64 start);
extern Jsonb *ad_event_json(AdEventBatch *l, TupleDesc desc, Datum *values,
							bool *nulls);
extern void ad_event_alerts(AdEventBatch *l);
extern void ad_event_watermark(const AdEventBatch *l, int64 horizon);

#endif							/* AD_EVENT_JOB_H */
