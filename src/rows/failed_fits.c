/*-------------------------------------------------------------------------
 *
 * failed_fits.c
 *		One warning for all fits of a statement that ended in NULL.
 *
 * With ad_prepare(on_error => 'null') a fit whose data are at fault gives
 * NULL.  They are counted until the memory of the statement goes, which is
 * that of its portal; a parallel worker, which has no portal, counts what it
 * has fitted itself and warns when its part of the plan ends.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_failed_fits.h"

#include "access/xact.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* The failed fits of a statement, in its memory. */
typedef struct FailedFits
{
	MemoryContext statement;
	dlist_node	node;			/* in counted */
	MemoryContextCallback callback;
	uint64		n;
	char	   *first;			/* message of the first */
} FailedFits;

/* Of statements that run within each other, the innermost first. */
static dlist_head counted = DLIST_STATIC_INIT(counted);

/* The statement's memory goes: warn, unless it has failed itself. */
static void
statement_over(void *arg)
{
	FailedFits *f = arg;

	dlist_delete(&f->node);
	if (!IsTransactionState())
		return;
	/* an interrupt is not to be served while memory is freed */
	HOLD_INTERRUPTS();
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg_plural("%llu fit failed and is NULL",
						   "%llu fits failed and are NULL",
						   (unsigned long) f->n,
						   (unsigned long long) f->n),
			 errdetail("The first error was: %s.", f->first),
			 errhint("ad_prepare(on_error => 'error') raises it.")));
	RESUME_INTERRUPTS();
}

/* Count a fit that failed in a call, with the message of its error. */
void
ad_failed_fits_add(FunctionCallInfo fcinfo, const char *message)
{
	MemoryContext statement = PortalContext ? PortalContext :
		fcinfo->flinfo->fn_mcxt;
	FailedFits *f = NULL;
	dlist_iter	i;

	dlist_foreach(i, &counted)
	{
		f = dlist_container(FailedFits, node, i.cur);
		if (f->statement == statement)
			break;
		f = NULL;
	}
	if (f == NULL)
	{
		f = MemoryContextAllocZero(statement, sizeof(FailedFits));
		f->statement = statement;
		f->first = MemoryContextStrdup(statement, message);
		f->callback.func = statement_over;
		f->callback.arg = f;
		MemoryContextRegisterResetCallback(statement, &f->callback);
		dlist_push_head(&counted, &f->node);
	}
	f->n++;
}
