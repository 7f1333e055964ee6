/*-------------------------------------------------------------------------
 *
 * sql_layering_array.c
 *		ad_layering_array(): the sequences of a partition that comes as one
 *		array of packed events.
 *
 * The server runs window functions in one process.  A function of an array
 * is like any other: parallel workers call it, each for its partitions.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"

#include "access/tupmacs.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(ad_layering_array);

/*
 * Read an array of packed events, in order; those that are none are an
 * error, or are left out and counted, as the site's options say.  Ids stay
 * where they are: the array must outlive p.
 */
void
ad_events_of_array(ArrayType *array, AdWindowSite *site, AdPartition *p)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const char *at = ARR_DATA_PTR(array);
	const bits8 *bitmap = ARR_NULLBITMAP(array);

	if ((uint32) n > site->options.layering.max_events)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("partition has %d rows, limit is %u", n,
						site->options.layering.max_events),
				 errhint("Partition more finely or raise option \"max_partition_rows\".")));
	p->events = MemoryContextAllocHuge(p->mcxt, ad_mul_size(Max(n, 1),
															sizeof(AdEvent)));
	for (int i = 0; i < n; i++)
	{
		bool		isnull = bitmap && att_isnull(i, bitmap);
		AdEvent    *e = &p->events[p->n];
		AdBadRow	bad;

		AD_CHECK_EVERY_1024(i);
		memset(e, 0, sizeof(AdEvent));
		bad = ad_row_packed(PointerGetDatum(at), isnull, e);
		if (!isnull)
		{
			at = att_addlength_pointer(at, -1, at);
			at = (const char *) att_align_nominal(at, TYPALIGN_DOUBLE);
		}
		e->row = (uint32) i;
		if (bad == AD_ROW_GOOD)
			p->n++;
		else if (bad == AD_ROW_IGNORED)
			continue;			/* in silence */
		else if (site->options.skip_bad)
			p->skipped++;
		else
			ad_row_refuse(bad, &site->options.words, "event null");
	}
	if (p->skipped > 0)
		ad_window_warn(site, p->skipped, n);
}

/* The sequences as an array of the composite type. */
static Datum
sequences_datum(const AdSequences *sequences, int64 skipped, Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	Datum	   *items = ad_palloc_array(Datum, Max(sequences->n, 1));
	Datum		values[AD_SEQUENCE_COLUMNS];
	bool		nulls[AD_SEQUENCE_COLUMNS];
	ArrayType  *result;

	if (desc->natts != AD_SEQUENCE_COLUMNS)
		elog(ERROR, "ad_layering_array must return ad_layering_sequence[]");
	for (uint32 i = 0; i < sequences->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		ad_sequence_values(&sequences->items[i], (int64) i + 1, skipped,
						   values, nulls);
		items[i] = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	}
	ReleaseTupleDesc(desc);
	result = construct_array(items, (int) sequences->n, type, -1, false,
							 TYPALIGN_DOUBLE);
	return PointerGetDatum(result);
}

/*
 * ad_layering_array(events, options): the sequences of the events, which are
 * one partition in its order; NULL for NULL.
 */
Datum
ad_layering_array(PG_FUNCTION_ARGS)
{
	AdWindowSite *site = fcinfo->flinfo->fn_extra;
	AdPartition partition = {CurrentMemoryContext, NULL, 0, 0};
	AdSequences sequences = {0};
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (site == NULL)
	{
		site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
									  sizeof(AdWindowSite));
		site->owner = AD_OWNER_LAYERING;
		fcinfo->flinfo->fn_extra = site;
	}
	ad_site_options(site, PG_ARGISNULL(1) ? NULL :
					ad_jsonb_argument(PG_GETARG_DATUM(1), "options"));
	ad_events_of_array(PG_GETARG_ARRAYTYPE_P(0), site, &partition);
	sequences.mcxt = CurrentMemoryContext;
	ad_layering_find(partition.events, partition.n, &site->options.layering,
					 &sequences);
	PG_RETURN_DATUM(sequences_datum(&sequences, partition.skipped,
									get_element_type(type)));
}
