/*-------------------------------------------------------------------------
 *
 * ad_event.h
 *		Order events: exact quantities, events by position.
 *
 * An event is one row of an order log: an order placed, cancelled, traded,
 * amended or expired, of one side, at a price, in a quantity, at a time,
 * perhaps with an order id.  The caller hands in events in their total order
 * (time, then row); a position is an event's 0-based place in that order.
 *
 * Prices are doubles: decimals of up to 15 significant digits stay apart,
 * so price equality is exact for every price a market quotes.  NaN is no
 * price, that of a market order; there is one NaN and one zero
 * (ad_price_normal()), so that equal prices have equal bits.  Quantities
 * are decimals (a 64-bit mantissa and a scale) and are summed exactly in
 * 128-bit units of 10^-18; a sum that does not fit is an error.
 *
 * Nothing here sees fmgr.h; times are int64 microseconds on any epoch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_EVENT_H
#define AD_EVENT_H

#include "core/ad_core.h"

/* What an event is; the numbers are stored in ad_order_event values. */
#define AD_EVENT_ORDER		1
#define AD_EVENT_CANCEL		2
#define AD_EVENT_TRADE		3
#define AD_EVENT_REPLACE	4	/* an amendment */
#define AD_EVENT_EXPIRE		5	/* closed by the venue */
#define AD_EVENT_IGNORE		6	/* a row that changes nothing; on no tape */
#define AD_EVENT_KINDS		7	/* more than any kind */

#define AD_BUY				0
#define AD_SELL				1

#define AD_NO_POSITION		PG_UINT32_MAX	/* no event */
#define AD_MAX_POSITIONS	(PG_UINT32_MAX - 1) /* events of a partition */
#define AD_MAX_ORDER_ID		255 /* bytes of an order id */
#define AD_MAX_WORD			63	/* bytes of an event or side word */

/* quantity.c: exact decimals */
#ifdef HAVE_INT128
typedef int128 AdQuantity;		/* units of 10^-AD_QTY_DECIMALS */
#define AD_QTY_DECIMALS		18
#define AD_QTY_MAX			((AdQuantity) (((uint128) -1) >> 1))
#else
typedef int64 AdQuantity;
#define AD_QTY_DECIMALS		4
#define AD_QTY_MAX			((AdQuantity) PG_INT64_MAX)
#endif

extern const int64 ad_pow10_int[19];
extern const double ad_pow10_double[23];

#define AD_EVENT_MATCHED	0x01	/* link names the other half of the pair */
#define AD_EVENT_USED		0x02	/* resumed: a placement that a sequence
									 * used */
#define AD_EVENT_NO_QTY		0x04	/* a cancel or expiry of all that is open */

/*
 * The order id, the id that an amendment gives the order and the id of the
 * event lie one behind the other.
 */
typedef struct AdEvent
{
	int64		ts;				/* microseconds */
	double		price;			/* finite, or NaN: no price */
	int64		qty;			/* mantissa, > 0, or 0 if there is none ... */
	const char *id;				/* the ids, not terminated */
	AdQuantity	part;			/* a placement that counts as cancelled: what
								 * was cancelled of it by then; a cancel
								 * without quantity: what it took */
	uint32		link;			/* the mate's position */
	uint32		row;			/* the caller's row number, for results */
	unsigned int kind:3;		/* AD_EVENT_... */
	unsigned int side:1;		/* AD_BUY or AD_SELL */
	unsigned int flags:3;		/* AD_EVENT_MATCHED, USED, NO_QTY */
	unsigned int scale:5;		/* decimals of qty, at most AD_QTY_DECIMALS;
								 * qty has no trailing zeros after the point */
	unsigned int idlen:8;		/* bytes of the order id; 0: unknown */
	uint8		newlen;			/* of the new order id */
	uint8		evlen;			/* of the event's id */
} AdEvent;

/* Events by position: an array (mask all ones) or a ring. */
typedef struct AdTape
{
	AdEvent    *events;
	uint32		mask;
	uint32		head;			/* oldest position held */
	uint32		end;			/* one past the newest */
} AdTape;

#define AD_AT(tape, pos)	(&(tape)->events[(pos) & (tape)->mask])

/* tape.c */
extern uint32 ad_tape_first_at(const AdTape *tape, int64 ts, uint32 near);
extern uint32 ad_tape_first_after(const AdTape *tape, int64 ts, uint32 near);
extern void ad_tape_unordered(uint32 pos) pg_attribute_noreturn();

/* An event's quantity in units. */
static inline AdQuantity
ad_event_units(const AdEvent *e)
{
	if (unlikely(e->flags & AD_EVENT_NO_QTY))
		return e->part;
	return (AdQuantity) e->qty *
		(AdQuantity) ad_pow10_int[AD_QTY_DECIMALS - e->scale];
}

/* The quantity of an event that has one as a double. */
static inline double
ad_event_size(const AdEvent *e)
{
	return (double) e->qty / ad_pow10_double[e->scale];
}

/* The bits of a price: equal if and only if prices are, none equals none. */
static inline uint64
ad_price_bits(double price)
{
	uint64		bits;

	memcpy(&bits, &price, sizeof(bits));
	return bits;
}

/* A price with the one zero and the one NaN that there are. */
static inline double
ad_price_normal(double price)
{
	return isnan(price) ? (double) NAN : price + 0.0;
}

extern void ad_quantity_overflow(void) pg_attribute_noreturn();
extern bool ad_quantity_from_text(const char *s, int64 *qty, uint8 *scale);
extern bool ad_quantity_from_double(double d, int64 *qty, uint8 *scale);
extern bool ad_quantity_from_digits(int64 mantissa, int exponent,
									int64 *qty, uint8 *scale);
extern char *ad_quantity_text(AdQuantity units);
extern bool ad_quantity_is_int64(AdQuantity units, int64 *value);
extern double ad_quantity_double(AdQuantity units);

/* The sum of two quantities; an error if it does not fit. */
static inline AdQuantity
ad_quantity_add(AdQuantity a, AdQuantity b)
{
	if (unlikely(a > AD_QTY_MAX - b))
		ad_quantity_overflow();
	return a + b;
}

/* Times add and subtract without wrapping. */
static inline int64
ad_time_add(int64 t, int64 d)
{
	return t > PG_INT64_MAX - d ? PG_INT64_MAX : t + d;
}

static inline int64
ad_time_sub(int64 t, int64 d)
{
	return t < PG_INT64_MIN + d ? PG_INT64_MIN : t - d;
}

#endif							/* AD_EVENT_H */
