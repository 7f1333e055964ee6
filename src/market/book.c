/*-------------------------------------------------------------------------
 *
 * book.c
 *		The life cycle of orders: what is open, and which cancels count.
 *
 * The definitions are in docs/market.md.  A placement opens an order; fills,
 * cancels, amendments and expiries take from what is open of it; when
 * nothing is left it is closed and forgotten.  The first cancel after which
 * nothing is open, or half of the placed quantity has been cancelled, counts:
 * the two events are linked then.
 *
 * An order with an id is found by side and id alone.  One without is in
 * queues, each in order of arrival: of its side and price; with the same open
 * quantity; once partly filled, with the same placed quantity.  A queue is a
 * chain through the orders, and its key that of its first order, so that an
 * entry of the table has 16 bytes.  A fill without an order at its price
 * takes from the best one, found by a heap of the prices; it is only made
 * when the first such fill comes (book_prices.c).
 *
 * Keys are compared in full, so that the hash only decides about speed; its
 * seed is the caller's, so that ids cannot be made to collide.  Everything is
 * O(1) amortised for an event, but for the heap.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_book_parts.h"

#define FIRST_ORDERS	64
#define PREFETCH_BUCKETS 8192	/* smaller tables are in the cache anyway */

static uint32 *
new_buckets(MemoryContext mcxt, uint32 n)
{
	uint32	   *b = MemoryContextAllocHuge(mcxt, ad_mul_size(n, sizeof(uint32)));

	memset(b, 0xff, (Size) n * sizeof(uint32));
	return b;
}

/* Prepare an empty book in a context. */
void
ad_book_init(AdBook *b, MemoryContext mcxt, uint64 seed, bool owns_ids,
			 int64 forget, uint32 max_orders)
{
	memset(b, 0, sizeof(AdBook));
	b->mcxt = mcxt;
	b->seed = seed;
	b->owns_ids = owns_ids;
	b->forget = forget;
	b->max_orders = max_orders;
	b->free_order = b->free_queue = AD_NO_POSITION;
	b->oldest = b->newest = AD_NO_POSITION;
	b->max_norders = FIRST_ORDERS;
	b->orders = MemoryContextAlloc(mcxt, FIRST_ORDERS * sizeof(AdOrder));
	b->nnames = b->nkeys = FIRST_ORDERS;
	b->names = new_buckets(mcxt, b->nnames);
	b->keys = new_buckets(mcxt, b->nkeys);
}

/*
 * The hash of a side and an id, through a mixer that is keyed and not linear,
 * eight bytes at a time in the machine's own order: hashes never leave the
 * process.
 */
static inline uint32
name_hash(const AdBook *b, int side, const char *id, unsigned int len)
{
	uint64		h = b->seed ^ ((uint64) len << 56) ^ (uint64) side;
	uint64		bits;

	for (; len > 8; len -= 8, id += 8)
	{
		memcpy(&bits, id, 8);
		h = ad_mix64(h ^ bits);
	}
	bits = 0;
	if (len == 8)
		memcpy(&bits, id, 8);
	else
		for (unsigned int i = 0; i < len; i++)
			bits |= (uint64) (unsigned char) id[i] << (8 * i);
	return (uint32) (ad_mix64(h ^ bits) >> 32);
}

/* The id of an order that has one. */
const char *
ad_book_id(const AdOrder * o)
{
	return o->idlen <= AD_INLINE_ID ? o->u.named.id.bytes :
		o->u.named.id.elsewhere;
}

/* The open order of a side and id, or AD_NO_POSITION. */
static uint32
find_name(const AdBook *b, int side, const char *id, unsigned int len)
{
	uint32		hash;
	uint32		i;

	if (len == 0)
		return AD_NO_POSITION;
	hash = name_hash(b, side, id, len);
	i = b->names[hash & (b->nnames - 1)];
	while (i != AD_NO_POSITION)
	{
		const		AdOrder *o = &b->orders[i];

		if (o->u.named.hash == hash && o->side == side && o->idlen == len &&
			memcmp(ad_book_id(o), id, len) == 0)
			break;
		i = o->u.named.chain;
	}
	return i;
}

/* Double the table of names. */
static void
grow_names(AdBook *b)
{
	CHECK_FOR_INTERRUPTS();
	pfree(b->names);
	b->nnames *= 2;
	b->names = new_buckets(b->mcxt, b->nnames);
	for (uint32 i = 0; i < b->norders; i++)
	{
		AdOrder    *o = &b->orders[i];
		uint32	   *at;

		if (!o->used || o->idlen == 0)
			continue;
		at = &b->names[o->u.named.hash & (b->nnames - 1)];
		o->u.named.chain = *at;
		*at = i;
	}
}

