/*-------------------------------------------------------------------------
 *
 * ad_waterfall.h
 *		A sum as a picture: from a first figure, part by part, to the whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_WATERFALL_H
#define AD_WATERFALL_H

#include "core/ad_core.h"
#include "lib/stringinfo.h"

/* A part, from above. */
typedef struct AdWaterfallPart
{
	const char *name;
	const char *value;			/* second line, or "" */
	double		size;			/* finite */
} AdWaterfallPart;

typedef struct AdWaterfall
{
	const char *title;			/* or NULL */
	int			width;			/* pixels */
	double		baseline;		/* finite, as are the sums */
	double		threshold;		/* NaN: none */
	int			n;
	AdWaterfallPart *parts;
} AdWaterfall;

/* waterfall.c */
extern void ad_waterfall(StringInfo out, const AdWaterfall *w);

#endif							/* AD_WATERFALL_H */
