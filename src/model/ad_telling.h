/*-------------------------------------------------------------------------
 *
 * ad_telling.h
 *		Features that say little about a row: keys and constants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_TELLING_H
#define AD_TELLING_H

#include "sketch/ad_sketch.h"

/* telling.c */
extern void ad_telling_begin(void);
extern void ad_telling_look(const AdView *v);
extern void ad_telling_notice(bool may_have_key);

#endif							/* AD_TELLING_H */
