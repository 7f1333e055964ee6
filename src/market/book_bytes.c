/*-------------------------------------------------------------------------
 *
 * book_bytes.c
 *		The open orders of a partition as bytes.
 *
 * First those without an id, in the order of their placements, which is that
 * of a queue of one price; the order in the other queues follows from when an
 * order became what it is.  Then those with an id.  A day may have hundreds of
 * thousands of them, of which ten new events are about ten: the others stay
 * bytes, unless their placements are held, for positions change.
 *
 * What is read is checked as if a stranger had written it.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_order_log.h"

#include "common/hashfn.h"
#include "datatype/timestamp.h"

#define WHAT			"state of a layering job"
#define MIN_ORDER_BYTES 17
#define FILTER_BITS		65536	/* of the ids of a scan's new events */

/* An order's own byte. */
#define SELLS			0x01
#define COUNTED			0x02
#define PARTLY			0x04	/* open is less than placed */
#define HELD			0x08	/* the placement is */
#define PACKED_BITS		0x0F

static void
check(AdReader *r, bool good, const char *detail)
{
	if (unlikely(!good))
		ad_rd_corrupt(r, detail);
}

static int
by_number(const void *x, const void *y)
{
	const		AdOrder *a = *(AdOrder * const *) x;
	const		AdOrder *b = *(AdOrder * const *) y;

	return a->number < b->number ? -1 : a->number > b->number;
}

static void
write_order(const AdOrder * o, uint32 from, StringInfo w)
{
	bool		partly = o->open < o->placed;
	bool		held = o->pos != AD_NO_POSITION && o->pos >= from;

	ad_wr_u8(w, (uint8) ((o->side == AD_SELL ? SELLS : 0) |
						 (o->counted ? COUNTED : 0) | (partly ? PARTLY : 0) |
						 (held ? HELD : 0)));
	ad_wr_u8(w, o->idlen);
	ad_wr_u64(w, (uint64) o->ts);
	ad_wr_u32(w, o->number);
	if (held)
		ad_wr_u32(w, o->pos - from);
	ad_wr_units(w, o->placed);
	if (partly)
		ad_wr_units(w, o->open);
	if (o->idlen > 0)
	{
		ad_wr_bytes(w, ad_book_id(o), o->idlen);
		if (partly)
			ad_wr_units(w, o->u.named.cut);
		return;
	}
	ad_wr_f64(w, o->u.plain.price);
	if (partly)
	{
		ad_wr_u32(w, o->since);
		ad_wr_u32(w, o->u.plain.filled);
	}
}

/* Append the open orders of a book; positions become those after from. */
void
ad_book_write(const AdBook *b, uint32 from, StringInfo w)
{
	const		AdOrder **plain = ad_palloc_array(const AdOrder *, Max(b->live, 1));
	uint32		n = 0;

	for (uint32 i = 0; i < b->norders; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (b->orders[i].used && b->orders[i].idlen == 0)
			plain[n++] = &b->orders[i];
	}
	qsort(plain, n, sizeof(AdOrder *), by_number);
	ad_wr_u32(w, n);
	for (uint32 i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		write_order(plain[i], from, w);
	}
	pfree(plain);
	ad_wr_u32(w, b->nrest + b->named);
	ad_wr_bytes(w, b->rest, b->rest_len);
	for (uint32 i = 0; i < b->norders; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (b->orders[i].used && b->orders[i].idlen > 0)
			write_order(&b->orders[i], from, w);
	}
}

/* Read an order, whose id stays in the bytes. */
static void
read_order(AdReader *r, AdOrder * o, uint32 clock)
{
	uint8		packed = ad_rd_u8(r);
	bool		partly = (packed & PARTLY) != 0;

	check(r, packed <= PACKED_BITS, "an order is marked as it cannot be");
	memset(o, 0, sizeof(AdOrder));
	o->side = packed & SELLS ? AD_SELL : AD_BUY;
	o->counted = (packed & COUNTED) != 0;
	o->idlen = ad_rd_u8(r);
	o->ts = (int64) ad_rd_u64(r);
	o->number = ad_rd_u32(r);
	o->pos = packed & HELD ? ad_rd_u32(r) : AD_NO_POSITION;
	o->placed = o->open = ad_rd_units(r);
	check(r, IS_VALID_TIMESTAMP(o->ts) && o->number <= clock && o->placed > 0,
		  "an order is out of range");
	if (partly)
		o->open = ad_rd_units(r);
	check(r, o->open > 0 && o->open < o->placed + !partly,
		  "an order has more open than placed");
	if (o->idlen > 0)
	{
		ad_rd_need(r, o->idlen);
		o->u.named.id.elsewhere = (const char *) r->data + r->pos;
		r->pos += o->idlen;
		if (partly)
			o->u.named.cut = ad_rd_units(r);
		check(r, o->u.named.cut <= o->placed - o->open,
			  "more of an order was cancelled than is not open");
		return;
	}
	check(r, !o->counted, "an order without id was cancelled in part");
	o->u.plain.price = ad_rd_f64(r);
	check(r, !isinf(o->u.plain.price), "a price is out of range");
	o->u.plain.price = ad_price_normal(o->u.plain.price);
	o->since = o->u.plain.filled = o->number;
	if (partly)
	{
		o->since = ad_rd_u32(r);
		o->u.plain.filled = ad_rd_u32(r);
		check(r, o->since <= clock && o->u.plain.filled <= clock,
			  "an order is out of range");
	}
}

