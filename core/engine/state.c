#include "core/engine/state.h"

#include <string.h>

#define NO_TEXT UINT64_MAX

void state_put(GByteArray *out, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&value, sizeof value);
}

void state_put_double(GByteArray *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    state_put(out, bits);
}

void state_put_text(GByteArray *out, const char *text)
{
    if (!text) {
        state_put(out, NO_TEXT);
        return;
    }
    gsize length = strlen(text);
    state_put(out, length);
    g_byte_array_append(out, (const uint8_t *)text, length);
}

uint64_t state_get(StateReader *in)
{
    uint64_t value;
    if (in->bad || (gsize)(in->end - in->at) < sizeof value) {
        in->bad = true;
        return 0;
    }
    memcpy(&value, in->at, sizeof value);
    in->at += sizeof value;
    return GUINT64_FROM_LE(value);
}

double state_get_double(StateReader *in)
{
    uint64_t bits = state_get(in);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

char *state_get_text(StateReader *in)
{
    uint64_t length = state_get(in);
    if (in->bad || length == NO_TEXT)
        return NULL;
    if (length > (uint64_t)(in->end - in->at)) {
        in->bad = true;
        return NULL;
    }
    char *text = g_strndup((const char *)in->at, length);
    in->at += length;
    return text;
}

uint32_t state_get_count(StateReader *in, uint32_t least)
{
    uint64_t count = state_get(in);
    if (in->bad || count > (uint64_t)(in->end - in->at) / least) {
        in->bad = true;
        return 0;
    }
    return count;
}
