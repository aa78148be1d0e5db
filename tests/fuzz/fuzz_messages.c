/* The engines' way of a message: each line of the input is one, a line may name its author by its
 * first byte, and time passes by its length. Every so often the state is saved and restored. */
#include "core/engine/pipeline.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(Pipeline) pipeline = pipeline_new_for_all();
    int64_t at = 1700000000000000;
    int64_t id = 0, cluster = 0;
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        g_autofree char *text = g_strndup((const char *)data, length);
        id++;
        at += (int64_t)length * length * 1000000;
        id++;
        PipelineMessage message = {
            .id = id, .at = at, .person = length ? data[0] : 0, .text = text};
        PipelineVerdict verdict;
        PipelineEvent event;
        pipeline_take(pipeline, &message, &verdict);
        while (pipeline_event(pipeline, &event))
            g_assert(event.cluster != 0);
        if (length % 31 == 7)
            cluster = pipeline_move(pipeline, &message, length % 2 ? cluster : 0);
        if (length % 31 == 8)
            pipeline_merge(pipeline, verdict.cluster, cluster);
        if (length % 31 == 9)
            pipeline_dismiss(pipeline, verdict.cluster);
        if (length % 31 == 10)
            pipeline_teach_complaint(pipeline, &message, length % 2);
        if (length % 31 == 11) {
            g_autoptr(GBytes) state = pipeline_save(pipeline);
            Pipeline *restored = pipeline_restore(state, NULL);
            g_assert(restored);
            pipeline_free(pipeline);
            pipeline = restored;
        }
        g_auto(GStrv) terms = pipeline_terms(pipeline, verdict.cluster, 5);
        data += length + (end ? 1 : 0);
        size -= length + (end ? 1 : 0);
    }
    return 0;
}
