/*-------------------------------------------------------------------------
 *
 * random.c
 *		Random numbers and hashing that are the same on every machine.
 *
 * xoshiro256++ (Blackman and Vigna 2021), its state filled by SplitMix64
 * from a seed and a stream number mixed by a hash, so that neighbouring
 * seeds or streams share nothing.  (Seeding tree t with seed + t, as a
 * known implementation does, makes consecutive seeds share all trees but
 * one.)
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"

/* Do nothing, at run time: two streams of one value are two cases of one. */
static inline void
check_streams(uint64 stream)
{
	switch (stream)
	{
#define CASE(name, value) case UINT64CONST(value):
			AD_STREAM_LIST(CASE)
#undef CASE
		default:
			break;
	}
}

/* Start a generator for one stream of a seed. */
void
ad_random_seed(AdRandom *r, uint64 seed, uint64 stream)
{
	uint64		z = ad_mix64(seed + UINT64CONST(0x9e3779b97f4a7c15)) ^
		ad_mix64(~stream);

	for (int i = 0; i < 4; i++)
	{
		z += UINT64CONST(0x9e3779b97f4a7c15);
		r->s[i] = ad_mix64(z);
	}
	check_streams(stream);
	/* The all-zero state is the one fixed point. */
	if ((r->s[0] | r->s[1] | r->s[2] | r->s[3]) == 0)
		r->s[0] = 1;
}

/* Standard normal, by the polar method (no libm trigonometry). */
double
ad_random_normal(AdRandom *r)
{
	double		u,
				v,
				s;

	do
	{
		u = 2.0 * ad_random_double(r) - 1.0;
		v = 2.0 * ad_random_double(r) - 1.0;
		s = u * u + v * v;
	} while (s >= 1.0 || s == 0.0);
	return u * sqrt(-2.0 * ad_log(s) / s);
}

/* 64-bit hash of bytes; independent of alignment, so safe to store. */
uint64
ad_hash64(const void *data, Size len, uint64 seed)
{
	const uint8 *p = data;
	uint64		h = seed ^ ad_mix64((uint64) len +
									UINT64CONST(0x9e3779b97f4a7c15));

	while (len >= 8)
	{
		uint64		w = 0;

		for (int i = 7; i >= 0; i--)
			w = (w << 8) | p[i];
		h = ad_mix64(h ^ w) + UINT64CONST(0x9e3779b97f4a7c15);
		p += 8;
		len -= 8;
	}
	if (len > 0)
	{
		uint64		w = 0;

		for (int i = (int) len - 1; i >= 0; i--)
			w = (w << 8) | p[i];
		h = ad_mix64(h ^ w) + UINT64CONST(0x9e3779b97f4a7c15);
	}
	return ad_mix64(h);
}
