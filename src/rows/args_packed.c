/*-------------------------------------------------------------------------
 *
 * args_packed.c
 *		Features of a packed row (packed.c).
 *
 * The description of a row is taken apart when it is another than that of the
 * row before, byte for byte.  Which feature a field is, is settled then: by
 * names if the row has them, as the attributes of a row are, else by position.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_args.h"
#include "rows/ad_packed.h"

#include "mb/pg_wchar.h"

/* Arguments that are a packed row, of a caller who knows without asking. */
void
ad_args_init_packed(AdArgs *a, bool is_keyed, MemoryContext mcxt)
{
	memset(a, 0, sizeof(*a));
	a->mcxt = mcxt;
	a->form = AD_FORM_PACKED;
	a->is_keyed = is_keyed;
}

/* Let feature j be read of field i. */
static void
set_source(AdArgs *a, int j, const AdPackedHead *head, int i)
{
	const AdPackedField *f = &head->fields[i];
	AdSource   *s = &a->sources[j];

	s->kind = f->kind == AD_PACKED_UNTYPED ? AD_SRC_UNKNOWN :
		f->kind == AD_PACKED_CATEGORY ? AD_SRC_TEXT : AD_SRC_FLOAT8;
	s->class = f->feature.class;
	s->name = f->feature.type;
	a->names[j] = f->feature.name;
	a->feature[i] = j;
	a->all_numbers &= f->kind == AD_PACKED_NUMBER && i == j;
}

/* The field of a name; an error if there is none. */
static int
find_field(const AdPackedHead *head, const char *name)
{
	for (int i = 0; i < head->nfields; i++)
		if (strcmp(head->fields[i].feature.name, name) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("row has no field \"%s\", which the model expects",
					name)));
	return -1;					/* keep the compiler quiet */
}

/* Match the fields of a row to a model. */
static void
match_model(AdArgs *a, const AdPackedHead *head, const AdModel *m)
{
	if (!head->has_names && head->nfields != m->nfeatures)
		ad_args_wrong_number(m, head->nfields);
	for (int j = 0; j < m->nfeatures; j++)
	{
		int			i = j;

		if (head->has_names)
		{
			ad_args_check_names(m, j);
			i = find_field(head, m->features[j].name);
		}
		set_source(a, j, head, i);
		ad_args_check_class(m, &a->sources[j], j);
		if (a->sources[j].class == AD_CLASS_CATEGORY)
			a->numbers_only = false;
	}
	a->all_numbers &= head->nfields == m->nfeatures;
}

/* Raise an error unless the fields of a row of a fit are those of the first. */
static void
check_same(const AdPackedHead *first, const AdPackedHead *head)
{
	if (first->nfields != head->nfields)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("packed rows of %d and %d fields cannot be fitted together",
						first->nfields, head->nfields)));
	for (int i = 0; i < head->nfields; i++)
	{
		const AdFeature *a = &first->fields[i].feature;
		const AdFeature *b = &head->fields[i].feature;

		if (a->class != b->class || strcmp(a->name, b->name) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("packed rows of different fields cannot be fitted together"),
					 first->has_names && head->has_names ?
					 errdetail("Field %d is \"%s\" of type %s in one and \"%s\" of type %s in another.",
							   i + 1, a->name, a->type, b->name, b->type) :
					 a->class != b->class ?
					 errdetail("Field %d is of type %s in one and of type %s in another.",
							   i + 1, a->type, b->type) :
					 errdetail("They have names in one and none in another.")));
	}
}

/* Let all fields of a row be features, but for a key. */
static void
take_all(AdArgs *a, const AdPackedHead *head)
{
	int			first = a->is_keyed ? 1 : 0;

	for (int i = first; i < head->nfields; i++)
	{
		set_source(a, i - first, head, i);
		if (head->fields[i].feature.class == AD_CLASS_CATEGORY)
			a->numbers_only = false;
	}
}

/*
 * Take a row's description apart.  What is resolved has a context of its own,
 * for another description, or model, may come with every row; in a fit the
 * features stay those of the first.
 */
