#include "core/engine/numbers.h"

void numbers_clear(Numbers *numbers)
{
    g_free(numbers->slots);
    *numbers = (Numbers){0};
}

static void put(Numbers *numbers, uint32_t slot, uint64_t hash)
{
    uint32_t mask = numbers->size - 1, i = (uint32_t)hash & mask;
    while (numbers->slots[i])
        i = (i + 1) & mask;
    numbers->slots[i] = slot;
}

void numbers_add(Numbers *numbers, uint32_t number, NumbersHash hash, const void *data)
{
    if ((numbers->used + 1) * 3 > numbers->size * 2) {
        Numbers old = *numbers;
        numbers->size = old.size ? old.size * 2 : 64;
        numbers->slots = g_new0(uint32_t, numbers->size);
        for (uint32_t i = 0; i < old.size; i++)
            if (old.slots[i])
                put(numbers, old.slots[i], hash(old.slots[i] - 1, data));
        g_free(old.slots);
    }
    put(numbers, number + 1, hash(number, data));
    numbers->used++;
}

/* Closes the gap, so that searches still find what was pushed past it. */
void numbers_remove(Numbers *numbers, uint32_t number, NumbersHash hash, const void *data)
{
    if (numbers->size == 0)
        return;
    uint32_t mask = numbers->size - 1, gap = (uint32_t)hash(number, data) & mask;
    while (numbers->slots[gap] && numbers->slots[gap] != number + 1)
        gap = (gap + 1) & mask;
    if (!numbers->slots[gap])
        return;
    numbers->used--;
    for (uint32_t i = (gap + 1) & mask; numbers->slots[i]; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)hash(numbers->slots[i] - 1, data) & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            numbers->slots[gap] = numbers->slots[i];
            gap = i;
        }
    }
    numbers->slots[gap] = 0;
}
