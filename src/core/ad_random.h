/*-------------------------------------------------------------------------
 *
 * ad_random.h
 *		Random numbers that are the same on every machine, and hashing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_RANDOM_H
#define AD_RANDOM_H

#include "core/ad_core.h"

/*
 * Streams of a seed, one a purpose: their values are words in ASCII, models
 * depend on them, so append and never change.  One taken twice does not
 * compile (random.c).  A detector that numbers its draws (trees, restarts)
 * has the numbers as streams, from 0, and so has MAIN, for one that draws
 * nothing else.
 */
#define AD_STREAM_LIST(STREAM) \
	STREAM(AD_STREAM_MAIN, 0) \
	STREAM(AD_STREAM_REFERENCE_ROWS, 0x7265666572656e63) \
	STREAM(AD_STREAM_HELD_OUT_ROWS, 0x68656c646f757420) \
	STREAM(AD_STREAM_FOLDS, 0x666f6c6420726f77) \
	STREAM(AD_STREAM_FOURIER_FEATURES, 0x666f7572696572) \
	STREAM(AD_STREAM_DESCENT, 0x64657363656e74) \
	STREAM(AD_STREAM_LODA, 0x6c6f6461) \
	STREAM(AD_STREAM_DRIFT, 0x6472696674) \
	STREAM(AD_STREAM_MEMBER_ROWS, 0x6d656d62657273) \
	STREAM(AD_STREAM_BATCHES, 0x6261746368657300) \
	STREAM(AD_STREAM_NETWORKS, 0x6e6574776f726b73) \
	STREAM(AD_STREAM_NOISE, 0x6e6f697365000000)

#define AD_STREAM(name, value) static const uint64 name = UINT64CONST(value);

AD_STREAM_LIST(AD_STREAM)

#undef AD_STREAM

/* random.c: xoshiro256++ seeded through SplitMix64 */
typedef struct AdRandom
{
	uint64		s[4];
} AdRandom;

/* SplitMix64's finaliser: a bijection that mixes every bit. */
static inline uint64
ad_mix64(uint64 z)
{
	z = (z ^ (z >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64
ad_rotl64(uint64 x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static inline uint64
ad_random_next(AdRandom *r)
{
	uint64		result = ad_rotl64(r->s[0] + r->s[3], 23) + r->s[0];
	uint64		t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = ad_rotl64(r->s[3], 45);
	return result;
}

/* A number in [0, 1) from the upper 53 of 64 random bits. */
static inline double
ad_unit_double(uint64 bits)
{
	return (double) (bits >> 11) * (1.0 / 9007199254740992.0);
}

/* Uniform in [0, 1) with 53 bits. */
static inline double
ad_random_double(AdRandom *r)
{
	return ad_unit_double(ad_random_next(r));
}

/* The 128-bit product of two numbers: low half returned, high half stored. */
static inline uint64
ad_multiply64(uint64 a, uint64 b, uint64 *high)
{
#ifdef HAVE_INT128
	uint128		product = (uint128) a * b;

	*high = (uint64) (product >> 64);
	return (uint64) product;
#else
	uint64		a0 = (uint32) a,
				a1 = a >> 32,
				b0 = (uint32) b,
				b1 = b >> 32;
	uint64		middle = a1 * b0 + ((a0 * b0) >> 32);
	uint64		cross = a0 * b1 + (uint32) middle;

	*high = a1 * b1 + (middle >> 32) + (cross >> 32);
	return a * b;
#endif
}

/*
 * Uniform in 0 .. n - 1, without bias; n > 0.  Lemire 2019: the high half of
 * a product, rejecting the few low halves that would favour some results.
 */
static inline uint64
ad_random_below(AdRandom *r, uint64 n)
{
	uint64		high;
	uint64		low = ad_multiply64(ad_random_next(r), n, &high);

	if (unlikely(low < n))
	{
		uint64		reject = -n % n;

		while (low < reject)
			low = ad_multiply64(ad_random_next(r), n, &high);
	}
	return high;
}

extern void ad_random_seed(AdRandom *r, uint64 seed, uint64 stream);
extern double ad_random_normal(AdRandom *r);
extern uint64 ad_hash64(const void *data, Size len, uint64 seed);

#endif							/* AD_RANDOM_H */
