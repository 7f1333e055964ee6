/*-------------------------------------------------------------------------
 *
 * book_queues.c
 *		The queues of a book, and which price is the best.
 *
 * The prices at which something is open are kept per side once a fill asks for
 * the best, as a heap and a rest that is not in it yet: a log whose fills have
 * the price of an order never pays for them.  A price stays when its level goes, and is dropped
 * when it comes to the top, or when there are four times as many prices as
 * levels.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_book_parts.h"

#define FEW_PRICES		256
#define PREFETCH_BUCKETS 8192

/* Double the table of queues. */
static void
grow_keys(AdBook *b)
{
	CHECK_FOR_INTERRUPTS();
	pfree(b->keys);
	b->nkeys *= 2;
	b->keys = MemoryContextAllocHuge(b->mcxt, ad_mul_size(b->nkeys,
														  sizeof(uint32)));
	memset(b->keys, 0xff, (Size) b->nkeys * sizeof(uint32));
	for (uint32 i = 0; i < b->nqueues; i++)
	{
		AdQueue    *q = &b->queues[i];
		uint32	   *at = &b->keys[(q->hash >> 2) & (b->nkeys - 1)];

		if (q->first == AD_NO_POSITION)
			continue;
		q->chain = *at;
		*at = i;
	}
}

/* A queue without orders, to be found by its hash once it has one. */
uint32
ad_book_new_queue(AdBook *b, uint32 hash)
{
	uint32		i = b->free_queue;
	uint32	   *at;

	if (b->live_queues >= b->nkeys)
		grow_keys(b);
	if (i != AD_NO_POSITION)
		b->free_queue = b->queues[i].chain;
	else
	{
		if (b->nqueues == b->max_nqueues)
		{
			Size		n = Max(64, (Size) b->max_nqueues / 2 * 3);

			if (b->queues)
				b->queues = repalloc_huge(b->queues,
										  ad_mul_size(n, sizeof(AdQueue)));
			else
				b->queues = MemoryContextAlloc(b->mcxt, n * sizeof(AdQueue));
			b->max_nqueues = (uint32) n;
		}
		i = b->nqueues++;
	}
	b->live_queues++;
	at = &b->keys[(hash >> 2) & (b->nkeys - 1)];
	b->queues[i].hash = hash;
	b->queues[i].chain = *at;
	*at = i;
	return i;
}

/* Forget a queue that has no orders. */
void
ad_book_free_queue(AdBook *b, uint32 index)
{
	AdQueue    *q = &b->queues[index];
	uint32	   *at = &b->keys[(q->hash >> 2) & (b->nkeys - 1)];

	while (*at != index)
		at = &b->queues[*at].chain;
	*at = q->chain;
	q->chain = b->free_queue;
	b->free_queue = index;
	b->live_queues--;
}

/* The level of a side and price, or AD_NO_POSITION. */
static uint32
level_at(const AdBook *b, int side, double price)
{
	return ad_book_queue(b, AD_QUEUE_LEVEL,
						 ad_book_hash(b, AD_QUEUE_LEVEL, side, price, 0),
						 side, price, 0);
}

/* A key of a heap, and back. */
static inline double
key_of(int side, double price)
{
	return side == AD_BUY ? -price : price;
}

static inline double
price_of(int side, double key)
{
	return ad_price_normal(side == AD_BUY ? -key : key);
}

/* Let the key at i of a heap of n sink to its place. */
static void
sink(double *keys, uint32 n, uint32 i)
{
	double		key = keys[i];

	while (2 * (Size) i + 1 < n)
	{
		uint32		child = 2 * i + 1;

		if (child + 1 < n && keys[child + 1] < keys[child])
			child++;
		if (keys[child] >= key)
			break;
		keys[i] = keys[child];
		i = child;
	}
	keys[i] = key;
}

