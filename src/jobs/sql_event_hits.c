/*-------------------------------------------------------------------------
 *
 * sql_event_hits.c
 *		What a batch over order events has found, and the alerts of it.
 *
 * Alerts are told in the order in which they were decided, so that cooldown
 * and limit see the same order however the log was cut.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_event_job.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

/* A name of a row as text; NULL if there is none. */
char *
ad_event_name(const AdRowName *name)
{
	return name->name ? pnstrdup(name->name, name->len) : NULL;
}

/*
 * Another hit, of a partition's columns, that begins with a row at a time; in
 * the context of the batch, which is current then.  Score, row and when it was
 * decided are the caller's.
 */
AdEventHit *
ad_event_hit(AdEventBatch *l, char *const *keys, const AdRowName *first,
			 int side, int64 start)
{
	const AdQueryReader *q = l->q;
	AdEventHit *h;

	MemoryContextSwitchTo(l->o.b->mcxt);
	if (l->n == l->max)
	{
		int			max = Max(64, l->max * 2);

		l->hits = l->hits ? repalloc_huge(l->hits, ad_mul_size(max, sizeof(AdEventHit))) :
			palloc(max * sizeof(AdEventHit));
		l->max = max;
	}
	h = &l->hits[l->n++];
	memset(h, 0, sizeof(AdEventHit));
	h->found = l->n;
	h->partition = JsonbToCString(NULL, &DatumGetJsonbP(ad_partition_key(q->keys, q->nkeys, keys))->root, 0);
	h->hit.watermark = ad_place_text(start, AD_PLACE_TIMESTAMPTZ);
	h->hit.key = ad_event_name(first);
	if (h->hit.key == NULL)
		h->hit.key = psprintf("%s %s %s", h->partition, ad_side_word(side),
							  timestamptz_to_str(start));
	h->hit.place = start;
	h->hit.entity = keys[0] ? pstrdup(keys[0]) : NULL;
	h->hit.has_event_at = true;
	h->hit.event_at = start;
	h->hit.p_value = NAN;
	return h;
}

/* A row as jsonb; the descriptor is blessed. */
Jsonb *
ad_event_json(AdEventBatch *l, TupleDesc desc, Datum *values, bool *nulls)
{
	if (l->to_jsonb.fn_oid == InvalidOid)
	{
		MemoryContext old = MemoryContextSwitchTo(l->o.b->mcxt);
		Node	   *argument = (Node *) makeNullConst(RECORDOID, -1, InvalidOid);

		fmgr_info_cxt(F_TO_JSONB, &l->to_jsonb, l->o.b->mcxt);
		fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID,
												 list_make1(argument), InvalidOid,
												 InvalidOid, COERCE_EXPLICIT_CALL),
						   &l->to_jsonb);
		MemoryContextSwitchTo(old);
	}
	return DatumGetJsonbP(FunctionCall1(&l->to_jsonb,
										HeapTupleGetDatum(heap_form_tuple(desc, values, nulls))));
}

/* By when they were decided, then so that the order is always the same. */
static int
compare_hits(const void *a, const void *b)
{
	const AdEventHit *x = a;
	const AdEventHit *y = b;
	int			c;

	if (x->decided != y->decided)
		return x->decided < y->decided ? -1 : 1;
	if (x->hit.place != y->hit.place)
		return x->hit.place < y->hit.place ? -1 : 1;
	c = strcmp(x->hit.key, y->hit.key);
	if (c == 0)
		c = strcmp(x->partition, y->partition);
	return c != 0 ? c : (x->found > y->found) - (x->found < y->found);
}

/* Hits of one row, in the order of the log. */
static int
compare_rows(const void *a, const void *b)
{
	const AdEventHit *x = *(const AdEventHit *const *) a;
	const AdEventHit *y = *(const AdEventHit *const *) b;
	int			c;

	if (x->hit.place != y->hit.place)
		return x->hit.place < y->hit.place ? -1 : 1;
	c = strcmp(x->hit.key, y->hit.key);
	return c != 0 ? c : (x > y) - (x < y);
}

/*
 * Keep the first of the hits that begin with one row, as a log with rows that
 * are in it twice has them: a row alerts once, and is counted once.
 */
static void
drop_repeated(AdEventBatch *l)
{
	AdEventHit **rows = ad_palloc_array(AdEventHit *, l->n);
	AdEventHit *last = NULL;
	int			n = 0;

	for (int i = 0; i < l->n; i++)
		rows[i] = &l->hits[i];
	qsort(rows, l->n, sizeof(AdEventHit *), compare_rows);
	for (int i = 0; i < l->n; i++)
	{
		if (last != NULL && last->hit.place == rows[i]->hit.place &&
			strcmp(last->hit.key, rows[i]->hit.key) == 0)
			rows[i]->repeated = true;
		else
			last = rows[i];
	}
	for (int i = 0; i < l->n; i++)
		if (!l->hits[i].repeated)
			l->hits[n++] = l->hits[i];
	l->n = n;
}

/* Write the alerts of a batch. */
void
ad_event_alerts(AdEventBatch *l)
{
	AdHit	   *hits = ad_palloc_array(AdHit, Max(l->n, 1));

	if (l->n > 1)
	{
		qsort(l->hits, l->n, sizeof(AdEventHit), compare_hits);
		drop_repeated(l);
	}
	for (int i = 0; i < l->n; i++)
		hits[i] = l->hits[i].hit;
	ad_job_alert(l->o.b, hits, l->n);
}

/*
 * Set the watermark: what starts before it is decided, once so much time has
 * passed.  It goes no further than the log, so that events of long ago may
 * still be loaded.
 */
void
ad_event_watermark(const AdEventBatch *l, int64 horizon)
{
	AdJobState *s = l->o.b->state;
	const AdOrderedPlace *p = &l->o.place;

	if (p->known == p->after)
		return;
	s->has_w = s->has_m = true;
	s->w = s->m = Max(Min(ad_time_sub(p->complete, horizon), p->known) + 1, p->floor);
}
