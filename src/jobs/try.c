/*-------------------------------------------------------------------------
 *
 * try.c
 *		An error that is no end.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
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

/* A text that is read as a value of a type. */
typedef struct Reading
{
	const char *given;
	Oid			type;
	Datum		value;
} Reading;

/* Call the input function of a type. */
static void
read_value(void *arg)
{
	Reading    *r = arg;
	Oid			input;
	Oid			param;

	getTypeInputInfo(r->type, &input, &param);
	r->value = OidInputFunctionCall(input, (char *) r->given, param, -1);
}

/*
 * Read a text as a value of a type; false if it is none, which the input
 * function of the type says by an error.
 */
bool
ad_job_reads_as(const char *given, Oid type, Datum *value)
{
	Reading		r = {given, type, (Datum) 0};
	ErrorData  *error = ad_job_try(read_value, &r);

	if (error != NULL &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ThrowErrorData(error);
	*value = r.value;
	return error == NULL;
}
