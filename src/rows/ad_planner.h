/*-------------------------------------------------------------------------
 *
 * ad_planner.h
 *		What the planner is told of calls over models.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PLANNER_H
#define AD_PLANNER_H

extern void ad_planner_init(void);

#endif							/* AD_PLANNER_H */
