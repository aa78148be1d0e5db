/* What an update says to each person: the text of their language with its fields filled in, counted
 * as their network counts it. Pure; the preview and the sending use the same. */
#pragma once
#include "core/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What a person writes for all. Borrowed. */
typedef struct Draft {
    const json_t *texts;  /* language -> text */
    const json_t *fields; /* name -> value */
    const char *fallback; /* the language for those that have no text of their own */
    bool only_new;        /* only to those who were told nothing yet */
} Draft;

/* Sentences that keep it from being sent, one string each; empty when nothing does. */
GPtrArray *compose_blocked(const Draft *draft);
/* The language whose text somebody who writes `lang` gets; NULL when there is none. */
const char *compose_language(const Draft *draft, const char *lang);
/* {first_name} stays, the fields are filled in. */
char *compose_fill(const Draft *draft, const char *text);
bool compose_is_personal(const char *text);
/* The first name for somebody who shows himself with this name and handle; never empty unless both
 * are. */
char *compose_first_name(const char *name, const char *handle);
char *compose_personal(const char *text, const char *first_name);

/* "@handle " where the network's answers begin with it and count it, else "". */
char *compose_mention(const char *network, bool direct, const char *handle);
/* The kind that core/engine/render knows: "x", "x/direct". */
char *compose_kind(const char *network, bool direct);

/* The names of the fields that a text may use. */
bool compose_is_field(const char *name);