static void
resolve(AdArgs *a, const char *data, Size len, const AdModel *m)
{
	MemoryContext old;
	MemoryContext mcxt;
	AdReader	r;
	AdPackedHead *head = palloc(sizeof(AdPackedHead));
	int			n;

	/* what may fail leaves nothing behind but in the row's memory */
	ad_rd_init(&r, data, len, "packed row");
	ad_packed_read_head(&r, head);
	if ((int) head->encoding != GetDatabaseEncoding())
		ad_packed_damaged("it is of another encoding than the database");
	n = m ? m->nfeatures : head->nfields - (a->is_keyed ? 1 : 0);
	if (n < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keyed sampling needs a row key before the features"),
				 errhint("The first field of the row is the key.")));
	if (m == NULL && a->head != NULL)
		check_same(a->head, head);

	/* the first lives as long as the arguments: most groups have but one */
	mcxt = a->head_bytes == NULL ? a->mcxt : a->row_mcxt;
	a->head = NULL;
	if (mcxt == NULL)
		mcxt = a->row_mcxt = AllocSetContextCreate(a->mcxt,
												   "anomaly packed row",
												   ALLOCSET_SMALL_SIZES);
	if (mcxt != a->mcxt)
		MemoryContextReset(mcxt);
	old = MemoryContextSwitchTo(mcxt);
	a->head_len = head->len;
	a->head_bytes = palloc(head->len);
	memcpy(a->head_bytes, data, head->len);
	head = palloc(sizeof(AdPackedHead));
	r.pos = 0;
	ad_packed_read_head(&r, head);
	a->numbers_only = a->all_numbers = true;
	a->feature = ad_palloc_array(int, head->nfields);
	for (int i = 0; i < head->nfields; i++)
		a->feature[i] = -1;
	a->sources = ad_palloc0_array(AdSource, n);
	a->names = ad_palloc0_array(char *, n);
	ad_args_allocate(a, n, mcxt);
	if (m)
		match_model(a, head, m);
	else
		take_all(a, head);
	MemoryContextSwitchTo(old);
	a->head = head;
}

/* The hash of a row's key, which is its first field. */
static uint64
key_hash(const AdPackedHead *head, const AdPackedValues *v)
{
	if (ad_packed_missing(v, 0))
		return 0;
	switch (head->fields[0].kind)
	{
		case AD_PACKED_WHOLE:
			return ad_whole_hash((int64) ad_packed_slot(v, 0));
		case AD_PACKED_NUMBER:
			return ad_number_hash(ad_packed_number(v, AD_PACKED_NUMBER, 0));
		case AD_PACKED_CATEGORY:
		case AD_PACKED_UNTYPED:
			return ad_category_hash(ad_packed_category(v, 0));
	}
	return 0;					/* keep the compiler quiet */
}

/*
 * Raise an error for a literal without a type, of a fit, to which a constant
 * is of no use, or where the model has a number.
 */
static void
untyped_value(const AdPackedValues *v, int field)
{
	AdCategory	c = ad_packed_category(v, field);

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("field %d of the row is a literal without a type: \"%s\"",
					field + 1, ad_quote_clip_len(c.s, c.len)),
			 errhint("Cast it to its type, names to text[].")));
}

/* Read a packed row, not NULL, into x and category; of a keyed fit, the key. */
void
ad_args_next_packed(AdArgs *a, Datum value, const AdModel *m)
{
	struct varlena *row = PG_DETOAST_DATUM_PACKED(value);
	const char *data = VARDATA_ANY(row);
	Size		len = VARSIZE_ANY_EXHDR(row);
	const AdPackedHead *head;
	AdPackedValues v;

	if (unlikely(a->head == NULL || len < a->head_len ||
				 memcmp(data, a->head_bytes, a->head_len) != 0))
		resolve(a, data, len, m);
	head = a->head;
	ad_packed_values(data, len, a->head_len, head->nfields, &v);
	if (a->is_keyed)
		a->key = key_hash(head, &v);
#ifndef WORDS_BIGENDIAN
	if (a->all_numbers)
	{
		memcpy(a->x, v.slots, a->nfeatures * sizeof(double));
		return;
	}
#endif
	for (int i = 0; i < head->nfields; i++)
	{
		AdPackedKind kind = head->fields[i].kind;
		int			j = a->feature[i];

		if (j < 0)
			continue;
		if (unlikely(kind == AD_PACKED_UNTYPED) &&
			(m == NULL || a->sources[j].class != AD_CLASS_CATEGORY))
		{
			if (!ad_packed_missing(&v, i))
				untyped_value(&v, i);
			/* of a category it is the latter that says it is missing */
			a->x[j] = a->sources[j].class == AD_CLASS_CATEGORY ? 0 : NAN;
			a->category[j].s = NULL;
		}
		else if (a->sources[j].class != AD_CLASS_CATEGORY)
			a->x[j] = ad_packed_number(&v, kind, i);
		else
		{
			a->x[j] = 0;
			a->category[j] = ad_packed_category(&v, i);
		}
	}
}

/*
 * Whether a packed row, not NULL, can be seen to fit the model that the last
 * one was matched to, so that reading it raises no error.
 */
bool
ad_args_packed_fits(const AdArgs *a, Datum value)
{
	const struct varlena *row = (const struct varlena *) DatumGetPointer(value);

	/* what is in a database is sound behind its description */
	return a->head != NULL && VARATT_IS_4B_U(row) &&
		VARSIZE_ANY_EXHDR(row) >= a->head_len &&
		memcmp(VARDATA_ANY(row), a->head_bytes, a->head_len) == 0;
}
