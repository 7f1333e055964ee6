/*-------------------------------------------------------------------------
 *
 * sql_compare_rows.c
 *		The rows of a query, read once into memory, with their labels.
 *
 * The query runs as the caller, in what for its duration is a read-only
 * transaction, in parallel if the planner likes.  Its columns are read as
 * arguments of ad_fit() would be: the call is made up.  So what is a feature,
 * and what an error, is what it is there.
 *
 * Rows come in any order.  What tells them apart afterwards is a key: a hash
 * of the user's, or of the row's values; of equal ones it also counts how many
 * there were before.  Folds and samples go by it, so the same rows are the
 * same figures whatever the plan.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"
#include "operate/ad_progress.h"
#include "rows/ad_args.h"
#include "rows/ad_query.h"
#include "sql/ad_receiver.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define CHUNK_BYTES		((Size) 64 * 1024)
#define FIRST_ROWS		64		/* room in the arrays by row */
#define LABEL_SEED		UINT64CONST(0x6c6162656c)	/* of hashes */

/* A column that is no feature. */
typedef struct Column
{
	const char *what;			/* in messages: "label" */
	const char *name;
	int			at;				/* in the query; -1: there is none */
	AdSource	source;
} Column;

/* Where the rows go. */
typedef struct Reader
{
	DestReceiver pub;
	AdCompareRows *rows;
	const AdCompareQuery *query;
	Column		label;
	Column		key;
	Column		fold;
	int			nfeatures;		/* columns of the query that are features */
	int		   *features;		/* which */
	char	  **names;			/* of these */
	FunctionCallInfo call;		/* ad_fit(features), as it were */
	AdArgs		args;
	MemoryContext row_mcxt;		/* of what reading a row takes */
	int64		values[AD_MAX_FOLDS];	/* of folds, ascending */
	int32		arrival[AD_MAX_FOLDS];	/* what rows of these have for now */
	uint64		seen;
} Reader;

/* Add what is being done to the context of an error. */
static void
error_context(void *arg)
{
	(void) arg;
	errcontext("query of the rows to compare detectors on");
}

/* Find a column by its name, if it has one. */
static void
find_column(const AdQuery *q, const char *what, const char *name, Column *out)
{
	out->what = what;
	out->name = name;
	out->at = name ? ad_query_find(q, name, what) : -1;
}

/* Raise an error: a column's type is not what it must be. */
static void
wrong_type(const Column *c, Oid type, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s column \"%s\" is of type %s", c->what, c->name,
					format_type_be(type)),
			 errdetail_internal("%s", expected)));
}

/* Resolve the types of the columns that are no features. */
static void
resolve_columns(Reader *r, const AdQuery *q)
{
	Column	   *all[] = {&r->label, &r->key, &r->fold};

	for (int i = 0; i < (int) lengthof(all); i++)
	{
		Column	   *c = all[i];
		Oid			type;
		bool		known;

		if (c->at < 0)
			continue;
		for (int k = 0; k < i; k++)
			if (all[k]->at == c->at)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" cannot be the %s and the %s", c->name,
								all[k]->what, c->what)));
		type = TupleDescAttr(q->columns, c->at)->atttypid;
		known = ad_source_init(&c->source, type, r->rows->mcxt);
		if (c == &r->label && !(known && c->source.class == AD_CLASS_NUMBER))
			ad_query_wrong_label(c->name, type);
		if (c == &r->key && !known)
			wrong_type(c, type, "Expected a type that a feature may have.");
		if (c == &r->fold && !(known && c->source.kind <= AD_SRC_INT8))
			wrong_type(c, type, "Expected an integer.");
	}
}