/* Give an order an id of a side, which no open order has, and let it be found. */
static void
put_name(AdBook *b, uint32 index, const char *id, unsigned int len)
{
	AdOrder    *o = &b->orders[index];
	uint32	   *at;

	o->idlen = (uint8) len;
	if (len <= AD_INLINE_ID)
		memcpy(o->u.named.id.bytes, id, len);
	else if (b->owns_ids)
	{
		char	   *copy = MemoryContextAlloc(b->mcxt, len);

		memcpy(copy, id, len);
		o->u.named.id.elsewhere = copy;
	}
	else
		o->u.named.id.elsewhere = id;
	o->u.named.hash = name_hash(b, o->side, id, len);
	if (b->named++ >= b->nnames)
	{
		o->used = false;		/* not in a chain yet */
		grow_names(b);
		o->used = true;
	}
	at = &b->names[o->u.named.hash & (b->nnames - 1)];
	o->u.named.chain = *at;
	*at = index;
}

/* Let an order not be found by its id any more. */
static void
take_name(AdBook *b, uint32 index)
{
	const		AdOrder *o = &b->orders[index];
	uint32	   *at = &b->names[o->u.named.hash & (b->nnames - 1)];

	while (*at != index)
		at = &b->orders[*at].u.named.chain;
	*at = o->u.named.chain;
	if (b->owns_ids && o->idlen > AD_INLINE_ID)
		pfree(unconstify(char *, o->u.named.id.elsewhere));
	b->named--;
}

/* Put an order last in a queue of its own, which is made if there is none. */
static void
queue_up(AdBook *b, uint32 index, AdQueueKind kind, uint32 hash)
{
	AdOrder    *o = &b->orders[index];
	AdLink	   *link = &o->u.plain.link[kind];
	uint32		i;
	AdQueue    *q;

	i = ad_book_queue(b, kind, hash, o->side, o->u.plain.price,
					  kind == AD_QUEUE_PLACED ? o->placed : o->open);
	if (i == AD_NO_POSITION)
	{
		if (kind == AD_QUEUE_LEVEL && !isnan(o->u.plain.price))
			ad_book_new_level(b, o->side, o->u.plain.price);
		i = ad_book_new_queue(b, hash);
		b->queues[i].first = b->queues[i].last = AD_NO_POSITION;
	}
	q = &b->queues[i];
	link->queue = i;
	link->before = q->last;
	link->after = AD_NO_POSITION;
	if (q->last == AD_NO_POSITION)
		q->first = index;
	else
		b->orders[q->last].u.plain.link[kind].after = index;
	q->last = index;
}

/* Take an order out of a queue, which goes if it was the last one. */
static void
dequeue(AdBook *b, uint32 index, AdQueueKind kind)
{
	const		AdOrder *o = &b->orders[index];
	const AdLink *link = &o->u.plain.link[kind];
	AdQueue    *q = &b->queues[link->queue];

	if (link->before == AD_NO_POSITION)
		q->first = link->after;
	else
		b->orders[link->before].u.plain.link[kind].after = link->after;
	if (link->after == AD_NO_POSITION)
		q->last = link->before;
	else
		b->orders[link->after].u.plain.link[kind].before = link->before;
	if (q->first != AD_NO_POSITION)
		return;
	if (kind == AD_QUEUE_LEVEL && !isnan(o->u.plain.price))
		b->prices[o->side].levels--;
	ad_book_free_queue(b, link->queue);
}

/* An order that is not in any table yet. */
static uint32
new_order(AdBook *b)
{
	uint32		index = b->free_order;

	if (b->live + b->nrest >= b->max_orders)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("a partition has more than %u open orders",
						b->max_orders),
				 errhint("Raise option \"max_partition_rows\", or set option \"forget_after\".")));
	b->live++;
	if (index != AD_NO_POSITION)
	{
		b->free_order = b->orders[index].older;
		return index;
	}
	if (b->norders == b->max_norders)
	{
		CHECK_FOR_INTERRUPTS();
		b->max_norders += b->max_norders / 2;
		b->orders = repalloc_huge(b->orders, ad_mul_size(b->max_norders,
														 sizeof(AdOrder)));
	}
	return b->norders++;
}

