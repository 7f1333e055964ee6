/*-------------------------------------------------------------------------
 *
 * ad_row_sums.h
 *		Sums of some rows of a table, column by column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ROW_SUMS_H
#define AD_ROW_SUMS_H

#include "postgres.h"

#define AD_ROW_SUMS_PAD	4		/* doubles that can be read behind a table */

/*
 * sum[c] = table[at[0] + c] + table[at[1] + c] + ..., one after another, c <
 * cols.
 */
typedef void (*AdRowSums) (const double *table, const uint32 *at, uint32 n,
						   int cols, double *sum);

extern AdRowSums ad_row_sums(void);

#endif							/* AD_ROW_SUMS_H */
