/*-------------------------------------------------------------------------
 *
 * telling.c
 *		Features that say little about a row: keys and constants.
 *
 * Who hands over a whole table hands over its key with it, and columns that
 * never change.  A fit has at hand what tells them, its sample; whoever asked for
 * the fit raises the notice.  What a fit found is kept in static memory, so that
 * an error between the two leaves nothing behind.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_telling.h"

#include "math/ad_math.h"

#include "utils/builtins.h"

#define MAX_NAMED		10		/* features that the notice names */
#define MIN_ROWS		20		/* in fewer, differing or not is chance */
#define FIRST_LOOK		1024	/* rows that show most repetitions */

typedef struct Names
{
	int			n;
	char		name[MAX_NAMED][AD_MAX_NAME + 1];
} Names;

static bool wanted = false;
static Names keys;				/* different in each row */
static Names constants;			/* the same in all rows */
static int	nfeatures;			/* in all */

/* Begin to look at what is fitted to. */
void
ad_telling_begin(void)
{
	wanted = true;
	keys.n = constants.n = 0;
}

/* Note a feature's name. */
static void
note(Names *names, const AdFeature *f)
{
	if (names->n < MAX_NAMED)
		strlcpy(names->name[names->n++], f->name, AD_MAX_NAME + 1);
}

/* Return whether values of a feature may be keys: texts and whole numbers. */
static bool
may_be_key(const AdFeature *f)
{
	static const char *const types[] = {"smallint", "integer", "bigint", "oid"};

	if (f->class == AD_CLASS_CATEGORY)
		return true;
	for (int i = 0; i < (int) lengthof(types); i++)
		if (strcmp(f->type, types[i]) == 0)
			return true;
	return false;
}

/* Return whether a feature differs in all of a view's rows, every step-th. */
static bool
differs(const AdView *v, int feature, Size step, double *scratch)
{
	Size		n = 0;

	for (Size i = 0; i < v->n; i += step)
	{
		AD_CHECK_EVERY_1024(i);
		scratch[n++] = v->x[i * v->nfeatures + feature];
	}
	ad_sort_doubles(scratch, n);
	for (Size i = 1; i < n; i++)
		if (scratch[i] == scratch[i - 1])
			return false;
	return true;
}

/* Look for keys and constants among the features of a fit, if someone asked. */
void
ad_telling_look(const AdView *v)
{
	double	   *scratch;

	if (!wanted || v->n < MIN_ROWS)
		return;
	keys.n = constants.n = 0;
	nfeatures = v->nfeatures;
	scratch = ad_palloc_array(double, v->n);
	for (int j = 0; j < v->nfeatures; j++)
	{
		const AdFeature *f = &v->sketch->features[j];
		const AdViewFeature *s = &v->features[j];

		if (f->name[0] == '\0' || s->missing > 0 || s->infinite > 0)
			continue;
		if (s->distinct == 1)
			note(&constants, f);
		else if (may_be_key(f) && (s->distinct < 0 || (uint64) s->distinct >= v->n) &&
				 differs(v, j, Max(v->n / FIRST_LOOK, 1), scratch) &&
				 differs(v, j, 1, scratch))
			note(&keys, f);
	}
	pfree(scratch);
}

/* Names as a list, by a function that quotes one. */
static char *
listed(const Names *a, const Names *b, bool literals)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < a->n + b->n; i++)
	{
		const char *name = i < a->n ? a->name[i] : b->name[i - a->n];

		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "",
						 literals ? quote_literal_cstr(name) : psprintf("\"%s\"", name));
	}
	return list.data;
}

/*
 * Raise a notice for the features that were found, unless there are no others;
 * may_have_key: the function takes the name of a key.
 */
void
ad_telling_notice(bool may_have_key)
{
	static const Names none = {0};
	int			n = keys.n + constants.n;
	const char *all = listed(&keys, &constants, true);

	wanted = false;
	/* what is all there is, is not there by mistake */
	if (n == 0 || n == nfeatures)
		return;
	ereport(NOTICE,
			(errmsg_plural("feature %s says little about a row",
						   "features %s say little about a row", n,
						   listed(&keys, &constants, false)),
			 constants.n == 0 ?
			 errdetail("Different in each row: %s.", listed(&keys, &none, false)) :
			 keys.n == 0 ?
			 errdetail("The same in all rows: %s.", listed(&constants, &none, false)) :
			 errdetail("Different in each row: %s. The same in all rows: %s.",
					   listed(&keys, &none, false), listed(&constants, &none, false)),
			 may_have_key && keys.n > 0 ?
			 errhint("key => %s names what tells rows apart; exclude => ARRAY[%s] leaves features out.",
					 quote_literal_cstr(keys.name[0]), all) :
			 errhint("exclude => ARRAY[%s] leaves features out.", all)));
}
