/* How often each term occurs in a cluster: a small hash table from uint32_t to float, about 12
 * bytes an entry. What it holds never depends on the order of its slots. */
#pragma once
#include "core/engine/state.h"

typedef struct Count {
    uint32_t term; /* COUNT_NONE for an empty slot */
    float count;
} Count;

#define COUNT_NONE UINT32_MAX

typedef struct Counts {
    Count *slots;
    uint32_t capacity, used; /* capacity: zero or a power of two */
} Counts;

void counts_clear(Counts *counts);
/* Adds and returns the new count. */
float counts_add(Counts *counts, uint32_t term, float count);
/* The count that `most` terms have at least, so that those below can go. */
float counts_floor(const Counts *counts, uint32_t most);
void counts_remove(Counts *counts, uint32_t term);
void counts_put(const Counts *counts, GByteArray *out);
void counts_get(Counts *counts, StateReader *in, uint32_t terms); /* terms: all ids are below */

static inline float counts_of(const Counts *counts, uint32_t term)
{
    if (counts->capacity == 0)
        return 0;
    uint32_t mask = counts->capacity - 1;
    for (uint32_t i = term * 2654435761u >> 7 & mask;; i = (i + 1) & mask) {
        const Count *slot = &counts->slots[i];
        if (slot->term == term)
            return slot->count;
        if (slot->term == COUNT_NONE)
            return 0;
    }
}