static inline uint32
name_bit(int side, const char *id, uint32 len)
{
	return (hash_bytes((const unsigned char *) id, (int) len) + (uint32) side) &
		(FILTER_BITS - 1);
}

/* The ids of events as bits. */
static uint64 *
wanted_names(const AdEvent *events, uint32 from, uint32 n)
{
	uint64	   *wanted = ad_palloc0_array(uint64, FILTER_BITS / 64);

	for (uint32 i = from; i < n; i++)
	{
		const AdEvent *e = &events[i];
		uint32		bit;

		AD_CHECK_EVERY_1024(i);
		if (e->idlen > 0)
		{
			bit = name_bit(e->side, e->id, e->idlen);
			wanted[bit >> 6] |= UINT64CONST(1) << (bit & 63);
		}
		if (e->newlen > 0)
		{
			bit = name_bit(e->side, e->id + e->idlen, e->newlen);
			wanted[bit >> 6] |= UINT64CONST(1) << (bit & 63);
		}
	}
	return wanted;
}

/* Check that an order is of the placement that it says, and of no other's. */
static void
check_placement(AdReader *r, const AdOrder * o, const AdEvent *events,
				uint32 held, bool *taken)
{
	if (o->pos == AD_NO_POSITION)
		return;
	check(r, o->pos < held && !taken[o->pos] &&
		  events[o->pos].kind == AD_EVENT_ORDER &&
		  events[o->pos].side == o->side && events[o->pos].ts == o->ts &&
		  o->counted == ((events[o->pos].flags & AD_EVENT_MATCHED) != 0),
		  "an order is of no placement");
	taken[o->pos] = true;
}

/* Read the orders without an id; how many. */
static uint32
read_plain(AdReader *r, AdBook *b, AdOrder * *orders, uint32 clock)
{
	uint32		n = ad_rd_count(r, b->max_orders, MIN_ORDER_BYTES);

	*orders = MemoryContextAllocHuge(CurrentMemoryContext,
									 ad_mul_size(Max(n, 64),
												 sizeof(AdOrder)));
	for (uint32 i = 0; i < n; i++)
	{
		AdOrder    *o = &(*orders)[i];

		AD_CHECK_EVERY_1024(i);
		read_order(r, o, clock);
		check(r, o->idlen == 0 &&
			  (i == 0 || (o->number > o[-1].number && o->ts >= o[-1].ts)),
			  "orders are not in the order of their placements");
	}
	return n;
}

/*
 * Read the orders with an id behind n others: those that are held, or that an
 * event wants.  The others become the rest of the book; those of them that are
 * older than option forget_after allows at a time are closed.
 */
static uint32
read_named(AdReader *r, AdBook *b, AdOrder * *orders, uint32 n, uint32 clock,
		   const uint64 *wanted, int64 now)
{
	uint32		all = ad_rd_count(r, b->max_orders, MIN_ORDER_BYTES);
	uint32		capacity = Max(n, 64);
	StringInfoData rest;
	Size		run = r->pos;	/* of the rest that is not copied yet */

	initStringInfo(&rest);
	for (uint32 i = 0; i < all; i++)
	{
		Size		start = r->pos;
		AdOrder		o;
		uint32		bit;

		AD_CHECK_EVERY_1024(i);
		read_order(r, &o, clock);
		check(r, o.idlen > 0, "an order has no id");
		bit = name_bit(o.side, o.u.named.id.elsewhere, o.idlen);
		if (o.pos == AD_NO_POSITION && !(wanted[bit >> 6] >> (bit & 63) & 1) &&
			!(b->forget > 0 && ad_time_add(o.ts, b->forget) < now))
		{
			b->nrest++;
			continue;
		}
		ad_wr_bytes(&rest, r->data + run, start - run);
		run = r->pos;
		if (n == capacity)
		{
			capacity *= 2;
			*orders = repalloc_huge(*orders, ad_mul_size(capacity,
														 sizeof(AdOrder)));
		}
		(*orders)[n++] = o;
	}
	ad_wr_bytes(&rest, r->data + run, r->pos - run);
	b->rest = (const uint8 *) rest.data;
	b->rest_len = rest.len;
	return n;
}

static int
compare_numbers(const void *x, const void *y)
{
	const		AdOrder *a = x;
	const		AdOrder *b = y;

	return a->number < b->number ? -1 : a->number > b->number;
}

/*
 * Open the orders of another book, as it was after the events that are held,
 * in a new one that is to take the events after those.  Ids stay in the bytes.
 */
void
ad_book_read(AdBook *b, const uint8 *data, Size len, const AdEvent *events,
			 uint32 held, uint32 n, uint32 clock)
{
	AdReader	r;
	AdOrder    *orders;
	uint32		norders;
	uint32		nplain;
	uint64	   *wanted;
	bool	   *taken;

	b->clock = clock;
	if (len == 0)
		return;
	ad_rd_init(&r, data, len, WHAT);
	nplain = read_plain(&r, b, &orders, clock);
	wanted = wanted_names(events, held, n);
	norders = read_named(&r, b, &orders, nplain, clock, wanted,
						 n > 0 ? events[n - 1].ts : PG_INT64_MIN);
	ad_rd_end(&r);
	taken = ad_palloc0_array(bool, Max(held, 1));
	for (uint32 i = 0; i < norders; i++)
		check_placement(&r, &orders[i], events, held, taken);
	if (norders > nplain)
		qsort(orders, norders, sizeof(AdOrder), compare_numbers);
	ad_book_restore(b, orders, norders);
	pfree(taken);
	pfree(wanted);
	pfree(orders);
}
