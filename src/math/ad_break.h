/*-------------------------------------------------------------------------
 *
 * ad_break.h
 *		Which of many scores are too high to be of the others' kind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_BREAK_H
#define AD_BREAK_H

#include "core/ad_core.h"

/* palloc'd where it was made; bounded, whatever the number of scores. */
typedef struct AdBreak
{
	uint64		n;				/* scores added */
	double	   *kept;			/* the highest, in no order */
	Size		nkept;
	Size		capacity;
} AdBreak;

extern AdBreak *ad_break_create(void);
extern void ad_break_add(AdBreak *b, double score);
extern uint64 ad_break_find(AdBreak *b, double risk, double *cut);

#endif							/* AD_BREAK_H */