/* Put an order last in the list by age, if there is need of one. */
static void
put_age(AdBook *b, uint32 index)
{
	AdOrder    *o = &b->orders[index];

	if (b->forget == 0)
		return;
	o->older = b->newest;
	o->newer = AD_NO_POSITION;
	if (b->newest == AD_NO_POSITION)
		b->oldest = index;
	else
		b->orders[b->newest].newer = index;
	b->newest = index;
}

/* Take an order that is in no other table any more out of the book. */
static void
free_order(AdBook *b, uint32 index)
{
	AdOrder    *o = &b->orders[index];

	if (b->forget > 0)
	{
		if (o->older == AD_NO_POSITION)
			b->oldest = o->newer;
		else
			b->orders[o->older].newer = o->newer;
		if (o->newer == AD_NO_POSITION)
			b->newest = o->older;
		else
			b->orders[o->newer].older = o->older;
	}
	o->used = false;
	o->older = b->free_order;
	b->free_order = index;
	b->live--;
}

/* Take a quantity off an order; one of which nothing is left is closed. */
static void
reduce(AdBook *b, uint32 index, AdQuantity units)
{
	AdOrder    *o = &b->orders[index];
	bool		whole = o->open == o->placed;

	if (o->idlen > 0)
	{
		o->open -= units;
		if (o->open > 0)
			return;
		take_name(b, index);
		free_order(b, index);
		return;
	}
	dequeue(b, index, AD_QUEUE_OPEN);
	o->open -= units;
	if (o->open > 0)
	{
		o->since = b->clock;
		queue_up(b, index, AD_QUEUE_OPEN,
				 ad_book_hash(b, AD_QUEUE_OPEN, o->side, o->u.plain.price,
							  o->open));
		if (whole)
		{
			o->u.plain.filled = b->clock;
			queue_up(b, index, AD_QUEUE_PLACED,
					 ad_book_hash(b, AD_QUEUE_PLACED, o->side,
								  o->u.plain.price, o->placed));
		}
		return;
	}
	dequeue(b, index, AD_QUEUE_LEVEL);
	if (!whole)
		dequeue(b, index, AD_QUEUE_PLACED);
	free_order(b, index);
}

/* Close the open order of a side and id, if there is one. */
static void
close_name(AdBook *b, int side, const char *id, unsigned int len)
{
	uint32		i = find_name(b, side, id, len);

	if (i != AD_NO_POSITION)
		reduce(b, i, b->orders[i].open);
}

/* Open the order of the placement at a position. */
static void
open_order(AdBook *b, const AdEvent *e, uint32 pos)
{
	uint32		i;
	AdOrder    *o;

	close_name(b, e->side, e->id, e->idlen);
	i = new_order(b);
	o = &b->orders[i];
	o->placed = o->open = ad_event_units(e);
	o->ts = e->ts;
	o->pos = pos;
	o->number = b->clock;
	o->side = (uint8) e->side;
	o->idlen = 0;
	o->counted = false;
	o->used = true;
	put_age(b, i);
	if (e->idlen > 0)
	{
		o->u.named.cut = 0;
		put_name(b, i, e->id, e->idlen);
		return;
	}
	o->u.plain.price = e->price;
	o->since = o->u.plain.filled = b->clock;
	queue_up(b, i, AD_QUEUE_LEVEL,
			 ad_book_hash(b, AD_QUEUE_LEVEL, o->side, e->price, 0));
	queue_up(b, i, AD_QUEUE_OPEN,
			 ad_book_hash(b, AD_QUEUE_OPEN, o->side, e->price, o->open));
}

/* An amendment that is no cancel: the order goes on. */
static void
amend(AdBook *b, const AdEvent *e)
{
	uint32		i = find_name(b, e->side, e->id, e->idlen);
	const char *id = e->id;
	unsigned int len = e->idlen;
	AdOrder    *o;

	if (i == AD_NO_POSITION)
		return;
	if (e->newlen > 0)
	{
		id += len;
		len = e->newlen;
	}
	take_name(b, i);
	close_name(b, e->side, id, len);
	o = &b->orders[i];
	o->placed = o->open = ad_event_units(e);
	o->u.named.cut = 0;
	put_name(b, i, id, len);
}

