/* Any bytes as a step and a series of times and counts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/spike.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    g_autoptr(Spike) spike = spike_new(data[0] | data[1] << 8, (SpikeSensitivity)(data[2] % 3));
    int64_t at = 0;
    for (size_t i = 3; i + 12 <= size; i += 12) {
        int32_t move;
        double value, low, mid, high;
        SpikeVerdict verdict;
        memcpy(&move, data + i, sizeof move);
        memcpy(&value, data + i + 4, sizeof value);
        at += move;
        spike_take(spike, at, value, &verdict);
        if (!(verdict.score >= 0 && verdict.score <= 1) || !isfinite(verdict.low + verdict.high))
            abort();
        if (spike_normal(spike, at + move, &low, &mid, &high) && !isfinite(low + mid + high))
            abort();
    }
    return 0;
}
