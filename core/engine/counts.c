#include "core/engine/counts.h"

#include <stdlib.h>

void counts_clear(Counts *counts)
{
    g_free(counts->slots);
    *counts = (Counts){0};
}

static Count *slot_of(const Counts *counts, uint32_t term)
{
    uint32_t mask = counts->capacity - 1, i = term * 2654435761u >> 7 & mask;
    while (counts->slots[i].term != term && counts->slots[i].term != COUNT_NONE)
        i = (i + 1) & mask;
    return &counts->slots[i];
}

static void resize(Counts *counts, uint32_t capacity)
{
    Counts old = *counts;
    counts->slots = g_new(Count, capacity);
    counts->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        counts->slots[i] = (Count){COUNT_NONE, 0};
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.slots[i].term != COUNT_NONE)
            *slot_of(counts, old.slots[i].term) = old.slots[i];
    g_free(old.slots);
}

float counts_add(Counts *counts, uint32_t term, float count)
{
    if ((counts->used + 1) * 4 > counts->capacity * 3)
        resize(counts, counts->capacity ? counts->capacity * 2 : 8);
    Count *slot = slot_of(counts, term);
    if (slot->term == COUNT_NONE) {
        *slot = (Count){term, 0};
        counts->used++;
    }
    return slot->count += count;
}

/* Closes the gap, so that searches still find what was pushed past it. */
void counts_remove(Counts *counts, uint32_t term)
{
    if (counts->capacity == 0)
        return;
    Count *slot = slot_of(counts, term);
    if (slot->term == COUNT_NONE)
        return;
    uint32_t mask = counts->capacity - 1, gap = slot - counts->slots;
    counts->used--;
    for (uint32_t i = (gap + 1) & mask; counts->slots[i].term != COUNT_NONE; i = (i + 1) & mask) {
        uint32_t home = counts->slots[i].term * 2654435761u >> 7 & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            counts->slots[gap] = counts->slots[i];
            gap = i;
        }
    }
    counts->slots[gap] = (Count){COUNT_NONE, 0};
}

static int by_count(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

float counts_floor(const Counts *counts, uint32_t most)
{
    if (counts->used <= most)
        return 0;
    g_autofree float *all = g_new(float, counts->used);
    uint32_t n = 0;
    for (uint32_t i = 0; i < counts->capacity; i++)
        if (counts->slots[i].term != COUNT_NONE)
            all[n++] = counts->slots[i].count;
    qsort(all, n, sizeof *all, by_count);
    return all[most];
}

static int by_term(const void *a, const void *b)
{
    uint32_t x = ((const Count *)a)->term, y = ((const Count *)b)->term;
    return (x > y) - (x < y);
}

void counts_put(const Counts *counts, GByteArray *out)
{
    g_autofree Count *sorted = g_new(Count, counts->used + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < counts->capacity; i++)
        if (counts->slots[i].term != COUNT_NONE)
            sorted[n++] = counts->slots[i];
    qsort(sorted, n, sizeof *sorted, by_term);
    state_put(out, n);
    for (uint32_t i = 0; i < n; i++) {
        state_put(out, sorted[i].term);
        state_put_double(out, sorted[i].count);
    }
}

void counts_get(Counts *counts, StateReader *in, uint32_t terms)
{
    uint32_t n = state_get_count(in, 16);
    *counts = (Counts){0};
    for (uint32_t i = 0; i < n; i++) {
        uint64_t term = state_get(in);
        double count = state_get_double(in);
        if (term >= terms) {
            in->bad = true;
            return;
        }
        counts_add(counts, term, count);
    }
}
