/*-------------------------------------------------------------------------
 *
 * ad_monitor.h
 *		Who may see what is watched.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MONITOR_H
#define AD_MONITOR_H

#include "core/ad_core.h"

extern bool ad_may_see(Oid role);

#endif							/* AD_MONITOR_H */
