/* A saved state that was damaged: refused, or a pipeline that works. The input says which bytes of
 * a good state change: an offset (three bytes) and the new byte, again and again. */
#include "core/engine/pipeline.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(Pipeline *pipeline, int64_t id, const char *text)
{
    PipelineMessage message = {
        .id = id, .at = 1700000000000000 + id * 1000000, .person = id % 5, .text = text};
    PipelineVerdict verdict;
    PipelineEvent event;
    pipeline_take(pipeline, &message, &verdict);
    while (pipeline_event(pipeline, &event))
        ;
}

static GBytes *good_state(void)
{
    static const char *const texts[] = {
        "card payment declined at the checkout", "Kartenzahlung an der Kasse abgelehnt",
        "I cannot log in, it loops back", "order 4711 is late", "paiement par carte refusé"};
    g_autoptr(Pipeline) pipeline = pipeline_new_for_all();
    for (int i = 0; i < 40; i++)
        take(pipeline, i + 1, texts[i % G_N_ELEMENTS(texts)]);
    PipelineMessage message = {.id = 3, .at = 1700000000000000, .text = texts[2]};
    pipeline_move(pipeline, &message, 0);
    return pipeline_save(pipeline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static GBytes *good;
    if (!good)
        good = good_state();
    gsize length;
    g_autofree uint8_t *bytes = g_memdup2(g_bytes_get_data(good, NULL), g_bytes_get_size(good));
    length = g_bytes_get_size(good);
    for (; size >= 4; data += 4, size -= 4)
        bytes[((gsize)data[0] << 16 | data[1] << 8 | data[2]) % length] = data[3];
    g_autoptr(GBytes) state = g_bytes_new(bytes, size > 0 ? length - data[0] : length);
    g_autoptr(Pipeline) pipeline = pipeline_restore(state, NULL);
    for (int i = 0; pipeline && i < 12; i++)
        take(pipeline, 100 + i,
             i % 2 ? "card payment declined again" : "Login Schleife, order 4712");
    return 0;
}
