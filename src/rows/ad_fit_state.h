/*-------------------------------------------------------------------------
 *
 * ad_fit_state.h
 *		What an aggregate over rows keeps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FIT_STATE_H
#define AD_FIT_STATE_H

#include "rows/ad_args.h"
#include "rows/ad_spec_value.h"

struct FitProgress;				/* fit.c */

typedef struct AdFitState
{
	struct FitProgress *progress;	/* NULL: not shown */
	AdSketch   *sketch;			/* NULL until a row came */
	MemoryContext own;			/* its context, if it has one */
	struct varlena *spec_value; /* jsonb or text as given; NULL: none */
	bool		spec_is_text;
	bool		spec_is_const;	/* so it cannot change between rows */
	AdSpec		spec;
	AdArgs		args;			/* not in states that were read */
	AdSource	key;			/* of keyed sampling */
} AdFitState;

extern void ad_fit_state_spec(AdFitState *state, bool need_detector);
extern void ad_fit_state_progress(AdFitState *state, FunctionCallInfo fcinfo);
extern void ad_fit_state_add(AdFitState *state, uint64 key,
							 MemoryContext mcxt);
extern void ad_fit_state_read(AdFitState *state, bytea *bytes,
							  MemoryContext mcxt, AdReader *extra);
extern void ad_fit_state_merge(AdFitState *a, AdFitState *b);
extern Datum ad_fit_state_model(AdFitState *state, FunctionCallInfo fcinfo);

#endif							/* AD_FIT_STATE_H */
