/*-------------------------------------------------------------------------
 *
 * ranking.c
 *		Labelled scores: collected, merged, sorted, stored.
 *
 * A metric of a ranking needs the scores in order, with ties together.
 * Scores are therefore kept as unsigned integers in the order of the
 * doubles, in one array for each label, 8 bytes a row; sorting is by radix,
 * and the walk over the distinct scores merges the two arrays as it goes.
 *
 * Sorting and merging change the arrays but not the multiset that a ranking
 * is, so a final function may sort the state it is given, and several
 * metrics of the same rows can share a state (the executor lets aggregates
 * with one transition function do so) and sort it once.  Workers sort what
 * they send, so a combine is a linear merge.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_ranking.h"

#define RADIX_BITS		11
#define RADIX_SIZE		(1 << RADIX_BITS)
#define RADIX_PASSES	6		/* of 11 bits each: 64 */
#define RADIX_LEAST		1024	/* fewer keys are sorted by comparisons */
#define INTERRUPT_EVERY 65536	/* keys between looks for a cancel */

/* An empty ranking; its arrays will be in mcxt, too. */
AdRanking *
ad_ranking_create(MemoryContext mcxt)
{
	AdRanking  *r = MemoryContextAllocZero(mcxt, sizeof(AdRanking));

	r->mcxt = mcxt;
	r->keys[0].sorted = r->keys[1].sorted = true;
	return r;
}

/* Raise an error if there would be more rows than a ranking takes. */
static void
check_rows(uint64 rows)
{
	if (rows > AD_MAX_RANKED)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot rank more than %d rows", AD_MAX_RANKED),
				 errhint("Evaluate a random sample of the rows.")));
}

/* Make room for one more key; its array, or the whole ranking, is full. */
void
ad_ranking_grow(AdRanking *r, AdKeys *keys)
{
	check_rows((uint64) r->keys[0].n + r->keys[1].n + 1);
	if (keys->v == NULL)
	{
		keys->capacity = 16;
		keys->v = MemoryContextAlloc(r->mcxt,
									 keys->capacity * sizeof(uint64));
	}
	else
	{
		keys->capacity = Min(keys->capacity * 2, AD_MAX_RANKED);
		keys->v = ad_repalloc_array(keys->v, uint64, keys->capacity);
	}
}

