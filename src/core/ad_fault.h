/*-------------------------------------------------------------------------
 *
 * ad_fault.h
 *		Errors that the data of a fit are to blame for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FAULT_H
#define AD_FAULT_H

#include "core/ad_core.h"

/*
 * Run work(arg), which computes and does nothing else: it may leave nothing
 * but memory of the current context behind.  An error that it marks with
 * ad_errdata() ends it: its message is returned, palloc'd in the current context.
 * Any other is raised.  NULL: no error.
 */
extern char *ad_fault_catch(void (*work) (void *), void *arg);

/* The same for errors whose SQLSTATE expected() returns true for. */
extern char *ad_fault_catch_if(bool (*expected) (int code),
							   void (*work) (void *), void *arg);

/* Among the arguments of ereport(): it is the data that are at fault. */
extern int	ad_errdata(void);

#endif							/* AD_FAULT_H */
