/*-------------------------------------------------------------------------
 *
 * ad_args.h
 *		Arguments that are features: columns, an array or a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ARGS_H
#define AD_ARGS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "model/ad_model.h"

/* The three forms that features arrive in. */
typedef enum AdForm
{
	AD_FORM_COLUMNS,			/* one argument a feature */
	AD_FORM_ARRAY,				/* one array, an element a feature */
	AD_FORM_ROW					/* one row, an attribute a feature */
} AdForm;

/*
 * Feature arguments of a call site, resolved once by type.  After
 * ad_args_next(), x and category hold a row's values by feature.
 */
typedef struct AdArgs
{
	MemoryContext mcxt;			/* of everything below */
	AdForm		form;
	int			first;			/* argument the features begin at */
	int			nfeatures;		/* array: 0 until the first row */
	AdSource   *sources;		/* per feature; array: one for all */
	char	  **names;			/* per feature; "" but in the row form */
	bool		numbers_only;	/* no feature is a category */
	bool		float8_only;	/* columns, all of them float8 */
	double	   *x;				/* NaN: missing; categories: 0 */
	AdCategory *category;		/* s NULL: missing */

	/* array form */
	Oid			element;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	bool		has_cast;		/* to an array, first */
	FmgrInfo	cast;
	int			cast_nargs;
	bool		is_cast;		/* the row's: cast_value is it */
	Datum		cast_value;

	/* row form */
	MemoryContext row_mcxt;		/* of what follows, in a score */
	Oid			row_type;		/* InvalidOid until the first row */
	int32		row_typmod;
	TupleDesc	desc;
	int		   *attribute;		/* per feature: index in desc */
	Datum	   *values;
	bool	   *nulls;
} AdArgs;

extern void ad_args_init(AdArgs *a, FunctionCallInfo fcinfo, int first,
						 MemoryContext mcxt);
extern void ad_args_cast(AdArgs *a, FunctionCallInfo fcinfo);
extern bool ad_args_will_fit(const AdArgs *a, FunctionCallInfo fcinfo,
							 const AdModel *m);
extern bool ad_args_next_mixed(AdArgs *a, FunctionCallInfo fcinfo,
							   const AdModel *m);
extern void ad_args_match(AdArgs *a, const AdModel *m);
extern AdFeature *ad_args_features(const AdArgs *a);

/*
 * Read the features of one call into x and category.  m is the model they
 * are for, or NULL in a fit.  Return false if the one array or row is NULL.
 * Inline, for every row passes here.
 */
static inline bool
ad_args_next(AdArgs *a, FunctionCallInfo fcinfo, const AdModel *m)
{
	const NullableDatum *arg = fcinfo->args + a->first;
	double	   *x = a->x;

	if (!a->float8_only)
		return ad_args_next_mixed(a, fcinfo, m);
	for (int j = 0; j < a->nfeatures; j++)
		x[j] = arg[j].isnull ? NAN : DatumGetFloat8(arg[j].value);
	return true;
}

#endif							/* AD_ARGS_H */
