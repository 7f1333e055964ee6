/*-------------------------------------------------------------------------
 *
 * ad_series.h
 *		What the files of the series room share: limits, what can be wrong
 *		with a series, memory.
 *
 * Nothing here sees SQL values: the files sql_*.c turn rows and arrays into
 * doubles and times into int64 microseconds.  What the data of one series
 * can make wrong is reported through AdSeriesProblem, so that they may
 * answer with an error or with NULLs (option on_error).
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_H
#define AD_SERIES_H

#include "core/ad_core.h"

/* Limits; each is named in the error that enforces it. */
#define AD_SERIES_MAX_POINTS	((Size) 16777216)	/* points of a grid */
#define AD_SERIES_MAX_SEASONS	8	/* periods of one decomposition */
#define AD_SERIES_MAX_PERIOD	((Size) 4194304)	/* points of a period */
#define AD_SERIES_MEMORY		512 /* MB of one series, by default */

/* What is wrong with a series; message NULL: nothing. */
typedef struct AdSeriesProblem
{
	int			code;			/* SQLSTATE */
	const char *message;		/* primary message, palloc'd or constant */
	const char *detail;			/* or NULL */
	const char *hint;			/* or NULL */
} AdSeriesProblem;

/* memory.c */

/*
 * Memory to work in.  Fresh pages cost more than the method itself, so a
 * backend keeps one block of moderate size for all series and queries; a
 * larger one is of the memory context of the run, and goes with it.
 */
typedef struct AdStlScratch
{
	double	   *kept;			/* in TopMemoryContext, or NULL */
	Size		kept_size;		/* doubles */
	double	   *large;			/* of this run, or NULL */
	Size		large_size;		/* doubles */
	MemoryContext mcxt;			/* of this run */
} AdStlScratch;

extern AdStlScratch *ad_stl_scratch_enter(void);
extern double *ad_stl_scratch(AdStlScratch *scratch, Size doubles);
extern void ad_stl_scratch_leave(AdStlScratch *scratch);
extern bool ad_series_affordable(Size bytes, Size n,
								 AdSeriesProblem *problem);

#endif							/* AD_SERIES_H */