/* Fill orders: the one with the trade's id, else those that it must have hit. */
static void
fill(AdBook *b, const AdEvent *e)
{
	AdQuantity	left = ad_event_units(e);
	uint32		i = find_name(b, e->side, e->id, e->idlen);
	uint32		hash;

	if (i != AD_NO_POSITION)
	{
		reduce(b, i, Min(left, b->orders[i].open));
		return;
	}
	if (b->live == b->named)
		return;
	hash = ad_book_hash(b, AD_QUEUE_LEVEL, e->side, e->price, 0);
	while (left > 0)
	{
		AdQuantity	units;
		uint32		q = ad_book_queue(b, AD_QUEUE_LEVEL, hash, e->side,
									  e->price, 0);

		if (q == AD_NO_POSITION)
			q = ad_book_best(b, e->side, e->price);
		if (q == AD_NO_POSITION)
			return;
		i = b->queues[q].first;
		units = Min(left, b->orders[i].open);
		reduce(b, i, units);
		left -= units;
	}
}

/* The order that a cancel or an expiry is of, or AD_NO_POSITION. */
static uint32
target(const AdBook *b, const AdEvent *e)
{
	AdQuantity	units;
	uint32		q;

	if (e->idlen > 0)
		return find_name(b, e->side, e->id, e->idlen);
	if (e->flags & AD_EVENT_NO_QTY)
		q = ad_book_queue(b, AD_QUEUE_LEVEL,
						  ad_book_hash(b, AD_QUEUE_LEVEL, e->side, e->price, 0),
						  e->side, e->price, 0);
	else
	{
		units = ad_event_units(e);
		q = ad_book_queue(b, AD_QUEUE_OPEN,
						  ad_book_hash(b, AD_QUEUE_OPEN, e->side, e->price,
									   units),
						  e->side, e->price, units);
		if (q == AD_NO_POSITION)
			q = ad_book_queue(b, AD_QUEUE_PLACED,
							  ad_book_hash(b, AD_QUEUE_PLACED, e->side,
										   e->price, units),
							  e->side, e->price, units);
	}
	return q == AD_NO_POSITION ? q : b->queues[q].first;
}

/*
 * A cancel or an expiry.  Returns the position of the placement that counts as
 * cancelled by it, if that is still on the tape, or AD_NO_POSITION.
 */
static uint32
close_order(AdBook *b, AdTape *tape, AdEvent *e, uint32 pos)
{
	uint32		i = target(b, e);
	AdOrder    *o;
	AdQuantity	units;
	AdQuantity	cut;
	uint32		placed;
	AdEvent    *p;

	if (e->flags & AD_EVENT_NO_QTY)
		e->part = 0;
	if (i == AD_NO_POSITION)
		return AD_NO_POSITION;
	o = &b->orders[i];
	units = o->open;
	if (e->flags & AD_EVENT_NO_QTY)
		e->part = units;
	else
		units = Min(units, ad_event_units(e));
	if (e->kind == AD_EVENT_EXPIRE)
	{
		reduce(b, i, units);
		return AD_NO_POSITION;
	}
	cut = units;
	if (o->idlen > 0)
		cut = o->u.named.cut += units;
	placed = o->counted || (units < o->open && cut < o->placed - cut) ?
		AD_NO_POSITION : o->pos;
	o->counted |= units == o->open || cut >= o->placed - cut;
	reduce(b, i, units);
	if (placed == AD_NO_POSITION || placed < tape->head)
		return AD_NO_POSITION;
	p = AD_AT(tape, placed);
	p->part = cut;
	p->link = pos;
	p->flags |= AD_EVENT_MATCHED;
	e->link = placed;
	e->flags |= AD_EVENT_MATCHED;
	return placed;
}

/*
 * Take the event at a position of a tape.  Returns the position of the
 * placement that counts as cancelled by it, or AD_NO_POSITION: there is none,
 * or it has left the tape.  The events of such a pair get each other's
 * position, the placement the quantity that was cancelled of it.
 */
uint32
ad_book_feed(AdBook *b, AdTape *tape, uint32 pos)
{
	AdEvent    *e = AD_AT(tape, pos);

	b->clock++;
	e->flags &= AD_EVENT_NO_QTY;
	e->link = AD_NO_POSITION;
	while (b->oldest != AD_NO_POSITION &&
		   ad_time_add(b->orders[b->oldest].ts, b->forget) < e->ts)
		reduce(b, b->oldest, b->orders[b->oldest].open);
	switch (e->kind)
	{
		case AD_EVENT_ORDER:
			open_order(b, e, pos);
			break;
		case AD_EVENT_TRADE:
			fill(b, e);
			break;
		case AD_EVENT_CANCEL:
		case AD_EVENT_EXPIRE:
			return close_order(b, tape, e, pos);
		case AD_EVENT_REPLACE:
			amend(b, e);
			break;
		default:
			break;
	}
	return AD_NO_POSITION;
}

