/*-------------------------------------------------------------------------
 *
 * sequences.c
 *		The sequences of a partition, and the events that belong to them.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_layering.h"

/* The word in column "rule" for the way a sequence was found. */
const char *
ad_found_word(AdFound found)
{
	static const char *const words[] = {"after", "before", "strict",
	"anchored"};

	return words[found];
}

/* Add an empty sequence. */
AdSequence *
ad_sequences_add(AdSequences *out)
{
	AdSequence *s;

	if (out->n == out->capacity)
	{
		out->capacity = out->capacity == 0 ? 4 : out->capacity * 2;
		if (out->items == NULL)
			out->items = MemoryContextAlloc(out->mcxt, out->capacity *
											sizeof(AdSequence));
		else
			out->items = repalloc_huge(out->items,
									   ad_mul_size(out->capacity,
												   sizeof(AdSequence)));
	}
	s = &out->items[out->n++];
	memset(s, 0, sizeof(AdSequence));
	return s;
}

/* Note that an event belongs to a sequence. */
void
ad_sequences_member(AdSequences *out, uint32 pos, uint32 seq)
{
	if (out->nmembers == out->max_members)
	{
		Size		n = out->max_members == 0 ? 64 : out->max_members * 2;

		if (ad_mul_size(n, sizeof(AdMember)) > AD_MAX_BYTES)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("members of the sequences of a partition need more than %d MB",
							(int) (AD_MAX_BYTES / (1024 * 1024))),
					 errhint("Make the windows shorter.")));
		CHECK_FOR_INTERRUPTS();
		if (out->members == NULL)
			out->members = MemoryContextAlloc(out->mcxt, n * sizeof(AdMember));
		else
			out->members = repalloc_huge(out->members, n * sizeof(AdMember));
		out->max_members = n;
	}
	out->members[out->nmembers].pos = pos;
	out->members[out->nmembers++].seq = seq;
}

static int
compare_members(const void *a, const void *b)
{
	const AdMember *x = a;
	const AdMember *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->pos != y->pos)
		return x->pos < y->pos ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Order the members by position, then sequence. */
void
ad_sequences_sort(AdSequences *out)
{
	if (out->nmembers > 1)
		qsort(out->members, out->nmembers, sizeof(AdMember), compare_members);
}

/*
 * Whether a sequence passes the filters; one whose metrics cost too much does.
 */
bool
ad_sequence_reported(const AdSequence *s, const AdLayeringConfig *c)
{
	return !s->m.measured ||
		(s->m.price_levels >= c->min_price_levels &&
		 (c->min_imbalance == 0 ||
		  s->m.own_order_imbalance >= c->min_imbalance));
}

/* Drop the sequences that are found but not reported, and their members. */
void
ad_sequences_filter(AdSequences *out, const AdLayeringConfig *c)
{
	uint32	   *number;			/* of a sequence then, or out->n */
	uint32		n = 0;
	Size		m = 0;

	if (out->n == 0 || (c->min_imbalance == 0 && c->min_price_levels == 0))
		return;
	number = ad_palloc_array(uint32, out->n);
	for (uint32 i = 0; i < out->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		number[i] = out->n;
		if (!ad_sequence_reported(&out->items[i], c))
		{
			pfree(out->items[i].order_times);
			continue;
		}
		number[i] = n;
		out->items[n++] = out->items[i];
	}
	for (Size i = 0; i < out->nmembers; i++)
		if (number[out->members[i].seq] < out->n)
		{
			out->members[m].pos = out->members[i].pos;
			out->members[m++].seq = number[out->members[i].seq];
		}
	out->n = n;
	out->nmembers = m;
	pfree(number);
}
