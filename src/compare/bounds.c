/*-------------------------------------------------------------------------
 *
 * bounds.c
 *		What comparing takes, what it may take, and which errors it survives.
 *
 * What cannot be fitted to these rows is told of the spec and ends nothing but
 * the trial.  A fit computes and leaves nothing behind but memory, so there is
 * no subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"
#include "core/ad_fault.h"

#include <time.h>

/* Raise an error if the rows and what is made of them would take too much. */
void
ad_compare_check_memory(const AdCompareRows *r, Size more)
{
	Size		needed = ad_add_size(MemoryContextMemAllocated(r->mcxt, true), more);

	if (needed <= r->max_bytes)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("comparing detectors on the rows needs %zu MB, limit is %zu MB",
					ad_megabytes(needed), ad_megabytes(r->max_bytes)),
			 errdetail("There are at least %zu rows of %d features.", r->n,
					   r->nfeatures),
			 errhint("Take a random sample of the rows, or raise memory_mb.")));
}

/* Seconds of processor time that this process has taken. */
double
ad_compare_seconds(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
		return 0;
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* Whether an error is about what was given, not about who asked or a bug. */
static bool
is_about_data(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_DATA_EXCEPTION ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_FEATURE_NOT_SUPPORTED ||
		code == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
		code == ERRCODE_CONFIGURATION_LIMIT_EXCEEDED ||
		code == ERRCODE_DATATYPE_MISMATCH ||
		code == ERRCODE_ARRAY_SUBSCRIPT_ERROR;
}

/*
 * Run work(arg), which computes and does nothing else.  Return NULL; or the
 * message of an error about the data or the limits of a spec, palloc'd in the
 * current context.  Any other is raised.
 */
char *
ad_compare_catch(void (*work) (void *), void *arg)
{
	return ad_fault_catch_if(is_about_data, work, arg);
}