/*
 * Bring what an event will touch into the cache, in three steps to be called
 * ever nearer to the event: the bucket, the order or queue, the placement.
 * Between the steps the hash is kept in e->link.  A hint only: what it reads
 * may be out of date, and a small table is left alone.
 */
void
ad_book_prefetch(const AdBook *b, const AdTape *tape, AdEvent *e, int step)
{
	uint32		i;

	if (e->idlen == 0)
	{
		ad_book_prefetch_queue(b, e, step);
		return;
	}
	if (b->nnames < PREFETCH_BUCKETS)
		return;
	if (step == 0)
	{
		e->link = name_hash(b, e->side, e->id, e->idlen);
		ad_prefetch(&b->names[e->link & (b->nnames - 1)]);
		return;
	}
	i = b->names[e->link & (b->nnames - 1)];
	if (i == AD_NO_POSITION)
		return;
	if (step == 1)
	{
		ad_prefetch(&b->orders[i]);
		ad_prefetch((const char *) &b->orders[i] + 64);
	}
	else if (b->orders[i].pos != AD_NO_POSITION)
		ad_prefetch(AD_AT(tape, b->orders[i].pos));
}

/* Feed every event of an array to a book of its own. */
void
ad_book_feed_all(AdTape *tape, uint64 seed, int64 forget)
{
	AdBook		b;
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly order book",
											   ALLOCSET_DEFAULT_SIZES);

	ad_book_init(&b, mcxt, seed, false, forget, AD_MAX_POSITIONS);
	for (uint32 pos = tape->head; pos < tape->end; pos++)
	{
		AD_CHECK_EVERY_1024(pos);
		AD_BOOK_PREFETCH(&b, tape, tape->events, pos, tape->end);
		(void) ad_book_feed(&b, tape, pos);
	}
	MemoryContextDelete(mcxt);
}

/* The order of two numbers. */
#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

static int
by_since(const void *x, const void *y, void *book)
{
	const		AdOrder *orders = ((AdBook *) book)->orders;

	return COMPARE(orders[*(const uint32 *) x].since,
				   orders[*(const uint32 *) y].since);
}

static int
by_filled(const void *x, const void *y, void *book)
{
	const		AdOrder *orders = ((AdBook *) book)->orders;

	return COMPARE(orders[*(const uint32 *) x].u.plain.filled,
				   orders[*(const uint32 *) y].u.plain.filled);
}

/*
 * Open n orders as they were in another book, in the order of their
 * placements, in a book that has none yet.  Of an order with an
 * id, named.id.elsewhere is the id, whatever its length.
 */
void
ad_book_restore(AdBook *b, const AdOrder * orders, uint32 n)
{
	uint32	   *plain = ad_palloc_array(uint32, Max(n, 1));
	uint32		nplain = 0;
	bool		filled = false;

	for (uint32 k = 0; k < n; k++)
	{
		uint32		i = new_order(b);
		AdOrder    *o = &b->orders[i];

		AD_CHECK_EVERY_1024(k);
		*o = orders[k];
		o->used = true;
		put_age(b, i);
		if (o->idlen > 0)
		{
			put_name(b, i, orders[k].u.named.id.elsewhere, o->idlen);
			continue;
		}
		plain[nplain++] = i;
		filled |= o->open < o->placed;
		queue_up(b, i, AD_QUEUE_LEVEL,
				 ad_book_hash(b, AD_QUEUE_LEVEL, o->side, o->u.plain.price, 0));
	}
	if (filled)
		qsort_arg(plain, nplain, sizeof(uint32), by_since, b);
	for (uint32 k = 0; k < nplain; k++)
	{
		const		AdOrder *o = &b->orders[plain[k]];

		AD_CHECK_EVERY_1024(k);
		queue_up(b, plain[k], AD_QUEUE_OPEN,
				 ad_book_hash(b, AD_QUEUE_OPEN, o->side, o->u.plain.price,
							  o->open));
	}
	if (filled)
		qsort_arg(plain, nplain, sizeof(uint32), by_filled, b);
	for (uint32 k = 0; k < nplain; k++)
	{
		const		AdOrder *o = &b->orders[plain[k]];

		AD_CHECK_EVERY_1024(k);
		if (o->open < o->placed)
			queue_up(b, plain[k], AD_QUEUE_PLACED,
					 ad_book_hash(b, AD_QUEUE_PLACED, o->side,
								  o->u.plain.price, o->placed));
	}
	pfree(plain);
}
