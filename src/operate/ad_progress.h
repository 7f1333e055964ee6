/*-------------------------------------------------------------------------
 *
 * ad_progress.h
 *		Progress of what is running, for other sessions to see.
 *
 *	int p = ad_progress_begin("fit", "iforest", expected);
 *	ad_progress_phase(p, "reading rows");
 *	... every 65,536 rows: ad_progress_rows(p, rows);
 *	ad_progress_end(p);
 *
 * Everything accepts -1, which begin returns when the library is not
 * preloaded or there is no slot for the role.  An abort of the transaction
 * and the end of the backend end what was begun.
 */
#ifndef AD_PROGRESS_H
#define AD_PROGRESS_H

#include "core/ad_core.h"

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/spin.h"

#define AD_PROGRESS_SLOTS	256
#define AD_PROGRESS_EVERY	65536	/* rows between updates; power of 2 */

/* What is shown of one running thing. */
typedef struct AdProgress
{
	int			pid;			/* 0: the slot is free */
	int			leader;			/* pid of the parallel leader, or the same */
	Oid			database;
	Oid			user;
	char		kind[16];		/* "fit", "train", "detect", "job", ... */
	char		name[64];
	char		phase[32];
	uint64		rows;
	uint64		fits;			/* made by then, of a statement */
	double		expected;		/* NaN: not known */
	TimestampTz started;
} AdProgress;

/*
 * The slot of a training or detection that runs a fit: the fit reports to it
 * instead of one of its own.  -1: none.
 */
extern int	ad_progress_around_fit;

extern Size ad_progress_size(void);
extern void ad_progress_startup(void);

extern int	ad_progress_begin(const char *kind, const char *name,
							  double expected);
extern int	ad_progress_begin_in(MemoryContext mcxt, const char *kind,
								 const char *name, double expected);
extern void ad_progress_phase(int slot, const char *phase);
extern void ad_progress_rows(int slot, uint64 rows);
extern void ad_progress_fits(int slot, uint64 fits);
extern void ad_progress_expect(int slot, double expected);
extern void ad_progress_end(int slot);
extern int	ad_progress_find(const char *kind, const char *name);
extern bool ad_progress_is_open(int slot);
extern AdProgress *ad_progress_read(int *n);

#endif							/* AD_PROGRESS_H */
