/*-------------------------------------------------------------------------
 *
 * query_run.c
 *		Queries of ours over the rows of a user's query, run.
 *
 * Within SPI, in parallel workers where PostgreSQL can.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "operate/ad_own.h"
#include "rows/ad_query.h"
#include "sql/ad_receiver.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "tcop/pquery.h"

/*
 * Run a query of one row, in what for its duration is a read-only transaction.
 * Within SPI.
 */
void
ad_query_read_only(const char *sql, int nargs, Oid *types, Datum *values)
{
	bool		was_read_only = XactReadOnly;

	XactReadOnly = true;
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, true, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed");
	XactReadOnly = was_read_only;
}

/* Plan a query, for parallel workers if the planner likes.  Within SPI. */
SPIPlanPtr
ad_query_prepare(const char *sql, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, types,
										  CURSOR_OPT_PARALLEL_OK);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Run a query that fits: its one row is a model, or NULL if there was nothing
 * to fit to.  $1 is the spec.  In parallel if the planner likes, and in what
 * for its duration is a read-only transaction; an error ends the
 * (sub)transaction, which puts that back.  Within SPI.
 */
bytea *
ad_query_fit(const char *sql, Oid spec_type, Datum spec)
{
	bool		was_read_only = XactReadOnly;
	SPIPlanPtr	plan;
	Datum		model;
	bool		isnull;
	int			result;

	XactReadOnly = true;
	plan = ad_query_prepare(sql, 1, &spec_type);
	result = SPI_execute_plan(plan, &spec, NULL, true, 0);
	if (result != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "SPI_execute_plan failed: %s",
			 SPI_result_code_string(result));
	XactReadOnly = was_read_only;
	model = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &isnull);
	return isnull ? NULL : DatumGetByteaP(model);
}

/*
 * Return whether a query has a row: one that had nothing to fit to may have
 * rows that are NULL.  Read-only as in ad_query_fit().  Within SPI.
 */
bool
ad_query_has_rows(const AdQuery *q)
{
	bool		was_read_only = XactReadOnly;

	XactReadOnly = true;
	/* a comment may end the query, so a line ends it too */
	if (SPI_execute(psprintf("SELECT FROM (\n%s\n) _q LIMIT 1", q->text), true,
					1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	XactReadOnly = was_read_only;
	return SPI_processed > 0;
}

/*
 * Send the rows of a plan to a receiver, in parallel if the planner likes and
 * PostgreSQL can (from 14 on).  Within SPI.
 */
void
ad_query_stream(SPIPlanPtr plan, int nargs, const Oid *types, Datum *values,
				DestReceiver *dest)
{
#if PG_VERSION_NUM >= 140000
	SPIExecuteOptions options;

	/* an empty list crashes Citus */
	ParamListInfo params = nargs > 0 ? makeParamList(nargs) : NULL;
	int			result;

	for (int i = 0; i < nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	memset(&options, 0, sizeof(options));
	options.params = params;
	options.read_only = true;
	options.dest = dest;
	result = SPI_execute_plan_extended(plan, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan_extended failed: %s",
			 SPI_result_code_string(result));
#else
	Portal		portal = SPI_cursor_open(NULL, plan, values, NULL, true);

	(void) nargs;
	(void) types;
	while (PortalRunFetch(portal, FETCH_FORWARD, 10000, dest) > 0)
		CHECK_FOR_INTERRUPTS();
	SPI_cursor_close(portal);
#endif
}

/* Where scores go, one by one. */
typedef struct ScoreReceiver
{
	DestReceiver pub;
	void		(*take) (void *arg, double score);
	void	   *arg;
} ScoreReceiver;

/* Take the score of a row. */
static bool
take_score(TupleTableSlot *slot, DestReceiver *self)
{
	ScoreReceiver *r = (ScoreReceiver *) self;
	bool		isnull;
	Datum		score = slot_getattr(slot, 1, &isnull);

	if (!isnull)
		r->take(r->arg, DatumGetFloat8(score));
	return true;
}

/*
 * Score all rows of a query with a model, and hand over each score that there
 * is, in any order.  Within SPI.
 */
void
ad_query_scores(const AdQuery *q, bytea *model,
				void (*take) (void *arg, double score), void *arg)
{
	Oid			type = BYTEAOID;
	Datum		value = PointerGetDatum(model);
	ScoreReceiver r = {.take = take,.arg = arg};
	SPIPlanPtr	plan = ad_query_prepare(psprintf("SELECT %s._ad_score($1, %s)%s",
												 ad_internal_schema(), q->features,
												 ad_query_from(q)), 1, &type);

	ad_receiver_init(&r.pub, take_score);
	r.pub.mydest = DestTuplestore;	/* the rows are not discarded */
	ad_query_stream(plan, 1, &type, &value, &r.pub);
	SPI_freeplan(plan);
}
