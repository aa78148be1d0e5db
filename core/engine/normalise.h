/* A message's text as the engines see it: folded words in order, numbers and symbols kept, links,
 * handles and retweet marks taken off but remembered. One struct is used for message after message,
 * so that the hot path allocates nothing. Time is linear in the length of the text, whatever its
 * bytes are; only the first NORMALISE_MOST_BYTES are looked at. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NORMALISE_MOST_BYTES 16384
#define NORMALISE_MOST_TOKENS 1024

typedef enum TokenFlags {
    TOKEN_WORD = 1 << 0,      /* letters only */
    TOKEN_NUMBER = 1 << 1,    /* has a digit: 12, 12.50, a380, 10:15 */
    TOKEN_SYMBOL = 1 << 2,    /* an emoji or emoticon, in canonical form */
    TOKEN_HASHTAG = 1 << 3,   /* stood behind # */
    TOKEN_CAPITAL = 1 << 4,   /* began with a capital letter */
    TOKEN_SHOUTED = 1 << 5,   /* two letters or more, all of them capitals */
    TOKEN_STRETCHED = 1 << 6, /* had letters repeated ("sooo"); the token has them once */
    TOKEN_CUT = 1 << 7,       /* a network cut the text here ("deliv…"): perhaps half a word */
} TokenFlags;

typedef struct Token {
    uint64_t hash;          /* of its bytes in `canon`; the same on every machine */
    uint32_t start, length; /* where in `canon` */
    uint32_t from, size;    /* where in `source`: as it was written */
    uint32_t flags;
} Token;

typedef struct Span {
    uint32_t from, size; /* where in `source` */
} Span;

typedef struct Normalised {
    GString *source; /* the text as valid UTF-8, with a blank for each byte that was not */
    GString *plain;  /* `source` without links, handles and retweet marks: for the language */
    GString *canon;  /* the tokens, one blank between them */
    GArray *tokens;  /* Token */
    GArray *urls, *handles;      /* Span; without the handles of retweet marks */
    bool retweet;                /* "RT @anna: ..." or "... via @anna" */
    Span retweet_of;             /* the handle it names, without @; size 0 when none */
    int questions, exclamations; /* how many ? and ! */
    bool cut;                    /* ends with a network's ellipsis */
} Normalised;

Normalised *normalised_new(void);
void normalised_free(Normalised *normalised);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Normalised, normalised_free)

/* Fills `normalised` from `length` bytes of any kind (-1: up to the NUL). */
void normalise(Normalised *normalised, const char *text, gssize length);

static inline const Token *normalised_token(const Normalised *normalised, guint i)
{
    return &g_array_index(normalised->tokens, Token, i);
}

/* The canonical bytes of a token; not NUL-terminated, `token->length` of them. */
static inline const char *normalised_bytes(const Normalised *normalised, const Token *token)
{
    return normalised->canon->str + token->start;
}

/* The hash that tokens carry, for words from elsewhere (a lexicon, a list of equal words); they
 * must be in canonical form. */
uint64_t normalise_hash(const char *bytes, gsize length);
