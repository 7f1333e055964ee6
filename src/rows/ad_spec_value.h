/*-------------------------------------------------------------------------
 *
 * ad_spec_value.h
 *		Specs and jsonb from SQL values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SPEC_VALUE_H
#define AD_SPEC_VALUE_H

#include "postgres.h"

#include "fmgr.h"
#include "model/ad_spec.h"
#include "utils/jsonb.h"

extern void ad_spec_from_value(struct varlena *value, bool is_text,
							   bool need_detector, AdSpec *spec);
extern void ad_spec_check_same(const struct varlena *first,
							   const struct varlena *spec);
extern Jsonb *ad_jsonb_from_text(const char *text);
extern void ad_json_append(StringInfo buf, Oid type, Datum value);
extern Jsonb *ad_spec_raising(Jsonb *spec);
extern Jsonb *ad_spec_argument(FunctionCallInfo fcinfo, int arg);

#endif							/* AD_SPEC_VALUE_H */
