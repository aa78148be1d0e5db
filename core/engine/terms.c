#include "core/engine/terms.h"

#include <string.h>

#define MOST_TERMS 400000
#define FADE_AT 200000 /* messages; then everything counts half */
#define MOST_TEXT 40
#define LOOK_AT 8 /* holders that compete when one must go */

static uint32_t *slot_of(const Terms *terms, uint64_t hash)
{
    uint32_t mask = terms->index_size - 1, i = hash & mask;
    while (terms->index[i] != TERM_NONE && terms->all[terms->index[i]].hash != hash)
        i = (i + 1) & mask;
    return &terms->index[i];
}

static void build_index(Terms *terms, uint32_t size)
{
    g_free(terms->index);
    terms->index = g_new(uint32_t, size);
    terms->index_size = size;
    memset(terms->index, 0xff, size * sizeof *terms->index);
    for (uint32_t i = 0; i < terms->length; i++)
        if (terms->all[i].hash)
            *slot_of(terms, terms->all[i].hash) = i;
}

void terms_init(Terms *terms)
{
    *terms = (Terms){0};
    terms->unused = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    terms->sweep_at = MOST_TERMS;
    build_index(terms, 1024);
}

static void clear(Term *term)
{
    if (term->room > 1)
        g_free(term->clusters.many);
    g_free(term->text);
    *term = (Term){0};
}

void terms_clear(Terms *terms)
{
    for (uint32_t i = 0; i < terms->length; i++)
        clear(&terms->all[i]);
    g_free(terms->all);
    g_free(terms->index);
    g_array_unref(terms->unused);
}

uint32_t terms_find(const Terms *terms, uint64_t hash)
{
    return *slot_of(terms, hash ? hash : 1);
}

/* Forgets the terms that no cluster holds. */
static void sweep(Terms *terms)
{
    for (uint32_t i = 0; i < terms->length; i++) {
        Term *term = &terms->all[i];
        if (term->holders > 0 || !term->hash)
            continue;
        clear(term);
        g_array_append_val(terms->unused, i);
    }
    build_index(terms, terms->index_size);
}

uint32_t terms_number(Terms *terms, uint64_t hash)
{
    hash = hash ? hash : 1; /* zero marks a number that is not in use */
    uint32_t *slot = slot_of(terms, hash);
    if (*slot != TERM_NONE)
        return *slot;
    uint32_t number;
    if (terms->unused->len > 0) {
        number = g_array_index(terms->unused, uint32_t, terms->unused->len - 1);
        g_array_set_size(terms->unused, terms->unused->len - 1);
    } else {
        if (terms->length == terms->room) {
            terms->room = terms->room ? terms->room * 2 : 1024;
            terms->all = g_renew(Term, terms->all, terms->room);
        }
        number = terms->length++;
    }
    terms->all[number] = (Term){.hash = hash};
    if (terms->length * 2 > terms->index_size)
        build_index(terms, terms->index_size * 2);
    else
        *slot_of(terms, hash) = number;
    return number;
}

void terms_count(Terms *terms, uint32_t number, uint8_t lang, const char *text, gsize length)
{
    Term *term = &terms->all[number];
    term->messages++;
    if (term->lang == lang) {
        term->lead++;
    } else if (--term->lead < 0) { /* the majority, found in one pass (Boyer and Moore) */
        term->lang = lang;
        term->lead = 1;
    }
    if (term->messages < 2)
        return; /* most terms are written once in all: names, numbers, typing errors */
    if (length > MOST_TEXT) {
        length = MOST_TEXT;
        while (length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80)
            length--;
    }
    if (term->text && strncmp(term->text, text, length) == 0 && term->text[length] == '\0') {
        term->votes += term->votes < 1000;
    } else if (--term->votes < 0) {
        g_free(term->text);
        term->text = g_strndup(text, length);
        term->votes = 1;
    }
}

void terms_count_message(Terms *terms)
{
    terms->messages++;
    if (terms->unused->len == 0 && terms->length >= terms->sweep_at) {
        sweep(terms);
        terms->sweep_at = MAX(MOST_TERMS, terms->length + MOST_TERMS / 8 - terms->unused->len);
    }
    if (terms->messages < FADE_AT)
        return;
    terms->messages /= 2;
    for (uint32_t i = 0; i < terms->length; i++) {
        terms->all[i].messages /= 2;
        terms->all[i].lead /= 2;
    }
}

static float size_of(const float *sizes, gsize stride, uint32_t cluster)
{
    return *(const float *)(const void *)((const char *)sizes + stride * cluster);
}

