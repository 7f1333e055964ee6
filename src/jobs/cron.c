/*-------------------------------------------------------------------------
 *
 * cron.c
 *		When an entry of pg_cron was due.
 *
 * Five fields as in crontab(5): minute, hour, day of the month, month, day of
 * the week; lists of numbers, ranges and steps, names of months and days; "$"
 * is the last day of a month; words such as @hourly; or "30 seconds".  Where
 * both days are restricted, one of them is enough.  Anything else is not
 * known, and nothing is said about it.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_cron.h"

#include "utils/builtins.h"

#define MAX_MINUTES		(100 * 24 * 60) /* that are looked at */

/* The fields, and what they may be. */
static const struct
{
	int			min;
	int			max;
}			ranges[AD_CRON_FIELDS] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
	"jul", "aug", "sep", "oct", "nov", "dec"
};
static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const char *const words[][2] = {
	{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"}
};

/* Read a number, or a name of a month or day; false: there is none. */
static bool
read_number(const char **p, int field, int *value)
{
	const char *const *names = field == 3 ? months : days;
	int			n = field == 3 ? (int) lengthof(months) : field == 4 ? (int) lengthof(days) : 0;

	if (isdigit((unsigned char) **p))
	{
		for (*value = 0; isdigit((unsigned char) **p) && *value < 1000; (*p)++)
			*value = *value * 10 + (**p - '0');
		return *value >= ranges[field].min && *value <= ranges[field].max;
	}
	for (int i = 0; i < n; i++)
		if (pg_strncasecmp(*p, names[i], 3) == 0)
		{
			*p += 3;
			*value = i + ranges[field].min;
			return true;
		}
	return false;
}

/* Read one field into the set of what is allowed. */
static bool
read_field(const char **p, int field, AdCron *c)
{
	c->any[field] = **p == '*';
	do
	{
		int			low;
		int			high;
		int			step = 1;

		if (**p == '$' && field == 2)
		{
			(*p)++;
			c->last_day = true;
			continue;
		}
		if (**p == '*')
		{
			(*p)++;
			low = ranges[field].min;
			high = ranges[field].max;
		}
		else
		{
			if (!read_number(p, field, &low))
				return false;
			high = low;
			if (**p == '-')
			{
				(*p)++;
				if (!read_number(p, field, &high) || high < low)
					return false;
			}
		}
		if (**p == '/')
		{
			(*p)++;
			for (step = 0; isdigit((unsigned char) **p) && step < 1000; (*p)++)
				step = step * 10 + (**p - '0');
			if (step == 0)
				return false;
		}
		for (int i = low; i <= high; i += step)
			c->allowed[field] |= UINT64CONST(1) << i;
	} while (**p == ',' && (*p)++);
	return true;
}

/* Read a schedule; false: it is none that is known here. */
bool
ad_cron_read(const char *text, AdCron *c)
{
	const char *p = text;
	int			n = 0;
	char		unit[8] = "";

	memset(c, 0, sizeof(AdCron));
	for (int i = 0; i < (int) lengthof(words); i++)
		if (pg_strcasecmp(text, words[i][0]) == 0)
			p = words[i][1];
	if (sscanf(p, "%d second%7s", &c->seconds, unit) >= 1 &&
		strstr(p, "second") != NULL)
		return c->seconds > 0 && c->seconds < 60;
	c->seconds = 0;
	for (; n < AD_CRON_FIELDS; n++)
	{
		while (*p == ' ' || *p == '\t')
			p++;
		if (!read_field(&p, n, c) || (*p != ' ' && *p != '\t' && *p != '\0'))
			return false;
	}
	while (*p == ' ' || *p == '\t')
		p++;
	if (c->allowed[4] & (UINT64CONST(1) << 7))
		c->allowed[4] |= 1;
	return *p == '\0';
}

static bool
allows(const AdCron *c, int field, int value)
{
	return (c->allowed[field] >> value & 1) != 0;
}

/* Whether a schedule is due in the minute that a time is in. */
static bool
is_due(const AdCron *c, pg_time_t t, pg_tz *zone)
{
	struct pg_tm *tm = pg_localtime(&t, zone);
	bool		day;
	bool		weekday;

	if (tm == NULL || !allows(c, 0, tm->tm_min) || !allows(c, 1, tm->tm_hour) ||
		!allows(c, 3, tm->tm_mon + 1))
		return false;
	day = allows(c, 2, tm->tm_mday);
	weekday = allows(c, 4, tm->tm_wday);
	if (c->last_day && !day)
	{
		pg_time_t	next = t + 24 * 60 * 60;

		day = pg_localtime(&next, zone)->tm_mday == 1;
	}
	return c->any[2] || c->any[4] ? day && weekday : day || weekday;
}

/*
 * The k-th last time before another at which a schedule was due, in seconds of
 * the epoch; 0: longer ago than is looked at.
 */
pg_time_t
ad_cron_before(const AdCron *c, pg_time_t now, pg_tz *zone, int k)
{
	if (c->seconds > 0)
		return now - (pg_time_t) k * c->seconds;
	now -= now % 60;
	for (int i = 1; i <= MAX_MINUTES; i++)
		if (is_due(c, now - (pg_time_t) i * 60, zone) && --k == 0)
			return now - (pg_time_t) i * 60;
	return 0;
}
