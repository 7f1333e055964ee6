/*-------------------------------------------------------------------------
 *
 * dialect.c
 *		What a row calls its event and its side.
 *
 * Words are compared trimmed and without regard to ASCII case.  A log uses
 * a handful of spellings millions of times, so each spelling is remembered
 * exactly as it was written, and the next row that writes it so costs one
 * memcmp; that makes every dialect as fast as the default one.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_dialect.h"

#include "lib/stringinfo.h"

static const struct
{
	int			kind;
	int			code;
	const char *word;
}			default_words[] =

{
	{AD_DIALECT_EVENT, AD_EVENT_ORDER, "ORDER_PLACED"},
	{AD_DIALECT_EVENT, AD_EVENT_ORDER, "NEW"},
	{AD_DIALECT_EVENT, AD_EVENT_CANCEL, "ORDER_CANCELLED"},
	{AD_DIALECT_EVENT, AD_EVENT_CANCEL, "ORDER_CANCELED"},
	{AD_DIALECT_EVENT, AD_EVENT_CANCEL, "CANCEL"},
	{AD_DIALECT_EVENT, AD_EVENT_TRADE, "TRADE_EXECUTED"},
	{AD_DIALECT_EVENT, AD_EVENT_TRADE, "FILL"},
	{AD_DIALECT_SIDE, AD_BUY, "BUY"},
	{AD_DIALECT_SIDE, AD_BUY, "B"},
	{AD_DIALECT_SIDE, AD_BUY, "BID"},
	{AD_DIALECT_SIDE, AD_SELL, "SELL"},
	{AD_DIALECT_SIDE, AD_SELL, "S"},
	{AD_DIALECT_SIDE, AD_SELL, "ASK"},
};

/* The canonical word of an event kind. */
const char *
ad_event_word(int kind)
{
	return kind == AD_EVENT_ORDER ? "ORDER_PLACED" :
		kind == AD_EVENT_CANCEL ? "ORDER_CANCELLED" : "TRADE_EXECUTED";
}

/* The canonical word of a side. */
const char *
ad_side_word(int side)
{
	return side == AD_BUY ? "BUY" : "SELL";
}

/* Start with the default words. */
void
ad_dialect_init(AdDialect *w)
{
	memset(w, 0, sizeof(AdDialect));
	for (int i = 0; i < (int) lengthof(default_words); i++)
		ad_dialect_add(w, default_words[i].kind, default_words[i].code,
					   default_words[i].word,
					   (int) strlen(default_words[i].word));
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Trim and raise to upper case into out; the length, -1 if too long. */
static int
normalise(const char *s, int len, char *out)
{
	while (len > 0 && is_space(s[0]))
	{
		s++;
		len--;
	}
	while (len > 0 && is_space(s[len - 1]))
		len--;
	if (len > AD_MAX_WORD)
		return -1;
	for (int i = 0; i < len; i++)
		out[i] = (s[i] >= 'a' && s[i] <= 'z') ? s[i] - 'a' + 'A' : s[i];
	out[len] = '\0';
	return len;
}

/* Forget every word of a kind that means the code. */
void
ad_dialect_clear(AdDialect *w, int kind, int code)
{
	int			n = 0;

	for (int i = 0; i < w->n[kind]; i++)
		if (w->words[kind][i].code != code)
			w->words[kind][n++] = w->words[kind][i];
	w->n[kind] = n;
	w->nmemo[kind] = 0;
}

/* Add a word; an error if it is empty, too long or means something else. */
void
ad_dialect_add(AdDialect *w, int kind, int code, const char *word, int len)
{
	AdDialectWord new;

	new.len = normalise(word, len, new.word);
	new.code = code;
	if (new.len <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a word of option \"words\" must have 1 to %d bytes",
						AD_MAX_WORD)));
	for (int i = 0; i < w->n[kind]; i++)
		if (w->words[kind][i].len == new.len &&
			memcmp(w->words[kind][i].word, new.word, new.len) == 0)
		{
			if (w->words[kind][i].code == code)
				return;
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("word \"%s\" has two meanings in option \"words\"",
							new.word)));
		}
	if (w->n[kind] >= AD_MAX_WORDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("option \"words\" can have at most %d words of a kind",
						AD_MAX_WORDS)));
	w->words[kind][w->n[kind]++] = new;
	w->nmemo[kind] = 0;
}

/* The code of a word, or -1; remembers a spelling that it knows. */
int
ad_dialect_lookup_slow(AdDialect *w, int kind, const char *s, int len)
{
	char		word[AD_MAX_WORD + 1];
	int			n = normalise(s, len, word);

	for (int i = 0; i < w->n[kind]; i++)
		if (w->words[kind][i].len == n &&
			memcmp(w->words[kind][i].word, word, n) == 0)
		{
			int			code = w->words[kind][i].code;

			if (len <= AD_WORD_MEMO_LENGTH && w->nmemo[kind] < AD_WORD_MEMO)
			{
				AdDialectMemo *m = &w->memo[kind][w->nmemo[kind]++];

				memcpy(m->raw, s, len);
				m->len = (uint8) len;
				m->code = code;
			}
			return code;
		}
	return -1;
}

/* The known words of a kind, for a message; palloc'd. */
char *
ad_dialect_list(const AdDialect *w, int kind)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < w->n[kind]; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "",
						 w->words[kind][i].word);
	return buf.data;
}
