/*-------------------------------------------------------------------------
 *
 * ad_book_parts.h
 *		The queues and prices of a book, for the files that it is made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_BOOK_PARTS_H
#define AD_BOOK_PARTS_H

#include "core/ad_random.h"
#include "market/ad_book.h"

/* book_queues.c */
extern uint32 ad_book_new_queue(AdBook *b, uint32 hash);
extern void ad_book_free_queue(AdBook *b, uint32 index);
extern void ad_book_new_level(AdBook *b, int side, double price);
extern uint32 ad_book_best(AdBook *b, int side, double limit);
extern void ad_book_prefetch_queue(const AdBook *b, AdEvent *e, int step);

/* The hash of a queue's key; units are only looked at if the kind has them. */
static inline uint32
ad_book_hash(const AdBook *b, AdQueueKind kind, int side, double price,
			 AdQuantity units)
{
	uint64		h = ad_mix64(ad_price_bits(price) ^ b->seed) + (uint64) side;

	if (kind != AD_QUEUE_LEVEL)
	{
		h ^= (uint64) units;
#ifdef HAVE_INT128
		h ^= (uint64) (units >> 64) * UINT64CONST(0x9e3779b97f4a7c15);
#endif
	}
	return ((uint32) (ad_mix64(h + (uint64) kind) >> 32) & ~(uint32) 3) | kind;
}

/* The queue of a key, which has at least one order, or AD_NO_POSITION. */
static inline uint32
ad_book_queue(const AdBook *b, AdQueueKind kind, uint32 hash, int side,
			  double price, AdQuantity units)
{
	uint32		i = b->keys[(hash >> 2) & (b->nkeys - 1)];

	while (i != AD_NO_POSITION)
	{
		const AdQueue *q = &b->queues[i];

		if (q->hash == hash)
		{
			const		AdOrder *o = &b->orders[q->first];

			if (o->side == side &&
				ad_price_bits(o->u.plain.price) == ad_price_bits(price) &&
				(kind == AD_QUEUE_LEVEL ||
				 (kind == AD_QUEUE_OPEN ? o->open : o->placed) == units))
				break;
		}
		i = q->chain;
	}
	return i;
}

#endif							/* AD_BOOK_PARTS_H */
