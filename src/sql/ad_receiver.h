/*-------------------------------------------------------------------------
 *
 * ad_receiver.h
 *		Where the rows of a query go that is read as it runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_RECEIVER_H
#define AD_RECEIVER_H

#include "postgres.h"

#include "tcop/dest.h"

extern void ad_receiver_init(DestReceiver *r,
							 bool (*take) (TupleTableSlot *slot,
										   DestReceiver *self));

#endif							/* AD_RECEIVER_H */
