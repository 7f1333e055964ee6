/*-------------------------------------------------------------------------
 *
 * ad_book.h
 *		The open orders of a partition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_BOOK_H
#define AD_BOOK_H

#include "market/ad_event.h"

#define AD_INLINE_ID	16		/* longer ids are elsewhere */

/* Queues of orders without an id, each in order of arrival. */
typedef enum AdQueueKind
{
	AD_QUEUE_LEVEL,				/* of a side and price */
	AD_QUEUE_OPEN,				/* and with the same open quantity */
	AD_QUEUE_PLACED,			/* partly filled, of the same placed quantity */
	AD_QUEUES
} AdQueueKind;

typedef struct AdLink			/* an order's place in a queue */
{
	uint32		before;
	uint32		after;
	uint32		queue;
} AdLink;

typedef struct AdOrder
{
	AdQuantity	placed;
	AdQuantity	open;			/* > 0 */
	int64		ts;				/* of the placement */
	uint32		pos;			/* of the placement; AD_NO_POSITION: left */
	uint32		number;			/* AdBook.clock at the placement */
	uint32		older;			/* by placement, with option forget_after */
	uint32		newer;
	uint8		side;
	uint8		idlen;			/* 0: without id */
	bool		counted;		/* as cancelled */
	bool		used;			/* else free; older is the next free one */
	uint32		since;			/* clock when open became what it is */
	union
	{
		struct
		{
			AdQuantity	cut;	/* cancelled so far */
			union
			{
				char		bytes[AD_INLINE_ID];	/* idlen <= AD_INLINE_ID */
				const char *elsewhere;
			}			id;
			uint32		hash;
			uint32		chain;	/* next of the bucket */
		}			named;
		struct
		{
			double		price;
			AdLink		link[AD_QUEUES];
			uint32		filled; /* clock at the first fill */
		}			plain;		/* idlen is 0 */
	}			u;
}			AdOrder;

typedef struct AdQueue			/* its key is that of its first order */
{
	uint32		hash;			/* the last two bits are the kind */
	uint32		first;
	uint32		last;
	uint32		chain;			/* next of the bucket, or next free one */
} AdQueue;

typedef struct AdPrices			/* the prices of a side's levels */
{
	double	   *keys;			/* best first: negated for BUY */
	uint32		heaped;			/* these are a heap, the rest is to be put in */
	uint32		n;				/* may name a level twice, or one that is gone */
	uint32		capacity;
	uint32		levels;			/* with a price, that there are */
	bool		wanted;			/* keys are kept: they have been asked for */
} AdPrices;

typedef struct AdBook
{
	MemoryContext mcxt;
	AdOrder    *orders;			/* stable indices */
	uint32		norders;		/* open or freed */
	uint32		max_norders;
	uint32		free_order;
	uint32		live;			/* open */
	uint32		oldest;			/* with option forget_after */
	uint32		newest;
	uint32	   *names;			/* orders with an id, by hash */
	uint32		nnames;			/* buckets, a power of two */
	uint32		named;			/* open orders with an id */
	AdQueue    *queues;
	uint32		nqueues;		/* in use or freed */
	uint32		max_nqueues;
	uint32		free_queue;
	uint32		live_queues;
	uint32	   *keys;			/* queues, by hash */
	uint32		nkeys;			/* buckets, a power of two */
	AdPrices	prices[2];		/* by side */
	uint32		clock;			/* events taken */
	uint32		max_orders;		/* open at a time; refuse more */
	int64		forget;			/* close orders older than this; 0: never */
	uint64		seed;
	bool		owns_ids;		/* long ids are copied */
	const uint8 *rest;			/* orders with an id that are not opened, for
								 * no event is of them: book_bytes.c */
	Size		rest_len;
	uint32		nrest;
} AdBook;

/* book.c */
extern void ad_book_init(AdBook *b, MemoryContext mcxt, uint64 seed,
						 bool owns_ids, int64 forget, uint32 max_orders);
extern uint32 ad_book_feed(AdBook *b, AdTape *tape, uint32 pos);
extern void ad_book_feed_all(AdTape *tape, uint64 seed, int64 forget);
extern void ad_book_prefetch(const AdBook *b, const AdTape *tape, AdEvent *e,
							 int step);
extern const char *ad_book_id(const AdOrder * o);
extern void ad_book_restore(AdBook *b, const AdOrder * orders, uint32 n);

/* Prefetch for the events of an array that are about to be fed. */
#define AD_BOOK_PREFETCH(b, tape, events, i, n) \
	do { \
		if ((i) + 12 < (n)) \
		{ \
			ad_book_prefetch(b, tape, &(events)[(i) + 12], 0); \
			ad_book_prefetch(b, tape, &(events)[(i) + 8], 1); \
			ad_book_prefetch(b, tape, &(events)[(i) + 4], 2); \
		} \
	} while (0)

#endif							/* AD_BOOK_H */
