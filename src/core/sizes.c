/*-------------------------------------------------------------------------
 *
 * sizes.c
 *		Overflow-checked sizes and array allocation.
 *
 * The server has its own array macros, but recent minor releases route
 * them through a symbol that older minors lack, so an extension built on
 * one would not load on the other.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"

/* Sum of two sizes; error on overflow. */
Size
ad_add_size(Size a, Size b)
{
	if (a > SIZE_MAX - b)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("requested size overflows")));
	return a + b;
}

/* Product of two sizes; error on overflow. */
Size
ad_mul_size(Size a, Size b)
{
	if (b != 0 && a > SIZE_MAX / b)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("requested size overflows")));
	return a * b;
}

/* For messages: what does not fit in a limit is never said to. */
Size
ad_megabytes(Size bytes)
{
	return bytes / (1024 * 1024) + (bytes % (1024 * 1024) != 0);
}

/*
 * Allocate count items of the given width in the current context.  Arrays
 * over 1 GB are allowed here; the callers' named limits are far lower.
 */
void *
ad_palloc_array_impl(Size count, Size width)
{
	return MemoryContextAllocHuge(CurrentMemoryContext,
								  Max(ad_mul_size(count, width), 1));
}

/* The same, zeroed. */
void *
ad_palloc0_array_impl(Size count, Size width)
{
	Size		bytes = Max(ad_mul_size(count, width), 1);
	void	   *p = MemoryContextAllocHuge(CurrentMemoryContext, bytes);

	memset(p, 0, bytes);
	return p;
}

/* Grow an array in its own context; the old pointer is gone. */
void *
ad_repalloc_array_impl(void *old, Size count, Size width)
{
	return repalloc_huge(old, Max(ad_mul_size(count, width), 1));
}
