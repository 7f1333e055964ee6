/*-------------------------------------------------------------------------
 *
 * ad_timeline.h
 *		Order events and the sequences among them as a picture.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_TIMELINE_H
#define AD_TIMELINE_H

#include "market/ad_layering.h"
#include "lib/stringinfo.h"

/* timeline.c */
typedef struct AdTimelineConfig
{
	int			width;			/* pixels */
	int			height;
	int			sequence;		/* only this one; 0: all that are found */
	bool		members_only;	/* draw nothing else */
	const char *title;			/* UTF-8 or server encoding; may be NULL */
} AdTimelineConfig;

#define AD_MAX_TIMELINE		20000	/* events in a picture */

extern void ad_timeline_draw(StringInfo out, AdTape *tape,
							 const AdSequences *sequences,
							 const AdTimelineConfig *c);

#endif							/* AD_TIMELINE_H */