/* Make the call that would fit the query's features, and resolve it. */
static void
make_call(Reader *r, AdQuery *q)
{
	TupleDesc	columns = q->columns;
	bool	   *none = ad_palloc0_array(bool, columns->natts);
	FmgrInfo   *function = palloc0(sizeof(FmgrInfo));
	List	   *arguments = NIL;

	if (r->label.at >= 0)
		none[r->label.at] = true;
	if (r->fold.at >= 0)
		none[r->fold.at] = true;
	q->by = none;
	ad_query_features(q, r->key.at);
	r->features = ad_palloc_array(int, columns->natts);
	r->names = ad_palloc_array(char *, columns->natts);
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(columns, i);

		if (none[i] || i == r->key.at)
			continue;
		r->features[r->nfeatures] = i;
		r->names[r->nfeatures] = NameStr(att->attname);
		r->nfeatures++;
		arguments = lappend(arguments, makeNullConst(att->atttypid, att->atttypmod,
													 att->attcollation));
	}
	for (int j = 0; j < r->nfeatures && r->nfeatures > 1; j++)
	{
		Oid			type = TupleDescAttr(columns, r->features[j])->atttypid;
		AdSource	source;

		if (!ad_source_init(&source, type, CurrentMemoryContext))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("feature %d (\"%s\") is of type %s, which is not supported",
							j + 1, r->names[j], format_type_be(type)),
					 errhint("Leave it out of the query, or cast it.")));
	}
	function->fn_mcxt = CurrentMemoryContext;
	function->fn_expr = (Node *) makeFuncExpr(InvalidOid, BYTEAOID, arguments,
											  InvalidOid, InvalidOid,
											  COERCE_EXPLICIT_CALL);
	r->call = palloc0(SizeForFunctionCallInfo(r->nfeatures));
	InitFunctionCallInfoData(*r->call, function, r->nfeatures, InvalidOid, NULL, NULL);
	ad_args_init(&r->args, r->call, 0, CurrentMemoryContext);
	/* as a row they are fitted by their names */
	if (r->args.form == AD_FORM_COLUMNS && r->nfeatures > 1)
		r->args.names = r->names;
}

/* The first row came: what its features are is known. */
static void
begin_rows(Reader *r)
{
	AdCompareRows *rows = r->rows;
	AdFeature  *features = ad_args_features(&r->args);
	int			d = r->args.nfeatures;

	rows->nfeatures = d;
	rows->features = ad_palloc_array(AdFeature, d);
	rows->dicts = ad_palloc0_array(AdDict, d);
	rows->categories = ad_palloc_array(int, d);
	for (int j = 0; j < d; j++)
	{
		rows->features[j].name = pstrdup(features[j].name);
		rows->features[j].type = pstrdup(features[j].type);
		rows->features[j].class = features[j].class;
		ad_dict_init(&rows->dicts[j]);
		if (features[j].class == AD_CLASS_CATEGORY)
			rows->categories[rows->ncategories++] = j;
	}
	while (((Size) 2 << rows->chunk_bits) * d * sizeof(double) <= CHUNK_BYTES)
		rows->chunk_bits++;
}

/* Double the arrays by row. */
static void
grow(AdCompareRows *r, bool has_content, bool has_fold)
{
	Size		capacity = r->capacity == 0 ? FIRST_ROWS : 2 * r->capacity;

	ad_compare_check_memory(r, (capacity - r->capacity) *
							(sizeof(int8) + sizeof(uint64) * (has_content ? 2 : 1) +
							 (has_fold ? sizeof(int32) : 0)));
#define GROW(array, type) \
	((array) = r->capacity == 0 ? ad_palloc_array(type, capacity) : \
	 ad_repalloc_array((array), type, capacity))
	GROW(r->label, int8);
	GROW(r->key, uint64);
	if (has_content)
		GROW(r->content, uint64);
	if (has_fold)
		GROW(r->fold, int32);
#undef GROW
	r->capacity = capacity;
}

/* Room for the values of the next row. */
static double *
next_place(AdCompareRows *r)
{
	Size		chunk = r->n >> r->chunk_bits;
	Size		per_chunk = (Size) 1 << r->chunk_bits;

	if ((r->n & (per_chunk - 1)) == 0)
	{
		Size		bytes = ad_mul_size(per_chunk, r->nfeatures * sizeof(double));

		ad_compare_check_memory(r, bytes);
		/* doubles from a power of two to the next */
		if ((chunk & (chunk - 1)) == 0)
			r->chunks = chunk == 0 ? ad_palloc_array(double *, 1) :
				ad_repalloc_array(r->chunks, double *, 2 * chunk);
		r->chunks[chunk] = MemoryContextAllocHuge(r->mcxt, bytes);
	}
	return unconstify(double *, ad_compare_row(r, r->n));
}

