/*-------------------------------------------------------------------------
 *
 * stats_file.c
 *		The counts of ad_stat_models between two runs of the server.
 *
 * As pg_stat_statements does, the postmaster writes them into a file beside
 * the server's own statistics when it shuts down, and reads and removes it
 * when it starts; so a server that crashed finds none.  One that was told to
 * stop at once writes a file, too, but the control file says that it was not
 * shut down, and the file is not believed, as the server's own are not.
 * A standby has its own; what it counted stays when it is promoted.
 *
 * All of this happens in the postmaster, which an error would end: so nothing
 * here raises one.  What a file holds that is damaged, of another release or
 * of another layout is left out, with a line in the server's log.  A checksum
 * finds accidents; what could harm is looked at all the same.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_shared.h"
#include "operate/ad_stats.h"

#include <unistd.h>

#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#define FILE_NAME	"pg_stat/anomaly.stat"
#define FILE_MAGIC	"ADSTATS"
#define FILE_VERSION	1
#define MAX_ENTRIES		100000	/* the most that settings allow */
#define MAX_INTERVALS	1440
#define MOST		(UINT64CONST(1) << 53)	/* that is counted of anything */

typedef struct Header
{
	char		magic[8];
	uint32		version;
	uint32		entry_size;		/* of this build; another is another layout */
	uint32		interval_size;
	uint32		intervals;		/* of each entry */
	uint32		entries;
	pg_crc32c	crc;			/* of all that follows, and of what is above */
} Header;

/* A file that is being written or read. */
typedef struct Stream
{
	FILE	   *file;
	pg_crc32c	crc;
} Stream;

/* The header of a file that this build writes, but for its checksum. */
static void
init_header(Header *h, uint32 entries, uint32 intervals)
{
	memset(h, 0, sizeof(*h));
	strlcpy(h->magic, FILE_MAGIC, sizeof(h->magic));
	h->version = FILE_VERSION;
	h->entry_size = sizeof(AdStatEntry);
	h->interval_size = sizeof(AdStatInterval);
	h->intervals = intervals;
	h->entries = entries;
}

/* Write bytes, and count them in; false: they could not be. */
static bool
put(const void *data, Size len, void *arg)
{
	Stream	   *s = arg;

	COMP_CRC32C(s->crc, data, len);
	return fwrite(data, 1, len, s->file) == len;
}

/* Write what was counted to an open file; false: it could not be. */
static bool
write_all(FILE *file)
{
	Header		h;
	Stream		s;

	init_header(&h, (uint32) ad_stat_count(), (uint32) ad_stats_intervals);
	s.file = file;
	INIT_CRC32C(s.crc);
	COMP_CRC32C(s.crc, &h, offsetof(Header, crc));

	/* its place is kept until the checksum is known */
	if (fwrite(&h, sizeof(h), 1, file) != 1 || !ad_stat_each(put, &s))
		return false;
	FIN_CRC32C(s.crc);
	h.crc = s.crc;
	return fseek(file, 0, SEEK_SET) == 0 &&
		fwrite(&h, sizeof(h), 1, file) == 1;
}

/* Save all counts: the postmaster ends, as all other processes have. */
void
ad_stats_save(int code, Datum arg)
{
	FILE	   *file;
	bool		written;

	(void) arg;
	if (code != 0 || ad_shared == NULL)
		return;
	file = AllocateFile(FILE_NAME ".tmp", PG_BINARY_W);
	written = file != NULL && write_all(file);
	if (file != NULL && FreeFile(file) != 0)
		written = false;
	if (written && durable_rename(FILE_NAME ".tmp", FILE_NAME, LOG) == 0)
		return;
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not write file \"%s\": %m", FILE_NAME ".tmp")));
	unlink(FILE_NAME ".tmp");
}

/* Whether the server was shut down when it last ran. */
static bool
was_shut_down(void)
{
	bool		sound;
	ControlFileData *control = get_controlfile(DataDir, &sound);
	bool		result = sound && (control->state == DB_SHUTDOWNED ||
								   control->state == DB_SHUTDOWNED_IN_RECOVERY);

	pfree(control);
	return result;
}

/* Whether a number can be a sum of times. */
static inline bool
is_time(double v)
{
	return isfinite(v) && v >= 0;
}

