/* The terms of a stream: how usual each is, how people write it, and which clusters hold it. A term
 * has a small number, given out again once no cluster holds it and the table is full. */
#pragma once
#include "core/engine/state.h"

#define TERM_NONE UINT32_MAX
#define TERM_HOLDERS                                                                               \
    192 /* clusters that can be found by a term; the others by their other terms                   \
         */

typedef struct Term {
    uint64_t hash;
    char *text; /* as most people write it; NULL until a second message has it */
    union {
        uint32_t one, *many; /* many: from two places on */
    } clusters;              /* some of the clusters that count it: places in the cluster table */
    float messages;          /* with it, of those below */
    int32_t lead;            /* by how many messages `lang` is ahead of all others, about */
    uint32_t holders;        /* clusters that count it */
    uint8_t length, room, hand; /* of `clusters` */
    uint8_t lang;               /* the language it is in most */
    int16_t votes;              /* for `text` */
    bool concept;               /* means the same in every language */
} Term;

static inline const uint32_t *term_clusters(const Term *term)
{
    return term->room > 1 ? term->clusters.many : &term->clusters.one;
}

typedef struct Terms {
    Term *all;
    uint32_t length, room;
    uint32_t *index, index_size; /* hash table of numbers */
    GArray *unused;              /* numbers */
    double messages;             /* all of them; the past fades */
    uint32_t sweep_at;           /* how many there may be before unused ones are looked for */
} Terms;

void terms_init(Terms *terms);
void terms_clear(Terms *terms);

/* The number of the term with `hash`; made if missing. */
uint32_t terms_number(Terms *terms, uint64_t hash);
/* TERM_NONE if it is unknown. */
uint32_t terms_find(const Terms *terms, uint64_t hash);

/* Counts a message in `lang` that has it, written as `text`. */
void terms_count(Terms *terms, uint32_t number, uint8_t lang, const char *text, gsize length);
/* Counts a whole message, and lets the past fade. */
void terms_count_message(Terms *terms);

/* `size` gives how big a cluster is: where there is no room, the smallest of a few gives way. */
void terms_add_holder(Terms *terms, uint32_t number, uint32_t cluster, const float *sizes,
                      gsize stride);
void terms_drop_holder(Terms *terms, uint32_t number, uint32_t cluster);

void terms_put(const Terms *terms, GByteArray *out);
bool terms_get(Terms *terms, StateReader *in);
