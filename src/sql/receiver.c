/*-------------------------------------------------------------------------
 *
 * receiver.c
 *		Where the rows of a query go that is read as it runs.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/ad_receiver.h"

static void
startup(DestReceiver *self, int operation, TupleDesc desc)
{
	(void) self;
	(void) operation;
	(void) desc;
}

static void
nothing(DestReceiver *self)
{
	(void) self;
}

/*
 * Make a receiver that takes each row by a function, and has nothing to
 * prepare, clean up or free.
 */
void
ad_receiver_init(DestReceiver *r,
				 bool (*take) (TupleTableSlot *slot, DestReceiver *self))
{
	r->receiveSlot = take;
	r->rStartup = startup;
	r->rShutdown = nothing;
	r->rDestroy = nothing;
	r->mydest = DestNone;
}
