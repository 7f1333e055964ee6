/*-------------------------------------------------------------------------
 *
 * anomaly.c
 *		Module magic and _PG_init.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Nothing to set up yet beyond what the rooms' settings define. */
void
_PG_init(void)
{
}