/* Copy the features that were read; return a hash of them. */
static uint64
copy_features(Reader *r, double *x)
{
	AdCompareRows *rows = r->rows;
	int			d = rows->nfeatures;
	uint64		hash;

	for (int j = 0; j < d; j++)
		x[j] = isnan(r->args.x[j]) ? NAN : r->args.x[j] + 0.0;
	for (int c = 0; c < rows->ncategories; c++)
		x[rows->categories[c]] = 0;
	hash = ad_hash64(x, d * sizeof(double), 0);
	for (int c = 0; c < rows->ncategories; c++)
	{
		int			j = rows->categories[c];
		const AdCategory *value = &r->args.category[j];

		x[j] = value->s == NULL ? NAN :
			(double) ad_dict_code(&rows->dicts[j], value->s, value->len);
		hash = value->s == NULL ? ad_mix64(hash + 1) :
			ad_hash64(value->s, value->len, hash);
	}
	return hash;
}

/* The label of a row, checked. */
static int8
read_label(Column *c, Datum value, bool isnull)
{
	double		v;

	if (c->at < 0 || isnull)
		return AD_UNLABELLED;
	v = ad_source_number(&c->source, value);
	if (!(v == 0 || v == 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("label column \"%s\" has the value %g", c->name, v),
				 errdetail(AD_LABEL_EXPECTED)));
	return v == 1;
}

/* The fold of a row, as a number by arrival. */
static int32
read_fold(Reader *r, Datum value, bool isnull)
{
	AdCompareRows *rows = r->rows;
	int64		v;
	int			low = 0;
	int			high = rows->nfolds;

	if (isnull)
		return AD_ALWAYS_FITTED;
	v = r->fold.source.kind == AD_SRC_INT8 ? DatumGetInt64(value) :
		(int64) ad_source_number(&r->fold.source, value);
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (r->values[middle] < v)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == rows->nfolds || r->values[low] != v)
	{
		if (rows->nfolds == AD_MAX_FOLDS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("fold column \"%s\" has more than %d values",
							r->fold.name, AD_MAX_FOLDS)));
		memmove(&r->values[low + 1], &r->values[low],
				(rows->nfolds - low) * sizeof(int64));
		memmove(&r->arrival[low + 1], &r->arrival[low],
				(rows->nfolds - low) * sizeof(int32));
		r->values[low] = v;
		r->arrival[low] = rows->nfolds++;
	}
	return r->arrival[low];
}

/* Add the row whose features have been read. */
static void
add_row(Reader *r, const Datum *values, const bool *nulls)
{
	AdCompareRows *rows = r->rows;
	MemoryContext old = MemoryContextSwitchTo(rows->mcxt);
	int			key = r->key.at;
	uint64		hash;
	int8		label;

	if (rows->nfeatures == 0)
		begin_rows(r);
	if (rows->n == AD_MAX_COMPARED_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("query has more than %d rows", AD_MAX_COMPARED_ROWS),
				 errhint("Compare detectors on a random sample.")));
	if (rows->n == rows->capacity)
		grow(rows, key >= 0, r->fold.at >= 0);
	hash = copy_features(r, next_place(rows));
	MemoryContextSwitchTo(r->row_mcxt);
	label = r->label.at < 0 ? AD_UNLABELLED :
		read_label(&r->label, values[r->label.at], nulls[r->label.at]);
	hash = ad_mix64(hash ^ ad_mix64(LABEL_SEED + (uint64) label));
	rows->label[rows->n] = label;
	rows->count[label == AD_UNLABELLED ? 2 : label]++;
	rows->key[rows->n] = hash;
	if (key >= 0)
	{
		rows->content[rows->n] = hash;
		rows->key[rows->n] = nulls[key] ? 0 : ad_source_hash(&r->key.source, values[key]);
	}
	if (r->fold.at >= 0)
		rows->fold[rows->n] = read_fold(r, values[r->fold.at], nulls[r->fold.at]);
	rows->n++;
	MemoryContextSwitchTo(old);
}

/* Take a row of the query. */
static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	Reader	   *r = (Reader *) self;
	MemoryContext old = MemoryContextSwitchTo(r->row_mcxt);

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	for (int j = 0; j < r->nfeatures; j++)
	{
		r->call->args[j].value = slot->tts_values[r->features[j]];
		r->call->args[j].isnull = slot->tts_isnull[r->features[j]];
	}
	if (ad_args_next(&r->args, r->call, NULL))
		add_row(r, slot->tts_values, slot->tts_isnull);
	if ((++r->seen & (AD_PROGRESS_EVERY - 1)) == 0)
		ad_progress_rows(r->query->progress, r->seen);
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->row_mcxt);
	return true;
}

