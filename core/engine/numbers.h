/* A hash table of numbers that are kept elsewhere with what they stand for: four bytes and a half a
 * number. The hash of what a number stands for comes along; whether it is the right one, the
 * caller sees by looking at it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Numbers {
    uint32_t *slots; /* number + 1; 0 for an empty one */
    uint32_t size, used;
} Numbers;

typedef uint64_t (*NumbersHash)(uint32_t number, const void *data);

void numbers_clear(Numbers *numbers);
void numbers_add(Numbers *numbers, uint32_t number, NumbersHash hash, const void *data);
/* Must be called while `hash` still knows the number. */
void numbers_remove(Numbers *numbers, uint32_t number, NumbersHash hash, const void *data);

/* Walks over the numbers whose hash may be `hash`:
 * for (uint32_t at = 0, n; numbers_next(numbers, hash, &at, &n);) */
static inline bool numbers_next(const Numbers *numbers, uint64_t hash, uint32_t *at,
                                uint32_t *number)
{
    if (numbers->size == 0)
        return false;
    uint32_t slot = numbers->slots[(uint32_t)(hash + (*at)++) & (numbers->size - 1)];
    *number = slot - 1;
    return slot != 0;
}
