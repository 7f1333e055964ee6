/*-------------------------------------------------------------------------
 *
 * ad_origin.h
 *		Where the model of a call comes from, as its plan shows it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ORIGIN_H
#define AD_ORIGIN_H

#include "postgres.h"

#include "fmgr.h"
#include "model/ad_cache.h"
#include "nodes/primnodes.h"

struct PlannerInfo;

extern Node *ad_model_origin(struct PlannerInfo *root, FuncExpr *call);
extern Node *ad_score_early(struct PlannerInfo *root, FuncExpr *call);
extern AdTrust ad_model_origin_trust(const FmgrInfo *flinfo);

/* The addresses by which the planner knows what makes models. */
extern PGDLLEXPORT Datum ad_fit_finalfn(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum ad_fit_sketch(PG_FUNCTION_ARGS);

#endif							/* AD_ORIGIN_H */