/* qsort order of keys. */
static int
compare_keys(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/*
 * Sort n keys, ascending.  Many keys are dealt by digits between v and
 * scratch, which has room for as many (a few keys need none: it may be
 * NULL); the two pointers are swapped if the result ends in the other.
 * Digits that all keys share are passed over.
 */
void
ad_sort_keys(uint64 **v, uint64 **scratch, Size n)
{
	uint64	   *from = *v;
	uint64	   *to = *scratch;
	uint32	   *counts;

	if (n < RADIX_LEAST)
	{
		qsort(from, n, sizeof(uint64), compare_keys);
		return;
	}

	Assert(n <= PG_UINT32_MAX);
	counts = ad_palloc0_array(uint32, RADIX_PASSES * RADIX_SIZE);
	for (Size i = 0; i < n; i++)
	{
		uint64		key = from[i];

		if (i % INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		for (int pass = 0; pass < RADIX_PASSES; pass++)
		{
			counts[pass * RADIX_SIZE + (key & (RADIX_SIZE - 1))]++;
			key >>= RADIX_BITS;
		}
	}

	for (int pass = 0; pass < RADIX_PASSES; pass++)
	{
		uint32	   *start = counts + pass * RADIX_SIZE;
		int			shift = pass * RADIX_BITS;
		uint32		sum = 0;
		uint64	   *swap;

		if (start[(from[0] >> shift) & (RADIX_SIZE - 1)] == n)
			continue;
		for (int digit = 0; digit < RADIX_SIZE; digit++)
		{
			uint32		count = start[digit];

			start[digit] = sum;
			sum += count;
		}
		for (Size i = 0; i < n; i++)
		{
			uint64		key = from[i];

			if (i % INTERRUPT_EVERY == 0)
				CHECK_FOR_INTERRUPTS();
			to[start[(key >> shift) & (RADIX_SIZE - 1)]++] = key;
		}
		swap = from;
		from = to;
		to = swap;
	}
	pfree(counts);
	*v = from;
	*scratch = to;
}

/*
 * Sort a ranking's keys.  An interrupt may leave an array half dealt, but
 * then the state is gone with the query.
 */
void
ad_ranking_sort(AdRanking *r)
{
	for (int label = 0; label < 2; label++)
	{
		AdKeys	   *keys = &r->keys[label];
		uint64	   *scratch = NULL;

		if (keys->sorted)
			continue;
		if (keys->n >= RADIX_LEAST)
		{
			scratch = MemoryContextAllocHuge(r->mcxt,
											 ad_mul_size(keys->n, sizeof(uint64)));
			/* either array may be the one that stays */
			keys->capacity = keys->n;
		}
		ad_sort_keys(&keys->v, &scratch, keys->n);
		keys->sorted = true;
		if (scratch)
			pfree(scratch);
	}
}

/* Merge sorted keys b into sorted keys a, whose array is in mcxt. */
static void
merge_keys(AdKeys *a, const AdKeys *b, MemoryContext mcxt)
{
	Size		n = ad_add_size(a->n, b->n);
	Size		i = 0,
				j = 0;
	uint64	   *v;

	if (b->n == 0)
		return;
	v = MemoryContextAllocHuge(mcxt, ad_mul_size(n, sizeof(uint64)));
	for (Size k = 0; k < n; k++)
	{
		bool		first = j == b->n || (i < a->n && a->v[i] <= b->v[j]);

		if (k % INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		v[k] = first ? a->v[i++] : b->v[j++];
	}
	if (a->v)
		pfree(a->v);
	a->v = v;
	a->n = a->capacity = n;
}

/* Merge b into a; b is left as it is, but sorted. */
void
ad_ranking_merge(AdRanking *a, AdRanking *b)
{
	check_rows((uint64) a->keys[0].n + a->keys[1].n +
			   b->keys[0].n + b->keys[1].n);
	ad_ranking_sort(a);
	ad_ranking_sort(b);
	for (int label = 0; label < 2; label++)
		merge_keys(&a->keys[label], &b->keys[label], a->mcxt);
}

/* Append a ranking to a buffer; sorts it. */
void
ad_ranking_write(AdRanking *r, StringInfo w)
{
	ad_ranking_sort(r);
	ad_wr_u64(w, (uint64) r->parameter);
	for (int label = 0; label < 2; label++)
		ad_wr_u32(w, (uint32) r->keys[label].n);
	for (int label = 0; label < 2; label++)
		ad_wr_u64_array(w, r->keys[label].v, r->keys[label].n);
}

/*
 * Read what ad_ranking_write() wrote, in mcxt; more may follow.  The keys must ascend and
 * none may be that of a NaN or of the zero that is not used.
 */
AdRanking *
ad_ranking_read(AdReader *in, MemoryContext mcxt)
{
	AdRanking  *r = ad_ranking_create(mcxt);
	Size		rows = 0;

	r->parameter = (int64) ad_rd_u64(in);
	for (int label = 0; label < 2; label++)
	{
		r->keys[label].n = ad_rd_count(in, AD_MAX_RANKED, sizeof(uint64));
		rows += r->keys[label].n;
	}
	if (rows > AD_MAX_RANKED)
		ad_rd_corrupt(in, "a count is out of range");
	ad_rd_need(in, ad_mul_size(rows, sizeof(uint64)));
	for (int label = 0; label < 2; label++)
	{
		AdKeys	   *keys = &r->keys[label];
		uint64		before = 0;

		if (keys->n == 0)
			continue;
		keys->capacity = keys->n;
		keys->v = MemoryContextAllocHuge(mcxt,
										 ad_mul_size(keys->n, sizeof(uint64)));
		ad_rd_u64_array(in, keys->v, keys->n);
		for (Size i = 0; i < keys->n; i++)
		{
			double		score = ad_score_of_key(keys->v[i]);

			if (i % INTERRUPT_EVERY == 0)
				CHECK_FOR_INTERRUPTS();
			if (isnan(score) || ad_key_of_score(score) != keys->v[i] ||
				keys->v[i] < before)
				ad_rd_corrupt(in, "scores are not in order");
			before = keys->v[i];
		}
	}
	return r;
}

/* Begin a walk over a sorted ranking, which must stay as it is. */
void
ad_ranking_walk(AdRankingWalk *w, const AdRanking *r)
{
	Assert(r->keys[0].sorted && r->keys[1].sorted);
	memset(w, 0, sizeof(*w));
	w->ranking = r;
	w->left[0] = r->keys[0].n;
	w->left[1] = r->keys[1].n;
}

/* Go to the next lower distinct score; false if there is none. */
bool
ad_ranking_step(AdRankingWalk *w)
{
	const uint64 *normal = w->ranking->keys[0].v;
	const uint64 *anomalies = w->ranking->keys[1].v;
	uint64		top = 0;

	if (w->left[0] == 0 && w->left[1] == 0)
		return false;
	AD_CHECK_EVERY_1024(w->steps);
	w->steps++;
	/* 0 is the key of a NaN, so below every other */
	if (w->left[0] > 0)
		top = normal[w->left[0] - 1];
	if (w->left[1] > 0)
		top = Max(top, anomalies[w->left[1] - 1]);
	while (w->left[0] > 0 && normal[w->left[0] - 1] == top)
	{
		w->left[0]--;
		w->fp++;
	}
	while (w->left[1] > 0 && anomalies[w->left[1] - 1] == top)
	{
		w->left[1]--;
		w->tp++;
	}
	w->score = ad_score_of_key(top);
	return true;
}