/* Whether sums can have been counted. */
static bool
are_sums(const AdStatSums *s)
{
	return s->calls <= MOST && s->rows <= MOST && s->errors <= MOST &&
		s->anomalies <= s->rows && s->caught <= s->errors &&
		s->scores.n <= s->rows && isfinite(s->scores.mean) &&
		is_time(s->scores.squares) && is_time(s->total) && is_time(s->max) &&
		is_time(s->steady);
}

/* Whether an entry can be one; what follows the end of its name is cleared. */
static bool
is_entry(AdStatEntry *e)
{
	Size		length = strnlen(e->key.name, AD_STAT_NAME);

	if (length == AD_STAT_NAME || !OidIsValid(e->key.user) ||
		e->key.version < 0 ||
		(e->detector != 0 && ad_detector_by_id(e->detector) == NULL) ||
		!IS_VALID_TIMESTAMP(e->first) || !IS_VALID_TIMESTAMP(e->last) ||
		!are_sums(&e->sums))
		return false;
	memset(e->key.name + length, 0, AD_STAT_NAME - length);
	for (int k = 0; k < AD_STAT_KINDS; k++)
		for (int i = 0; i < AD_STAT_FINE; i++)
			if (e->steps[k][i] > MOST)
				return false;
	return true;
}

/* Whether an interval can be one. */
static bool
is_interval(const AdStatInterval *i)
{
	return i->start == 0 ||
		(IS_VALID_TIMESTAMP(i->start) && i->length > 0 &&
		 i->length <= USECS_PER_DAY && are_sums(&i->sums));
}

/* Whether a file is sound and of this build; then it stands at the first entry. */
static bool
open_sound(FILE *file, Header *h)
{
	Header		mine;
	pg_crc32c	crc;
	char		chunk[8192];
	Size		n;
	uint64		bytes = 0;

	if (fread(h, sizeof(*h), 1, file) != 1)
		return false;
	init_header(&mine, h->entries, h->intervals);
	if (memcmp(h, &mine, offsetof(Header, crc)) != 0 ||
		h->entries > MAX_ENTRIES || h->intervals > MAX_INTERVALS)
		return false;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, h, offsetof(Header, crc));
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
	{
		COMP_CRC32C(crc, chunk, n);
		bytes += n;
	}
	FIN_CRC32C(crc);
	return EQ_CRC32C(crc, h->crc) &&
		bytes == (uint64) h->entries *
		(sizeof(AdStatEntry) + h->intervals * sizeof(AdStatInterval)) &&
		fseek(file, sizeof(Header), SEEK_SET) == 0;
}

/* Read the entries of a sound file; false: one of them cannot be. */
static bool
read_all(FILE *file, const Header *h)
{
	Size		bytes = h->intervals * sizeof(AdStatInterval);
	AdStatInterval *intervals = palloc_extended(bytes, MCXT_ALLOC_NO_OOM);
	bool		result = intervals != NULL;

	for (uint32 i = 0; i < h->entries && result; i++)
	{
		AdStatEntry e;

		result = fread(&e, sizeof(e), 1, file) == 1 &&
			fread(intervals, 1, bytes, file) == bytes && is_entry(&e);
		for (uint32 k = 0; k < h->intervals && result; k++)
			result = is_interval(&intervals[k]);
		if (result)
			ad_stat_put(&e, intervals, (int) h->intervals);
	}
	if (intervals)
		pfree(intervals);
	return result;
}

/* Read what the last run of the server saved, if it may be believed. */
void
ad_stats_load(void)
{
	FILE	   *file = AllocateFile(FILE_NAME, PG_BINARY_R);
	Header		h;

	if (file == NULL)
	{
		if (errno != ENOENT)
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", FILE_NAME)));
		return;
	}
	if (!was_shut_down())
		ereport(LOG,
				(errmsg("statistics of models are discarded, since the server was not shut down")));
	else if (!open_sound(file, &h) || !read_all(file, &h))
	{
		ad_stat_reset_all();
		ereport(LOG,
				(errmsg("statistics of models are discarded: file \"%s\" is damaged, or of another release",
						FILE_NAME)));
	}
	FreeFile(file);
	/* what is counted from now on is not in it */
	unlink(FILE_NAME);
}
