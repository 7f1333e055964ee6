/*-------------------------------------------------------------------------
 *
 * sql_fdr.c
 *		ad_fdr: p-values of a window partition, adjusted.
 *
 * The partition is read once, at its first row, and the results are handed
 * out row by row.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_fdr.h"
#include "evaluate/ad_ranking.h"
#include "sql/ad_text.h"

#include "utils/builtins.h"
#include "utils/float.h"
#include "windowapi.h"

typedef struct FdrState
{
	double	   *adjusted;		/* NULL until the partition is read */
} FdrState;

PG_FUNCTION_INFO_V1(ad_fdr);

/* Raise an error unless this is a p-value. */
void
ad_fdr_check_p(double p)
{
	if (isnan(p))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("p-value is NaN"),
				 errhint("Make it NULL to leave the row out.")));
	if (p < 0 || p > 1)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("p-value is out of range: %s", float8out_internal(p)),
				 errdetail("Allowed values are at least 0 and at most 1.")));
}

/* The method that the partition's first row gives. */
static AdFdrMethod
read_method(WindowObject winobj)
{
	bool		isnull;
	bool		isout;
	Datum		value = WinGetFuncArgInPartition(winobj, 1, 0,
												 WINDOW_SEEK_HEAD, false,
												 &isnull, &isout);
	char	   *name;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"method\" cannot be NULL")));
	name = ad_text_argument(value, "method", AD_MAX_WORD_LENGTH);
	if (strcmp(name, "bh") == 0)
		return AD_FDR_BH;
	if (strcmp(name, "by") == 0)
		return AD_FDR_BY;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown method \"%s\"", ad_quote_clip(name)),
			 errhint("The methods are \"bh\" (Benjamini and Hochberg) and \"by\" (Benjamini and Yekutieli); ad_fdr_level() has those of a stream.")));
	return AD_FDR_BH;
}

/* Read the partition and adjust its p-values; the result is in mcxt. */
static double *
adjust_partition(WindowObject winobj, int64 rows, MemoryContext mcxt)
{
	AdFdrMethod method = read_method(winobj);
	double	   *p;

	if (rows > AD_MAX_RANKED)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("partition has " INT64_FORMAT " rows, ad_fdr takes at most %d",
						rows, AD_MAX_RANKED)));
	p = MemoryContextAllocHuge(mcxt, ad_mul_size(rows, sizeof(double)));
	for (int64 i = 0; i < rows; i++)
	{
		bool		isnull;
		bool		isout;
		Datum		value;

		AD_CHECK_EVERY_1024(i);
		value = WinGetFuncArgInPartition(winobj, 0, (int) i,
										 WINDOW_SEEK_HEAD, false,
										 &isnull, &isout);
		if (isnull)
		{
			p[i] = NAN;
			continue;
		}
		p[i] = DatumGetFloat8(value);
		ad_fdr_check_p(p[i]);
	}
	ad_fdr_adjust(p, (Size) rows, method);
	return p;
}

/*
 * ad_fdr(p float8, method text) OVER (…) -> float8: the adjusted p-value;
 * NULL stays NULL and does not count.  The frame is of no effect.
 */
Datum
ad_fdr(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	FdrState   *state = WinGetPartitionLocalMemory(winobj, sizeof(FdrState));
	int64		at = WinGetCurrentPosition(winobj);

	if (state->adjusted == NULL)
		state->adjusted = adjust_partition(winobj,
										   WinGetPartitionRowCount(winobj),
										   GetMemoryChunkContext(state));
	if (isnan(state->adjusted[at]))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(state->adjusted[at]);
}
