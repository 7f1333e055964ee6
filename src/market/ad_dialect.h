/*-------------------------------------------------------------------------
 *
 * ad_dialect.h
 *		The words that rows use for events and sides.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DIALECT_H
#define AD_DIALECT_H

#include "market/ad_event.h"

/* dialect.c: dialects of event and side words */
#define AD_DIALECT_EVENT		0	/* codes AD_EVENT_... */
#define AD_DIALECT_SIDE		1	/* codes AD_BUY, AD_SELL */
#define AD_MAX_WORDS		64	/* of one kind */
#define AD_WORD_MEMO		16	/* spellings remembered as written */
#define AD_WORD_MEMO_LENGTH 23

typedef struct AdDialectWord
{
	char		word[AD_MAX_WORD + 1];	/* trimmed, upper case */
	int			len;
	int			code;
	bool		is_default;		/* of ad_dialect_init() */
} AdDialectWord;

typedef struct AdDialectMemo
{
	char		raw[AD_WORD_MEMO_LENGTH];	/* exactly as a row wrote it */
	uint8		len;
	int			code;
} AdDialectMemo;

typedef struct AdDialect
{
	bool		ignores_others; /* an event word that is none is to be ignored */
	int			n[2];			/* words of each kind */
	AdDialectWord words[2][AD_MAX_WORDS];
	int			nmemo[2];
	AdDialectMemo memo[2][AD_WORD_MEMO];
} AdDialect;

extern void ad_dialect_init(AdDialect *w);
extern const char *ad_dialect_preset(AdDialect *w, const char *name, int len);
extern char *ad_dialect_presets(void);
extern void ad_dialect_clear(AdDialect *w, int kind, int code);
extern void ad_dialect_add(AdDialect *w, int kind, int code,
						   const char *word, int len);
extern int	ad_dialect_lookup_slow(AdDialect *w, int kind, const char *s, int len);
extern char *ad_dialect_list(const AdDialect *w, int kind);

/* The code of a word as a row wrote it, or -1. */
static inline int
ad_dialect_lookup(AdDialect *w, int kind, const char *s, int len)
{
	for (int i = 0; i < w->nmemo[kind]; i++)
	{
		const AdDialectMemo *m = &w->memo[kind][i];

		if (m->len == len && memcmp(m->raw, s, len) == 0)
			return m->code;
	}
	return ad_dialect_lookup_slow(w, kind, s, len);
}

extern const char *ad_event_word(int kind);
extern const char *ad_side_word(int side);

#endif							/* AD_DIALECT_H */
