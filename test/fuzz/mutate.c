/*-------------------------------------------------------------------------
 *
 * mutate.c
 *		Test only: ways to damage the bytes of a model or sketch.
 *
 * The value given must be sound.  Most kinds take it apart into its
 * sections, damage one, and put it together again with matching lengths,
 * digest and CRC-32C, so that a reader's structural checks have to find the
 * damage.  Envelopes inside others, which the members of an ensemble are,
 * are damaged in the same ways, and sealed before what holds them.  The
 * layout is written down here a second time, independently of the
 * extension's code (see src/core/envelope.c for the words).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "port/pg_crc32c.h"
#include "utils/lsyscache.h"

#include "core/ad_compat.h"

PG_MODULE_MAGIC;

#define HEADER			64
#define ENTRY			24
#define MAX_SECTIONS	16

typedef struct Section
{
	uint32		id;
	unsigned char *data;
	Size		len;
} Section;

static uint64 state;

/* SplitMix64 */
static uint64
next_random(void)
{
	uint64		z = (state += UINT64CONST(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static Size
below(Size n)
{
	return n == 0 ? 0 : (Size) (next_random() % n);
}

static uint64
get(const unsigned char *p, int width)
{
	uint64		v = 0;

	while (width-- > 0)
		v = (v << 8) | p[width];
	return v;
}

static void
put(unsigned char *p, uint64 v, int width)
{
	for (int i = 0; i < width; i++)
		p[i] = (unsigned char) (v >> (8 * i));
}

/* A place in len bytes for a field of that width; half the time early on. */
static unsigned char *
place(unsigned char *data, Size len, int width)
{
	Size		n = len - width + 1;

	if (next_random() & 1)
		n = Min(n, 64);
	return data + below(n);
}

static void
sha256(const unsigned char *d, Size len, unsigned char *out)
{
#if PG_VERSION_NUM >= 140000
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, d, 32) < 0 ||
		pg_cryptohash_update(ctx, d + HEADER, len - HEADER) < 0 ||
		pg_cryptohash_final(ctx, out, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256");
	pg_cryptohash_free(ctx);
#else
	pg_sha256_ctx ctx;

	pg_sha256_init(&ctx);
	pg_sha256_update(&ctx, d, 32);
	pg_sha256_update(&ctx, d + HEADER, len - HEADER);
	pg_sha256_final(&ctx, out);
#endif
}

/*
 * The first envelope that begins at or after "from" and ends by the end of
 * the data; false if there is none.  Only its magic and length are looked
 * at, so one whose inside is damaged is found too.
 */
static bool
find_envelope(const unsigned char *data, Size len, Size from, Size *at,
			  Size *size)
{
	static const char *const magics[] = {
		"ADMODEL\n", "ADSKETC\n", "ADSTRM1\n", "ADFDRO1\n"
	};

	for (Size i = from; len >= HEADER && i <= len - HEADER; i++)
	{
		uint64		total;

		if (data[i] != 'A' || data[i + 1] != 'D')
			continue;
		total = get(data + i + 16, 8);
		if (total < HEADER || total > len - i)
			continue;
		for (int k = 0; k < (int) lengthof(magics); k++)
			if (memcmp(data + i, magics[k], 8) == 0)
			{
				*at = i;
				*size = (Size) total;
				return true;
			}
	}
	return false;
}

/* Make length, digest and CRC match what is there, innermost first. */
static void
seal(unsigned char *d, Size len)
{
	unsigned char digest[PG_SHA256_DIGEST_LENGTH];
	pg_crc32c	crc;
	Size		at = HEADER;
	Size		size;

	if (len < HEADER)
		return;
	put(d + 16, len, 8);
	while (find_envelope(d, len, at, &at, &size))
	{
		seal(d + at, size);
		at += size;
	}
	memset(d + 32, 0, 16);
	if (get(d + 10, 2) != 0)
	{
		sha256(d, len, digest);
		memcpy(d + 32, digest, 16);
	}
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, d, 48);
	COMP_CRC32C(crc, d + 52, len - 52);
	FIN_CRC32C(crc);
	put(d + 48, crc, 4);
}

static int
take_apart(unsigned char *d, Size len, Section *s)
{
	int			n = (int) get(d + 24, 4);

	if (n < 1 || n > MAX_SECTIONS)
		elog(ERROR, "value to mutate is not sound");
	for (int i = 0; i < n; i++)
	{
		unsigned char *e = d + HEADER + ENTRY * i;

		s[i].id = (uint32) get(e, 4);
		s[i].data = d + get(e + 8, 8);
		s[i].len = (Size) get(e + 16, 8);
		if (s[i].data + s[i].len > d + len)
			elog(ERROR, "value to mutate is not sound");
	}
	return n;
}

/* The value with the header of d and these sections. */
static bytea *
put_together(const unsigned char *d, const Section *s, int n)
{
	StringInfoData b;
	unsigned char *out;

	initStringInfo(&b);
	appendStringInfoSpaces(&b, VARHDRSZ);
	appendBinaryStringInfo(&b, (const char *) d, HEADER);
	for (int i = 0; i < ENTRY * n; i++)
		appendStringInfoChar(&b, 0);
	for (int i = 0; i < n; i++)
	{
		unsigned char *e;

		while ((b.len - VARHDRSZ) % 8 != 0)
			appendStringInfoChar(&b, 0);
		e = (unsigned char *) b.data + VARHDRSZ + HEADER + ENTRY * i;
		put(e, s[i].id, 4);
		put(e + 8, b.len - VARHDRSZ, 8);
		put(e + 16, s[i].len, 8);
		appendBinaryStringInfo(&b, (const char *) s[i].data, (int) s[i].len);
	}
	while ((b.len - VARHDRSZ) % 8 != 0)
		appendStringInfoChar(&b, 0);
	out = (unsigned char *) b.data + VARHDRSZ;
	put(out + 24, n, 4);
	seal(out, b.len - VARHDRSZ);
	SET_VARSIZE(b.data, b.len);
	return (bytea *) b.data;
}

static const uint64 extremes[] = {
	0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0xfffff, 0x7fffffff,
	0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, UINT64CONST(0x100000000),
	UINT64CONST(0x1fffffffffffffff), UINT64CONST(0x2000000000000001),
	UINT64CONST(0x7fffffffffffffff), UINT64CONST(0x8000000000000000),
	UINT64CONST(0xfffffffffffffff8), UINT64CONST(0xffffffffffffffff)
};

static const uint64 doubles[] = {
	UINT64CONST(0x7ff8000000000000),	/* NaN */
	UINT64CONST(0xfff0000000000001),	/* signalling NaN */
	UINT64CONST(0x7ff0000000000000),	/* Infinity */
	UINT64CONST(0xfff0000000000000),
	UINT64CONST(0x7fefffffffffffff),	/* greatest */
	UINT64CONST(0xffefffffffffffff),
	UINT64CONST(0x0000000000000001),	/* least */
	UINT64CONST(0x8000000000000001),
	UINT64CONST(0x8000000000000000),	/* -0 */
	UINT64CONST(0x0000000000000000),
	UINT64CONST(0x43e0000000000000),	/* 2^63 */
	UINT64CONST(0x41f0000000000000),	/* 2^32 */
	UINT64CONST(0x3fe0000000000000),	/* 0.5 */
	UINT64CONST(0xbff0000000000000)		/* -1 */
};

static const unsigned char byte_values[] = {0, 1, 0x7f, 0x80, 0xff};

#define PICK(array) ((array)[below(lengthof(array))])

PG_FUNCTION_INFO_V1(ad_test_mutate);
PG_FUNCTION_INFO_V1(ad_test_damage);
PG_FUNCTION_INFO_V1(ad_test_seal);
PG_FUNCTION_INFO_V1(ad_test_receive);
PG_FUNCTION_INFO_V1(ad_test_cpu);

/* ad_test_seal(bytea): the value with length, digest and CRC made right. */
Datum
ad_test_seal(PG_FUNCTION_ARGS)
{
	bytea	   *b = PG_GETARG_BYTEA_P_COPY(0);

	seal((unsigned char *) VARDATA(b), VARSIZE(b) - VARHDRSZ);
	PG_RETURN_BYTEA_P(b);
}

/* A copy of bytes as a value. */
static bytea *
as_value(const unsigned char *d, Size len)
{
	bytea	   *b = palloc(VARHDRSZ + len);

	SET_VARSIZE(b, VARHDRSZ + len);
	memcpy(VARDATA(b), d, len);
	return b;
}

static bytea *mutate(bytea *value, const bytea *other, int kind);

/*
 * Damage one of the envelopes inside a section.  The u64 before it, which
 * says how long it is, changes with it.  False if there is none.
 */
static bool
mutate_inner(Section *s, const bytea *other, int kind)
{
	Size		at = 0;
	Size		size;
	int			n = 0;
	int			chosen;
	Size		room;
	bytea	   *damaged;
	unsigned char *grown;

	for (; find_envelope(s->data, s->len, at, &at, &size); at += size)
		n++;
	if (n == 0)
		return false;
	chosen = (int) below(n);
	for (at = 0; find_envelope(s->data, s->len, at, &at, &size); at += size)
		if (chosen-- == 0)
			break;
	damaged = mutate(as_value(s->data + at, size), other, kind);
	room = VARSIZE(damaged) - VARHDRSZ;
	grown = palloc(s->len - size + room);
	memcpy(grown, s->data, at);
	memcpy(grown + at, VARDATA(damaged), room);
	memcpy(grown + at + room, s->data + at + size, s->len - at - size);
	if (at >= 8 && get(grown + at - 8, 8) == size)
		put(grown + at - 8, room, 8);
	s->data = grown;
	s->len += room - size;
	return true;
}

/* A damaged value; it may be changed in place. */
static bytea *
mutate(bytea *value, const bytea *other, int kind)
{
	unsigned char *d = (unsigned char *) VARDATA(value);
	Size		len = VARSIZE(value) - VARHDRSZ;
	Section		s[MAX_SECTIONS];
	Section		t[MAX_SECTIONS];
	int			n = take_apart(d, len, s);
	int			m = take_apart((unsigned char *) VARDATA(other),
							   VARSIZE(other) - VARHDRSZ, t);
	int			times = 1 + (int) below(4);
	Section    *one;

	/* three times of four, what is inside; if something is */
	if (below(4) > 0)
		for (int i = 0; i < n; i++)
			if (mutate_inner(&s[i], other, kind))
				return put_together(d, s, n);

	do
		one = &s[below(n)];
	while (one->len < 8);

	switch (kind)
	{
		case 0:					/* bits */
			while (times-- > 0)
				*place(one->data, one->len, 1) ^= 1 << below(8);
			break;
		case 1:					/* bytes */
			while (times-- > 0)
				*place(one->data, one->len, 1) = PICK(byte_values);
			break;
		case 2:					/* u32 to an extreme */
			put(place(one->data, one->len, 4), PICK(extremes), 4);
			break;
		case 3:					/* u64 to an extreme */
			put(place(one->data, one->len, 8), PICK(extremes), 8);
			break;
		case 4:					/* doubles */
			while (times-- > 0)
				put(place(one->data, one->len, 8), PICK(doubles), 8);
			break;
		case 5:					/* a count, off by one or doubled */
			for (int i = 0; i < 100; i++)
			{
				unsigned char *p = place(one->data, one->len, 4);
				uint64		v = get(p, 4);

				if (v == 0 || v > 100000)
					continue;
				put(p, below(3) == 0 ? v * 2 : v + (below(2) ? 1 : -1), 4);
				break;
			}
			break;
		case 6:					/* the section cut short */
			one->len = below(one->len);
			break;
		case 7:					/* bytes inserted */
			{
				Size		extra = 1 + below(64);
				Size		at = below(one->len + 1);
				unsigned char *grown = palloc(one->len + extra);

				memcpy(grown, one->data, at);
				for (Size i = 0; i < extra; i++)
					grown[at + i] = (unsigned char) next_random();
				memcpy(grown + at + extra, one->data + at, one->len - at);
				one->data = grown;
				one->len += extra;
			}
			break;
		case 8:					/* bytes removed from the middle */
			{
				Size		at = below(one->len);
				Size		gone = 1 + below(Min(one->len - at, 64));

				memmove(one->data + at, one->data + at + gone,
						one->len - at - gone);
				one->len -= gone;
			}
			break;
		case 9:					/* a section of another value */
			for (int i = 0; i < n; i++)
				if (i < m && below(2))
				{
					s[i].data = t[i].data;
					s[i].len = t[i].len;
				}
			break;
		case 10:				/* the start of one, the end of another */
			{
				Section    *from = &t[Min(one - s, m - 1)];
				Size		cut = below(Min(one->len, from->len));
				unsigned char *joined = palloc(Max(one->len, from->len));

				memcpy(joined, one->data, cut);
				memcpy(joined + cut, from->data + cut, from->len - cut);
				one->data = joined;
				one->len = from->len;
			}
			break;
		case 11:				/* two sections change places */
			{
				Section    *two = &s[below(n)];
				Section		swap = *one;

				*one = *two;
				*two = swap;
				if (below(2))
				{
					uint32		id = one->id;

					one->id = two->id;
					two->id = id;
				}
			}
			break;
		case 12:				/* a section missing, twice, or renamed */
			if (below(3) == 0)
				one->id = (uint32) PICK(extremes);
			else if (below(2))
				*one = s[--n];
			else
				s[n++] = *one;
			break;
		case 13:				/* a long run of one byte or of noise */
			{
				Size		run = 1 + below(Min(one->len, 256));
				unsigned char *p = place(one->data, one->len, (int) run);
				bool		noise = below(2);
				unsigned char b = PICK(byte_values);

				for (Size i = 0; i < run; i++)
					p[i] = noise ? (unsigned char) next_random() : b;
			}
			break;
		case 14:				/* header and section table, sealed */
		case 15:				/* anywhere, sealed */
		case 16:				/* anywhere, not sealed */
			{
				Size		room = kind == 14 ? HEADER + ENTRY * n : len;
				bool		wide = below(2);

				if (below(2))
					put(place(d, room, wide ? 8 : 4), PICK(extremes),
						wide ? 8 : 4);
				else
					*place(d, room, 1) ^= 1 << below(8);
				if (kind != 16)
					seal(d, len);
				return value;
			}
		case 17:				/* truncated, sealed or not */
			len = below(len);
			SET_VARSIZE(value, VARHDRSZ + len);
			if (below(2))
				seal(d, len);
			return value;
		case 18:				/* extended, sealed or not */
			{
				Size		extra = 1 + below(64);

				value = repalloc(value, VARHDRSZ + len + extra);
				d = (unsigned char *) VARDATA(value);
				for (Size i = 0; i < extra; i++)
					d[len + i] = (unsigned char) next_random();
				SET_VARSIZE(value, VARHDRSZ + len + extra);
				if (below(2))
					seal(d, len + extra);
				return value;
			}
		default:
			elog(ERROR, "unknown kind of mutation %d", kind);
	}
	return put_together(d, s, n);
}

/*
 * ad_test_mutate(value bytea, other bytea, seed bigint, kind int): a damaged
 * value; other lends its bytes to splices.
 */
Datum
ad_test_mutate(PG_FUNCTION_ARGS)
{
	int			kind = PG_GETARG_INT32(3);

	state = (uint64) PG_GETARG_INT64(2) * UINT64CONST(0x2545f4914f6cdd1d) + kind;
	PG_RETURN_BYTEA_P(mutate(PG_GETARG_BYTEA_P_COPY(0),
							 PG_GETARG_BYTEA_P_COPY(1), kind));
}

/*
 * ad_test_damage(value bytea, seed bigint): bytes of any kind with bits
 * turned, fields set to extremes, a part missing or some more.
 */
Datum
ad_test_damage(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_P_COPY(0);
	Size		len = VARSIZE(value) - VARHDRSZ;
	Size		extra = 0;
	int			times;

	state = (uint64) PG_GETARG_INT64(1) * UINT64CONST(0x2545f4914f6cdd1d);
	times = 1 + (int) below(3);
	if (below(6) == 0)
		len = below(len);
	else if (below(6) == 0)
		extra = 1 + below(16);
	value = repalloc(value, VARHDRSZ + len + extra);
	for (Size i = 0; i < extra; i++)
		VARDATA(value)[len + i] = (char) next_random();
	len += extra;
	SET_VARSIZE(value, VARHDRSZ + len);
	while (times-- > 0)
	{
		unsigned char *d = (unsigned char *) VARDATA(value);

		if (len >= 8 && below(3) == 0)
		{
			unsigned char *p = d + below(len - 7);
			uint64		v = below(2) ? PICK(extremes) : PICK(doubles);

			/* what the server sends is big-endian */
			for (int i = 0; i < 8; i++)
				p[i] = (unsigned char) (v >> (56 - 8 * i));
		}
		else if (len > 0 && below(2))
			d[below(len)] = PICK(byte_values);
		else if (len > 0)
			d[below(len)] ^= 1 << below(8);
	}
	PG_RETURN_BYTEA_P(value);
}

/*
 * ad_test_receive(value bytea, anyelement): the bytes as a client would send
 * them for that type; the second argument only names it.
 */
Datum
ad_test_receive(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);
	Oid			receive;
	Oid			param;
	StringInfoData buf;
	Datum		result;

	getTypeBinaryInputInfo(get_fn_expr_argtype(fcinfo->flinfo, 1), &receive,
						   &param);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(value),
						   (int) VARSIZE_ANY_EXHDR(value));
	result = OidReceiveFunctionCall(receive, &buf, param, -1);
	if (buf.cursor != buf.len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("incorrect binary data format")));
	PG_RETURN_DATUM(result);
}

/* ad_test_cpu(): seconds of processor time of this process. */
Datum
ad_test_cpu(PG_FUNCTION_ARGS)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	PG_RETURN_FLOAT8((double) (r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
					 (double) (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6);
}
