/*-------------------------------------------------------------------------
 *
 * ad_args.h
 *		Arguments that are features: columns, an array, a row, packed or not, or a
 *		JSON object.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ARGS_H
#define AD_ARGS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "model/ad_model.h"

/* The forms that features arrive in. */
typedef enum AdForm
{
	AD_FORM_COLUMNS,			/* one argument a feature */
	AD_FORM_ARRAY,				/* one array, an element a feature */
	AD_FORM_ROW,				/* one row, an attribute a feature */
	AD_FORM_PACKED,				/* one packed row, a field a feature */
	AD_FORM_JSON				/* one jsonb, a key a feature; scores only */
} AdForm;

struct AdPackedHead;			/* ad_packed.h */

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
	char	  **names;			/* per feature; "": none */
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

	/* packed form; row_mcxt: of what follows, but for the first row's */
	bool		is_keyed;		/* the first field is the key, no feature */
	uint64		key;			/* its hash, of the last row */
	struct AdPackedHead *head;	/* description of the last row; NULL: none */
	char	   *head_bytes;		/* the same as it came */
	Size		head_len;
	int		   *feature;		/* per field: the feature that it is, or -1 */
	bool		all_numbers;	/* fields are features in order, all float8 */

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
extern void ad_args_init_packed(AdArgs *a, bool is_keyed, MemoryContext mcxt);
extern bool ad_args_is_packed(Oid type);
extern bool ad_args_is_sketch(Oid type);
extern void ad_args_next_packed(AdArgs *a, Datum value, const AdModel *m);
extern bool ad_args_packed_fits(const AdArgs *a, Datum value);
extern void ad_args_allocate(AdArgs *a, int n, MemoryContext mcxt);
extern void ad_args_check_class(const AdModel *m, AdSource *s, int j);
extern void ad_args_check_names(const AdModel *m, int j);
extern void ad_args_wrong_number(const AdModel *m, int given);
extern void ad_args_cast(AdArgs *a, FunctionCallInfo fcinfo);
extern bool ad_args_will_fit(const AdArgs *a, FunctionCallInfo fcinfo,
							 const AdModel *m);
extern bool ad_args_next_mixed(AdArgs *a, FunctionCallInfo fcinfo,
							   const AdModel *m);
extern void ad_args_match(AdArgs *a, const AdModel *m);
extern AdFeature *ad_args_features(const AdArgs *a);
extern void ad_args_allocate(AdArgs *a, int n, MemoryContext mcxt);
extern void ad_args_check_class(const AdModel *m, AdSource *s, int j);
extern void ad_args_check_names(const AdModel *m, int j);
extern void ad_args_wrong_number(const AdModel *m, int given);

/* json_row.c */
extern void ad_json_init(AdArgs *a, int first, MemoryContext mcxt);
extern void ad_json_match(AdArgs *a, const AdModel *m);
extern bool ad_json_next(AdArgs *a, FunctionCallInfo fcinfo, const AdModel *m);
extern NullableDatum ad_json_entity(FunctionCallInfo fcinfo, int arg,
									const char *name, Oid *type);

/* json_time.c */
extern bool ad_iso_timestamp(const char *s, int len, bool *is_date,
							 Datum *value);
extern bool ad_iso_time(const char *s, int len, Datum *value);

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
