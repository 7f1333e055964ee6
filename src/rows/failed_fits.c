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
#include "miscadmin.h"
#include "utils/memutils.h"

/* The failed fits of a statement, in its memory. */
typedef struct FailedFits
{
	MemoryContext statement;
	struct FailedFits *next;	/* of a statement around this one */
	MemoryContextCallback callback;
	uint64		n;
	char	   *first;			/* message of the first */
} FailedFits;

static FailedFits *counted = NULL;

/* The statement's memory goes: warn, unless it has failed itself. */
static void
statement_over(void *arg)
{
	FailedFits *f = arg;

	for (FailedFits **p = &counted; *p; p = &(*p)->next)
		if (*p == f)
		{
			*p = f->next;
			break;
		}
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
	FailedFits *f = counted;

	while (f && f->statement != statement)
		f = f->next;
	if (f == NULL)
	{
		f = MemoryContextAllocZero(statement, sizeof(FailedFits));
		f->statement = statement;
		f->first = MemoryContextStrdup(statement, message);
		f->next = counted;
		f->callback.func = statement_over;
		f->callback.arg = f;
		MemoryContextRegisterResetCallback(statement, &f->callback);
		counted = f;
	}
	f->n++;
}
