/*-------------------------------------------------------------------------
 *
 * try.c
 *		An error that is no end.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"

#include "access/xact.h"
#include "utils/resowner.h"

/*
 * Call a function in a subtransaction; what it did is undone if it raises an
 * error, which is returned, without its context, in the current memory
 * context.  NULL: there was none.
 */
ErrorData *
ad_job_try(void (*function) (void *arg), void *arg)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		function(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		error = CopyErrorData();
		error->context = NULL;
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mcxt);
	CurrentResourceOwner = owner;
	return error;
}
