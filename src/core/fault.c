/*-------------------------------------------------------------------------
 *
 * fault.c
 *		Errors that the data of a fit are to blame for.
 *
 * Some callers go on without what could not be computed: one group among
 * many.  Which errors that is true of, only who raises them knows: a code
 * does not tell values too large from memory too small.  So they are marked.
 *
 * A computation leaves nothing behind but memory, so there is no need for a
 * subtransaction to clean up after it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"

static bool data_fault = false; /* of the error last raised */

/* Mark the error being raised; see ad_fault.h. */
int
ad_errdata(void)
{
	data_fault = true;
	return 0;
}

/* Whether it is one of those that are marked. */
static bool
is_marked(int code pg_attribute_unused())
{
	return data_fault;
}

/* Run what may fail for its data; see ad_fault.h. */
char *
ad_fault_catch(void (*work) (void *), void *arg)
{
	data_fault = false;
	return ad_fault_catch_if(is_marked, work, arg);
}

/* Run what may fail for reasons that are expected; see ad_fault.h. */
char *
ad_fault_catch_if(bool (*expected) (int code), void (*work) (void *), void *arg)
{
	MemoryContext mcxt = CurrentMemoryContext;
	char	   *volatile message = NULL;

	PG_TRY();
	{
		work(arg);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (!expected(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(mcxt);
		error = CopyErrorData();
		FlushErrorState();
		message = error->message;
	}
	PG_END_TRY();
	return message;
}