/* Makes room for another holder; false when there are as many as may be. */
static bool grow(Term *term)
{
    if (term->room >= TERM_HOLDERS)
        return false;
    if (term->room == 0) {
        term->room = 1;
        return true;
    }
    uint32_t only = term->clusters.one;
    uint8_t room = MIN(term->room * 2, TERM_HOLDERS);
    term->clusters.many = g_renew(uint32_t, term->room > 1 ? term->clusters.many : NULL, room);
    if (term->room == 1)
        term->clusters.many[0] = only;
    term->room = room;
    return true;
}

static uint32_t *holders_of(Term *term)
{
    return term->room > 1 ? term->clusters.many : &term->clusters.one;
}

void terms_add_holder(Terms *terms, uint32_t number, uint32_t cluster, const float *sizes,
                      gsize stride)
{
    Term *term = &terms->all[number];
    if (term->length < term->room || grow(term)) {
        holders_of(term)[term->length++] = cluster;
        return;
    }
    uint32_t *holders = holders_of(term), smallest = term->hand;
    for (uint32_t i = 0; i < LOOK_AT; i++) {
        uint32_t other = (term->hand + i) % term->length;
        if (size_of(sizes, stride, holders[other]) < size_of(sizes, stride, holders[smallest]))
            smallest = other;
    }
    holders[smallest] = cluster;
    term->hand = (term->hand + LOOK_AT) % term->length;
}

void terms_drop_holder(Terms *terms, uint32_t number, uint32_t cluster)
{
    Term *term = &terms->all[number];
    uint32_t *holders = holders_of(term);
    for (uint32_t i = 0; i < term->length; i++)
        if (holders[i] == cluster) {
            holders[i] = holders[--term->length];
            break;
        }
    if (term->length == 0 && term->room > 1)
        g_free(term->clusters.many);
    if (term->length == 0)
        term->room = 0;
    if (term->hand >= MAX(term->length, 1))
        term->hand = 0;
}

void terms_put(const Terms *terms, GByteArray *out)
{
    state_put_double(out, terms->messages);
    state_put(out, terms->sweep_at);
    state_put(out, terms->length);
    for (uint32_t i = 0; i < terms->length; i++) {
        const Term *term = &terms->all[i];
        state_put(out, term->hash);
        if (!term->hash)
            continue;
        state_put_double(out, term->messages);
        state_put(out, term->holders);
        state_put(out, term->lang);
        state_put(out, (uint32_t)term->lead);
        state_put(out, term->room | term->hand << 8 | term->concept << 16);
        state_put(out, (uint16_t)term->votes);
        state_put_text(out, term->text);
        state_put(out, term->length);
        for (uint32_t k = 0; k < term->length; k++)
            state_put(out, term_clusters(term)[k]);
    }
    state_put(out, terms->unused->len);
    for (guint i = 0; i < terms->unused->len; i++)
        state_put(out, g_array_index(terms->unused, uint32_t, i));
}

bool terms_get(Terms *terms, StateReader *in)
{
    terms_init(terms);
    terms->messages = state_get_double(in);
    terms->sweep_at = state_get(in);
    terms->length = terms->room = state_get_count(in, 8);
    terms->all = g_new0(Term, terms->room + 1);
    for (uint32_t i = 0; i < terms->length && !in->bad; i++) {
        Term *term = &terms->all[i];
        term->hash = state_get(in);
        if (!term->hash)
            continue;
        term->messages = state_get_double(in);
        term->holders = state_get(in);
        term->lang = state_get(in);
        term->lead = (int32_t)state_get(in);
        uint64_t packed = state_get(in);
        term->hand = packed >> 8;
        term->concept = packed >> 16 & 1;
        term->votes = (int16_t)state_get(in);
        term->text = state_get_text(in);
        uint32_t length = state_get_count(in, 8);
        uint8_t room = packed;
        if (length > room || room > TERM_HOLDERS || term->hand >= MAX(length, 1))
            in->bad = true;
        if (in->bad)
            continue;
        if (room > 1)
            term->clusters.many = g_new(uint32_t, room);
        term->room = room;
        while (term->length < length)
            holders_of(term)[term->length++] = state_get(in);
    }
    uint32_t unused = state_get_count(in, 8);
    for (uint32_t i = 0; i < unused; i++) {
        uint32_t number = state_get(in);
        if (number >= terms->length || terms->all[number].hash)
            in->bad = true;
        g_array_append_val(terms->unused, number);
    }
    uint32_t size = 1024;
    while (size < terms->length * 2)
        size *= 2;
    if (!in->bad)
        build_index(terms, size);
    return !in->bad;
}
