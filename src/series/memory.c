/*-------------------------------------------------------------------------
 *
 * memory.c
 *		How much memory one series may have, and the scratch memory that
 *		series share.
 *
 * A series is held whole, with what is worked out about it, so its points are
 * limited by bytes: a setting, since who has the memory may raise it.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series.h"
#include "series/ad_series_settings.h"

#include "utils/guc.h"

#define MB			((Size) 1024 * 1024)
#define SCRATCH_KEPT		((Size) 2 * 1024 * 1024)	/* doubles kept between
														 * series */

static int	series_memory = AD_SERIES_MEMORY;	/* MB */

/* Define the settings of the series room. */
void
ad_series_settings(void)
{
	DefineCustomIntVariable("anomaly.series_memory",
							"Sets the memory that a function over a series may use.",
							"A series that needs more is refused.",
							&series_memory,
							AD_SERIES_MEMORY, 1, 16384,
							PGC_SUSET, GUC_UNIT_MB, NULL, NULL, NULL);
}

/*
 * Tell whether a series of n points may need so many bytes; set the problem
 * if not.
 */
bool
ad_series_affordable(Size bytes, Size n, AdSeriesProblem *problem)
{
	if (bytes <= series_memory * MB)
		return true;
	problem->code = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
	problem->message = psprintf("a series of %zu points needs %zu MB, limit is %d MB",
								n, ad_megabytes(bytes), series_memory);
	problem->hint = "Give parts of the series, or have anomaly.series_memory raised.";
	return false;
}

/*
 * Return the scratch memory of the backend, for a run in the current context;
 * nothing that runs in it calls back into SQL.  What a run before was stopped
 * in is forgotten: it went with that run's context.
 */
AdStlScratch *
ad_stl_scratch_enter(void)
{
	static AdStlScratch scratch;

	scratch.large = NULL;
	scratch.large_size = 0;
	scratch.mcxt = CurrentMemoryContext;
	return &scratch;
}

/*
 * Return a block of so many doubles, without defined contents; the one before
 * is gone.
 */
double *
ad_stl_scratch(AdStlScratch *scratch, Size doubles)
{
	double	  **block = doubles > SCRATCH_KEPT ? &scratch->large : &scratch->kept;
	Size	   *size = doubles > SCRATCH_KEPT ? &scratch->large_size : &scratch->kept_size;

	if (*size < doubles)
	{
		if (*block)
			pfree(*block);
		*block = NULL;
		*size = 0;
		*block = (double *)
			MemoryContextAllocHuge(doubles > SCRATCH_KEPT ? scratch->mcxt :
								   TopMemoryContext,
								   ad_mul_size(doubles, sizeof(double)));
		*size = doubles;
	}
	return *block;
}

/* Give back a block too large to keep for the next series. */
void
ad_stl_scratch_leave(AdStlScratch *scratch)
{
	if (scratch->large)
		pfree(scratch->large);
	scratch->large = NULL;
	scratch->large_size = 0;
}
