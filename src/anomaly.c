/*-------------------------------------------------------------------------
 *
 * anomaly.c
 *		Module magic and _PG_init.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "math/ad_simd.h"
#include "model/ad_cache.h"
#include "operate/ad_shared.h"
#include "rows/ad_planner.h"
#include "series/ad_series_settings.h"
#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Define the settings.  Nothing needs preloading, but what is watched from
 * other sessions.
 */
void
_PG_init(void)
{
	ad_cache_init();
	ad_simd_init();
	ad_shared_init();
	ad_planner_init();
	ad_series_settings();
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved("anomaly");
#else
	EmitWarningsOnPlaceholders("anomaly");
#endif
}