/* Order rows by their keys, then by their values. */
static int
compare_keys(const void *a, const void *b, void *arg)
{
	const AdCompareRows *r = arg;
	uint32		i = *(const uint32 *) a;
	uint32		j = *(const uint32 *) b;

	CHECK_FOR_INTERRUPTS();
	if (r->key[i] != r->key[j])
		return r->key[i] < r->key[j] ? -1 : 1;
	if (r->content && r->content[i] != r->content[j])
		return r->content[i] < r->content[j] ? -1 : 1;
	return i < j ? -1 : 1;
}

/*
 * Give rows of one key keys of their own: the first keeps it, the others'
 * counts those before.  Fold numbers become those of the values, ascending.
 */
static void
settle(Reader *r)
{
	AdCompareRows *rows = r->rows;
	uint32	   *order;
	int32		ascending[AD_MAX_FOLDS];
	uint64		key = 0;
	uint64		before = 0;

	if (rows->fold)
		rows->fold_values = MemoryContextAlloc(rows->mcxt, (rows->nfolds + 1) * sizeof(int64));
	for (int f = 0; f < rows->nfolds; f++)
	{
		ascending[r->arrival[f]] = f;
		rows->fold_values[f] = r->values[f];
	}
	for (Size i = 0; rows->fold && i < rows->n; i++)
		if (rows->fold[i] >= 0)
			rows->fold[i] = ascending[rows->fold[i]];

	ad_compare_check_memory(rows, rows->n * sizeof(uint32));
	order = ad_palloc_array(uint32, rows->n);
	for (Size i = 0; i < rows->n; i++)
		order[i] = (uint32) i;
	qsort_arg(order, rows->n, sizeof(uint32), compare_keys, rows);
	for (Size i = 0; i < rows->n; i++)
	{
		uint64	   *own = &rows->key[order[i]];

		before = i > 0 && *own == key ? before + 1 : 0;
		key = *own;
		if (before > 0)
			*own = ad_mix64(key + before * UINT64CONST(0x9e3779b97f4a7c15));
	}
	pfree(order);
	if (rows->content)
		pfree(rows->content);
	rows->content = NULL;
}

/* Run the query.  Within SPI. */
static void
run(Reader *r, AdQuery *q)
{
	bool		was_read_only = XactReadOnly;
	SPIPlanPtr	plan;

	/* an error ends the (sub)transaction, which puts this back */
	XactReadOnly = true;
	plan = ad_query_prepare(q->text, 0, NULL);
	ad_query_stream(plan, 0, NULL, NULL, &r->pub);
	SPI_freeplan(plan);
	XactReadOnly = was_read_only;
}

/* Read the rows of a query, in a new context below the current one. */
AdCompareRows *
ad_compare_read(const AdCompareQuery *query)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly compared rows",
											   ALLOCSET_DEFAULT_SIZES);
	AdCompareRows *rows = MemoryContextAllocZero(mcxt, sizeof(AdCompareRows));
	ErrorContextCallback callback;
	Reader	   *r;
	AdQuery		q;
	uint64		seen;

	rows->mcxt = mcxt;
	rows->progress = -1;
	rows->max_bytes = (Size) query->memory_mb * 1024 * 1024;
	callback.callback = error_context;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	SPI_connect();
	r = palloc0(sizeof(Reader));
	r->rows = rows;
	r->query = query;
	r->row_mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly compared row",
										ALLOCSET_DEFAULT_SIZES);
	ad_query_read(query->query, "query", &q);
	find_column(&q, "label", query->label, &r->label);
	find_column(&q, "key", query->key, &r->key);
	find_column(&q, "fold", query->fold, &r->fold);
	resolve_columns(r, &q);
	make_call(r, &q);
	ad_receiver_init(&r->pub, receive_slot);
	r->pub.mydest = DestTuplestore; /* the rows are not discarded */
	run(r, &q);
	settle(r);
	seen = r->seen;
	SPI_finish();
	error_context_stack = callback.previous;
	if (rows->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 seen == 0 ? errmsg("query returned no rows") :
				 errmsg("all rows of the query are NULL")));
	return rows;
}
