/*-------------------------------------------------------------------------
 *
 * ad_stat_entries.h
 *		Entries of the statistics of scoring, as the rows of views; see stat.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STAT_ENTRIES_H
#define AD_STAT_ENTRIES_H

#include "operate/ad_stats.h"

extern char *ad_stat_digest_text(const AdStatKey *key);
extern bool ad_stat_may_see(const AdStatKey *key);
extern int	ad_stat_compare(const void *a, const void *b);
extern Datum ad_stat_milliseconds(double ns, bool *isnull);
extern int	ad_stat_set_subject(const AdStatEntry *e, Datum *values, bool *nulls, int c);
extern Datum ad_stat_score_shift(const AdStatEntry *e, bool *isnull);
extern void ad_stat_add_rows(const AdStatEntry *e, uint64 *steps);
extern void ad_stat_add_interval(AdStatEntry *e, const AdStatInterval *i);
extern void ad_stat_begin_part(AdStatEntry *out, const AdStatEntry *e);

#endif							/* AD_STAT_ENTRIES_H */