/* Let the key at i rise to its place. */
static void
rise(double *keys, uint32 i)
{
	double		key = keys[i];

	while (i > 0 && keys[(i - 1) / 2] > key)
	{
		keys[i] = keys[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	keys[i] = key;
}

/* Put the keys that are not in the heap into it. */
static void
make_heap(AdPrices *p)
{
	if (p->n - p->heaped <= p->heaped / 8)
		while (p->heaped < p->n)
			rise(p->keys, p->heaped++);
	else
	{
		for (uint32 i = p->n / 2; i-- > 0;)
		{
			sink(p->keys, p->n, i);
			AD_CHECK_EVERY_1024(i);
		}
		p->heaped = p->n;
	}
}

/* Drop the prices at which nothing is open. */
static void
drop_prices(AdBook *b, int side)
{
	AdPrices   *p = &b->prices[side];
	uint32		n = 0;

	for (uint32 i = 0; i < p->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (level_at(b, side, price_of(side, p->keys[i])) != AD_NO_POSITION)
			p->keys[n++] = p->keys[i];
	}
	p->n = n;
	p->heaped = 0;
}

static int
compare_keys(const void *x, const void *y)
{
	double		a = *(const double *) x;
	double		b = *(const double *) y;

	return a < b ? -1 : a > b;
}

/* Leave each price once. */
static void
drop_doubles(AdPrices *p)
{
	uint32		n = 0;

	qsort(p->keys, p->n, sizeof(double), compare_keys);
	for (uint32 i = 0; i < p->n; i++)
		if (n == 0 || p->keys[n - 1] != p->keys[i])
			p->keys[n++] = p->keys[i];
	p->n = p->heaped = n;		/* sorted is a heap */
}

/* Keep a price. */
static void
add_price(AdBook *b, AdPrices *p, double key)
{
	if (p->n == p->capacity)
	{
		Size		n = Max(FEW_PRICES, (Size) p->capacity * 2);

		if (p->keys)
			p->keys = repalloc_huge(p->keys, ad_mul_size(n, sizeof(double)));
		else
			p->keys = MemoryContextAlloc(b->mcxt, n * sizeof(double));
		p->capacity = (uint32) Min(n, PG_UINT32_MAX);
	}
	p->keys[p->n++] = key;
}

/* Note that something is open at a price again. */
void
ad_book_new_level(AdBook *b, int side, double price)
{
	AdPrices   *p = &b->prices[side];

	p->levels++;
	if (!p->wanted)
		return;
	if (p->n >= FEW_PRICES && p->n / 4 >= p->levels)
	{
		drop_prices(b, side);
		if (p->n / 2 >= p->levels)
			drop_doubles(p);
	}
	add_price(b, p, key_of(side, price));
}

/* Gather the prices of a side for the first time. */
static void
find_prices(AdBook *b, int side)
{
	AdPrices   *p = &b->prices[side];

	p->wanted = true;
	for (uint32 i = 0; i < b->nqueues; i++)
	{
		const AdQueue *q = &b->queues[i];
		const		AdOrder *o = &b->orders[q->first];

		AD_CHECK_EVERY_1024(i);
		if (q->first != AD_NO_POSITION && (q->hash & 3) == AD_QUEUE_LEVEL &&
			o->side == side && !isnan(o->u.plain.price))
			add_price(b, p, key_of(side, o->u.plain.price));
	}
}

/*
 * The best level of a side: without a price before any price, then the highest
 * for BUY, the lowest for SELL; AD_NO_POSITION if it is worse than the limit
 * (NaN: none) or there is none.
 */
uint32
ad_book_best(AdBook *b, int side, double limit)
{
	AdPrices   *p = &b->prices[side];
	uint32		q = level_at(b, side, (double) NAN);

	if (q != AD_NO_POSITION || p->levels == 0)
		return q;
	if (!p->wanted)
		find_prices(b, side);
	make_heap(p);
	while (p->n > 0)
	{
		if (!isnan(limit) && p->keys[0] > key_of(side, limit))
			return AD_NO_POSITION;
		q = level_at(b, side, price_of(side, p->keys[0]));
		if (q != AD_NO_POSITION)
			return q;
		p->keys[0] = p->keys[--p->n];
		p->heaped = p->n;
		sink(p->keys, p->n, 0);
	}
	return AD_NO_POSITION;
}

/* ad_book_prefetch() for an event without an id. */
void
ad_book_prefetch_queue(const AdBook *b, AdEvent *e, int step)
{
	uint32		i;

	if (b->nkeys < PREFETCH_BUCKETS)
		return;
	if (step == 0)
	{
		bool		level = e->kind == AD_EVENT_TRADE ||
			(e->flags & AD_EVENT_NO_QTY);

		e->link = ad_book_hash(b, level ? AD_QUEUE_LEVEL : AD_QUEUE_OPEN,
							   e->side, e->price,
							   level ? 0 : ad_event_units(e));
		ad_prefetch(&b->keys[(e->link >> 2) & (b->nkeys - 1)]);
		return;
	}
	i = b->keys[(e->link >> 2) & (b->nkeys - 1)];
	if (i == AD_NO_POSITION)
		return;
	if (step == 1)
		ad_prefetch(&b->queues[i]);
	else
	{
		ad_prefetch(&b->orders[b->queues[i].first]);
		ad_prefetch((const char *) &b->orders[b->queues[i].first] + 64);
	}
}
