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
	{AD_DIALECT_EVENT, AD_EVENT_REPLACE, "ORDER_REPLACED"},
	{AD_DIALECT_EVENT, AD_EVENT_REPLACE, "REPLACE"},
	{AD_DIALECT_EVENT, AD_EVENT_EXPIRE, "ORDER_EXPIRED"},
	{AD_DIALECT_EVENT, AD_EVENT_EXPIRE, "EXPIRE"},
	{AD_DIALECT_SIDE, AD_BUY, "BUY"},
	{AD_DIALECT_SIDE, AD_BUY, "B"},
	{AD_DIALECT_SIDE, AD_BUY, "BID"},
	{AD_DIALECT_SIDE, AD_SELL, "SELL"},
	{AD_DIALECT_SIDE, AD_SELL, "S"},
	{AD_DIALECT_SIDE, AD_SELL, "ASK"},
};

/*
 * Message formats: what their codes mean, in words apart by blanks; "*" among
 * those to be ignored is every other.
 */
static const struct
{
	const char *name;
	const char *events[AD_EVENT_KINDS]; /* by AD_EVENT_... */
	const char *sides[2];		/* AD_BUY, AD_SELL */
}			presets[] =

{
	/* ExecType (150) of execution reports */
	{
		"fix",
		{NULL, "0", "4", "F 1 2", "5", "C 3",
		"6 7 8 9 A B D E G H I J K L M N"}, {"1", "2 5 6"}
	},
	/* order events of Delegated Regulation (EU) 2017/580 */
	{
		"rts24",
		{NULL, "NEWO", "CAME", "PARF FILL", "REME", "EXPI CAMO",
		"TRIG REMA REMH CHME CHMO REMO"}, {"BUYI", "SELL"}
	},
	/* types of message files */
	{
		"lobster",
		{NULL, "1", "2 3", "4 5", "", "", "6 7"}, {"1", "-1"}
	},
	/* message types of version 5.0 */
	{
		"itch",
		{NULL, "A F", "X D", "E C", "U", "", "*"}, {"B", "S"}
	}
};

/* The canonical word of an event kind. */
const char *
ad_event_word(int kind)
{
	static const char *const words[AD_EVENT_KINDS] = {
		"", "ORDER_PLACED", "ORDER_CANCELLED", "TRADE_EXECUTED",
		"ORDER_REPLACED", "ORDER_EXPIRED", ""
	};

	return words[kind];
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
	for (int i = 0; i < w->n[AD_DIALECT_EVENT]; i++)
		w->words[AD_DIALECT_EVENT][i].is_default = true;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Add the words of a text, apart by blanks. */
static void
add_words(AdDialect *w, int kind, int code, const char *words)
{
	while (*words != '\0')
	{
		int			len = (int) strcspn(words, " ");

		if (len == 1 && *words == '*')
			w->ignores_others = true;
		else
			ad_dialect_add(w, kind, code, words, len);
		words += len;
		words += strspn(words, " ");
	}
}

/*
 * Take the words of a message format in place of all others; returns its name,
 * or NULL if there is none of that name.
 */
const char *
ad_dialect_preset(AdDialect *w, const char *name, int len)
{
	for (int i = 0; i < (int) lengthof(presets); i++)
	{
		if (strlen(presets[i].name) != (size_t) len ||
			pg_strncasecmp(presets[i].name, name, len) != 0)
			continue;
		memset(w, 0, sizeof(AdDialect));
		for (int code = AD_EVENT_ORDER; code < AD_EVENT_KINDS; code++)
			add_words(w, AD_DIALECT_EVENT, code, presets[i].events[code]);
		for (int side = AD_BUY; side <= AD_SELL; side++)
			add_words(w, AD_DIALECT_SIDE, side, presets[i].sides[side]);
		return presets[i].name;
	}
	return NULL;
}

/* The names of the message formats, for a message; palloc'd. */
char *
ad_dialect_presets(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < (int) lengthof(presets); i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", presets[i].name);
	return buf.data;
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
	if (kind == AD_DIALECT_EVENT && code == AD_EVENT_IGNORE)
		w->ignores_others = false;
}

/* Whether the words of a meaning are those that 0.2 did not have. */
static bool
is_new(const AdDialectWord *word, int kind)
{
	static const char *const words[] = {"ORDER_REPLACED", "REPLACE",
	"ORDER_EXPIRED", "EXPIRE"};

	for (int i = 0; i < (int) lengthof(words); i++)
		if (kind == AD_DIALECT_EVENT && word->is_default &&
			strcmp(word->word, words[i]) == 0)
			return true;
	return false;
}

/* Add a word; an error if it is empty, too long or means something else. */
void
ad_dialect_add(AdDialect *w, int kind, int code, const char *word, int len)
{
	AdDialectWord new;

	new.len = normalise(word, len, new.word);
	new.code = code;
	new.is_default = false;
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
			if (is_new(&w->words[kind][i], kind))
			{
				/* options of 0.2 may give it another meaning */
				w->words[kind][i] = new;
				w->nmemo[kind] = 0;
				return;
			}
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
	return kind == AD_DIALECT_EVENT && w->ignores_others ? AD_EVENT_IGNORE : -1;
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
