#include "core/engine/dedup.h"

#include "core/engine/numbers.h"

#include <string.h>

#define KEPT 768         /* letters of a text that are kept to compare with */
#define MOST_NUMBERS 200 /* bytes of digits that are kept to compare */
#define MOST_LINKS 200   /* the same of links */
#define SHORTEST 12      /* letters; shorter texts must be equal */
#define GRAM 7           /* letters of the pieces by which texts are found */
#define PIECES 10        /* pieces of a text that go into the index: those with the lowest hashes */
#define MOST_TRIES 12    /* texts that are compared in full */
#define CERTAIN 0.9      /* alike enough not to look further */
#define BUCKET 8         /* texts that an index bucket knows: the latest */
#define ALIKE 0.60       /* share of trigrams in both, of those in either */
#define ALIKE_BUT_NUMBERS 0.75 /* the same where one text lacks a number of the other */
#define CONTAINED 0.85         /* share of a cut text's trigrams in the other */
#define TRIGRAM_BITS 13

typedef struct Entry {
    int64_t id, first; /* first: the first message of its group */
    int64_t at, person, cluster;
    uint64_t exact; /* hash of all letters, digits and symbols */
    char *text;     /* what is compared: letters without blanks, at most KEPT bytes */
    char *numbers;  /* digits of its numbers, a blank behind each */
    char *links;    /* of links and handles with digits: letters and digits, a blank behind each */
    uint16_t length, trigrams;
    bool cut;
    bool by_person; /* a person put it into its cluster, or one with the same words */
} Entry;

struct Dedup {
    Entry *ring; /* entry number n at n % room */
    uint32_t room;
    uint32_t begin, end; /* numbers of the entries in the window; they may wrap around */
    uint32_t *buckets;   /* entry numbers, BUCKET each; 0 for none */
    uint32_t bucket_count;
    Numbers exact; /* the latest entry of each text */
    Numbers by_id;
    Numbers writer; /* of each group and person the first entry */
    int64_t now;
    /* scratch */
    GString *text, *numbers, *links;
    uint32_t *seen; /* by trigram: the round it was last met in the new text */
    uint32_t *met;  /* the same for the other text */
    uint32_t round, fresh;
};

static Entry *entry_of(const Dedup *d, uint32_t number)
{
    return &d->ring[number & (d->room - 1)];
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t hash = (a * 0x9e3779b97f4a7c15u ^ b) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 32;
}

static uint64_t exact_hash(uint32_t number, const void *dedup)
{
    return mix(entry_of(dedup, number)->exact, 0);
}

static uint64_t id_hash(uint32_t number, const void *dedup)
{
    return mix((uint64_t)entry_of(dedup, number)->id, 0);
}

static uint64_t writer_hash(uint32_t number, const void *dedup)
{
    const Entry *entry = entry_of(dedup, number);
    return mix((uint64_t)entry->first, (uint64_t)entry->person);
}

static bool find_exact(const Dedup *d, uint64_t exact, uint32_t *number)
{
    for (uint32_t at = 0; numbers_next(&d->exact, mix(exact, 0), &at, number);)
        if (entry_of(d, *number)->exact == exact)
            return true;
    return false;
}

static bool find_id(const Dedup *d, int64_t id, uint32_t *number)
{
    for (uint32_t at = 0; numbers_next(&d->by_id, mix((uint64_t)id, 0), &at, number);)
        if (entry_of(d, *number)->id == id)
            return true;
    return false;
}

static bool find_writer(const Dedup *d, int64_t first, int64_t person, uint32_t *number)
{
    uint64_t hash = mix((uint64_t)first, (uint64_t)person);
    for (uint32_t at = 0; numbers_next(&d->writer, hash, &at, number);)
        if (entry_of(d, *number)->first == first && entry_of(d, *number)->person == person)
            return true;
    return false;
}

Dedup *dedup_new(void)
{
    Dedup *d = g_new0(Dedup, 1);
    d->begin = d->end = 1;
    d->now = G_MININT64;
    d->text = g_string_sized_new(KEPT);
    d->numbers = g_string_sized_new(64);
    d->links = g_string_sized_new(64);
    d->seen = g_new0(uint32_t, 1 << TRIGRAM_BITS);
    d->met = g_new0(uint32_t, 1 << TRIGRAM_BITS);
    return d;
}

void dedup_free(Dedup *d)
{
    if (!d)
        return;
    for (uint32_t n = d->begin; n != d->end; n++)
        g_free(entry_of(d, n)->text);
    g_free(d->ring);
    g_free(d->buckets);
    numbers_clear(&d->exact);
    numbers_clear(&d->by_id);
    numbers_clear(&d->writer);
    g_string_free(d->text, TRUE);
    g_string_free(d->numbers, TRUE);
    g_string_free(d->links, TRUE);
    g_free(d->seen);
    g_free(d->met);
    g_free(d);
}

/* ---- the index ---- */

/* The PIECES lowest hashes of runs of GRAM letters: two texts that share most of their runs share
 * some of these. */
static int pieces_of(const char *text, gsize length, uint32_t pieces[PIECES])
{
    int count = 0;
    uint64_t gram = 0;
    const uint64_t mask = ((uint64_t)1 << GRAM * 8) - 1;
    for (gsize i = 0; i < length; i++) {
        gram = (gram << 8 | (uint8_t)text[i]) & mask;
        if (i + 1 < GRAM)
            continue;
        uint32_t hash = (gram * 0x9e3779b97f4a7c15u) >> 32;
        if (count == PIECES && hash >= pieces[count - 1])
            continue;
        int at = count;
        while (at > 0 && pieces[at - 1] > hash)
            at--;
        if (at > 0 && pieces[at - 1] == hash)
            continue;
        if (count < PIECES)
            count++;
        memmove(&pieces[at + 1], &pieces[at], (count - 1 - at) * sizeof *pieces);
        pieces[at] = hash;
    }
    return count;
}

static uint32_t *bucket_of(const Dedup *d, uint32_t piece)
{
    return &d->buckets[(gsize)((piece * 2654435761u) & (d->bucket_count - 1)) * BUCKET];
}

/* The oldest entry of each bucket makes room, so that what a bucket holds depends on the entries
 * in the window alone, and a restored index is the same. */
static void index_entry(Dedup *d, uint32_t number)
{
    const Entry *entry = entry_of(d, number);
    uint32_t pieces[PIECES];
    int count = pieces_of(entry->text, entry->length, pieces);
    for (int i = 0; i < count; i++) {
        uint32_t *bucket = bucket_of(d, pieces[i]), *oldest = bucket;
        for (int k = 0; k < BUCKET && *oldest; k++)
            if (!bucket[k] || number - bucket[k] > number - *oldest)
                oldest = &bucket[k];
        *oldest = number;
    }
}

static void build_index(Dedup *d)
{
    d->bucket_count = d->room;
    g_free(d->buckets);
    d->buckets = g_new0(uint32_t, (gsize)d->bucket_count * BUCKET);
    for (uint32_t n = d->begin; n != d->end; n++)
        index_entry(d, n);
}

/* ---- the window ---- */

static void forget_first(Dedup *d)
{
    Entry *entry = entry_of(d, d->begin);
    numbers_remove(&d->exact, d->begin, exact_hash, d);
    numbers_remove(&d->by_id, d->begin, id_hash, d);
    numbers_remove(&d->writer, d->begin, writer_hash, d);
    g_free(entry->text);
    d->begin++;
}

static void make_room(Dedup *d)
{
    while (d->end != d->begin &&
           (d->end - d->begin >= DEDUP_MOST || entry_of(d, d->begin)->at < d->now - DEDUP_FOR))
        forget_first(d);
    if (d->end - d->begin < d->room)
        return;
    uint32_t room = d->room ? d->room * 2 : 256;
    Entry *ring = g_new0(Entry, room);
    for (uint32_t n = d->begin; n != d->end; n++)
        ring[n & (room - 1)] = d->ring[n & (d->room - 1)];
    g_free(d->ring);
    d->ring = ring;
    d->room = room;
    build_index(d);
}

/* ---- comparing ---- */

static inline uint32_t trigram_at(const char *text, gsize i)
{
    uint32_t gram = (uint8_t)text[i] << 16 | (uint8_t)text[i + 1] << 8 | (uint8_t)text[i + 2];
    return gram * 2654435761u >> (32 - TRIGRAM_BITS);
}

/* Marks the trigrams of a text in `table`; gives how many there are. */
static uint16_t mark(const char *text, gsize length, uint32_t *table, uint32_t round)
{
    uint16_t count = 0;
    for (gsize i = 0; i + 2 < length; i++) {
        uint32_t gram = trigram_at(text, i);
        count += table[gram] != round;
        table[gram] = round;
    }
    return count;
}

/* Are the words of `part` (each with a blank behind it) in `whole`, in order? */
static bool are_among(const char *part, const char *whole)
{
    while (*part) {
        gsize length = strchr(part, ' ') + 1 - part;
        while (*whole && strncmp(part, whole, length) != 0)
            whole = strchr(whole, ' ') + 1;
        if (!*whole)
            return false;
        part += length;
        whole += length;
    }
    return true;
}

typedef enum Match { NUMBERS_DIFFER, NUMBERS_MISSING, NUMBERS_SAME } Match;

/* Numbers in order; one text may lack some. Where a text is cut, the rest of them is missing and
 * the last may be there in part. */
static Match compare_numbers(const char *a, bool a_cut, const char *b, bool b_cut)
{
    gsize length_a = strlen(a), length_b = strlen(b), length = MIN(length_a, length_b);
    if (length_a == length_b && memcmp(a, b, length_a) == 0)
        return NUMBERS_SAME;
    bool shorter_is_cut = length_a < length_b ? a_cut : b_cut;
    if (shorter_is_cut && memcmp(a, b, length > 0 ? length - 1 : 0) == 0)
        return NUMBERS_SAME;
    bool among = length_a < length_b ? are_among(a, b) : are_among(b, a);
    return among ? NUMBERS_MISSING : NUMBERS_DIFFER;
}

/* The same link or handle with other digits: another order, another account. `a` and `b` are lists
 * of "letters digits ". */
static bool links_differ(const char *a, const char *b)
{
    for (; *a; a = strchr(strchr(a, ' ') + 1, ' ') + 1) {
        gsize letters = strchr(a, ' ') + 1 - a, all = strchr(a + letters, ' ') + 1 - a;
        bool met = false, same = false;
        for (const char *other = b; *other; other = strchr(strchr(other, ' ') + 1, ' ') + 1) {
            met |= strncmp(a, other, letters) == 0;
            same |= strncmp(a, other, all) == 0;
        }
        if (met && !same)
            return true;
    }
    return false;
}

/* 0 when they are not the same words, else how alike. The new text is `d->text`, marked in `seen`.
 */
static double alike(Dedup *d, const Entry *entry, const Entry *fresh)
{
    if (entry->length < SHORTEST || fresh->length < SHORTEST)
        return 0;
    Match numbers = compare_numbers(entry->numbers, entry->cut, fresh->numbers, fresh->cut);
    if (numbers == NUMBERS_DIFFER || links_differ(entry->links, fresh->links))
        return 0;
    bool cut = entry->cut || fresh->cut;
    uint16_t less = MIN(entry->trigrams, fresh->trigrams),
             more = MAX(entry->trigrams, fresh->trigrams);
    if (!cut && less < ALIKE * more)
        return 0;
    uint32_t both = 0;
    d->round++;
    for (gsize i = 0; i + 2 < entry->length; i++) {
        uint32_t gram = trigram_at(entry->text, i);
        if (d->met[gram] == d->round)
            continue;
        d->met[gram] = d->round;
        both += d->seen[gram] == d->fresh;
    }
    double share = (double)both / (less + more - both);
    if (share >= (numbers == NUMBERS_SAME ? ALIKE : ALIKE_BUT_NUMBERS))
        return share;
    if (numbers != NUMBERS_SAME)
        return 0;
    /* a cut text is the beginning of the other */
    bool shorter_is_cut = entry->trigrams <= fresh->trigrams ? entry->cut : fresh->cut;
    if (cut && shorter_is_cut && both >= CONTAINED * less) {
        gsize length = MIN(MIN(entry->length, fresh->length), 9);
        if (memcmp(entry->text, fresh->text, length) == 0)
            return (double)both / less * 0.99;
    }
    return 0;
}

/* Appends letters, a blank, digits, a blank: of a link or handle that has digits. "user4711" is
 * what exports call somebody whose name is not to be known; it tells nothing apart. */
static void read_link(GString *out, const Normalised *n, Span span)
{
    const char *text = n->source->str + span.from;
    gsize before = out->len, size = MIN(span.size, MOST_LINKS);
    if (before >= MOST_LINKS)
        return;
    for (gsize i = 0; i < size; i++)
        if (g_ascii_isalpha(text[i]))
            g_string_append_c(out, g_ascii_tolower(text[i]));
    bool nobody = strcmp(out->str + before, "user") == 0;
    g_string_append_c(out, ' ');
    gsize digits = out->len;
    for (gsize i = 0; i < size; i++)
        if (g_ascii_isdigit(text[i]))
            g_string_append_c(out, text[i]);
    if (out->len == digits || nobody)
        g_string_truncate(out, before);
    else
        g_string_append_c(out, ' ');
}

static void read_links(GString *out, const Normalised *n)
{
    g_string_truncate(out, 0);
    for (guint i = 0; i < n->urls->len; i++)
        read_link(out, n, g_array_index(n->urls, Span, i));
    for (guint i = 0; i < n->handles->len; i++)
        read_link(out, n, g_array_index(n->handles, Span, i));
    read_link(out, n, n->retweet_of);
}

/* Fills `fresh` and the scratch texts from a message. */
static void read_message(Dedup *d, const Normalised *n, Entry *fresh)
{
    uint64_t exact = 0;
    g_string_truncate(d->text, 0);
    g_string_truncate(d->numbers, 0);
    read_links(d->links, n);
    for (guint i = 0; i < n->tokens->len; i++) {
        const Token *token = normalised_token(n, i);
        const char *bytes = normalised_bytes(n, token);
        exact = (exact ^ token->hash) * 0x9e3779b97f4a7c15u;
        if (token->flags & TOKEN_SYMBOL)
            continue;
        if (d->text->len + token->length <= KEPT)
            g_string_append_len(d->text, bytes, token->length);
        if (!(token->flags & TOKEN_NUMBER) || d->numbers->len > MOST_NUMBERS)
            continue;
        for (uint32_t k = 0; k < token->length; k++)
            if (g_ascii_isdigit(bytes[k]))
                g_string_append_c(d->numbers, bytes[k]);
        g_string_append_c(d->numbers, ' ');
    }
    fresh->exact = exact;
    fresh->cut = n->cut;
    fresh->length = d->text->len;
    fresh->text = d->text->str;
    fresh->numbers = d->numbers->str;
    fresh->links = d->links->str;
}

typedef struct Lead {
    uint32_t number; /* of the entry */
    int pieces;      /* that it shares */
} Lead;

/* The entries that share pieces with `fresh`. */
static int find_leads(const Dedup *d, const Entry *fresh, Lead *leads)
{
    uint32_t pieces[PIECES];
    int count = d->bucket_count ? pieces_of(fresh->text, fresh->length, pieces) : 0, found = 0;
    for (int i = 0; i < count; i++) {
        const uint32_t *bucket = bucket_of(d, pieces[i]);
        for (int k = 0; k < BUCKET; k++) {
            if (!bucket[k] || bucket[k] - d->begin >= d->end - d->begin)
                continue;
            int at = 0;
            while (at < found && leads[at].number != bucket[k])
                at++;
            if (at == found)
                leads[found++] = (Lead){bucket[k], 0};
            leads[at].pieces++;
        }
    }
    return found;
}

static const Entry *find(Dedup *d, const Entry *fresh)
{
    uint32_t number;
    if (find_exact(d, fresh->exact, &number) &&
        !links_differ(entry_of(d, number)->links, fresh->links))
        return entry_of(d, number);
    const Entry *best = NULL;
    double most = 0;
    Lead leads[PIECES * BUCKET];
    int found = find_leads(d, fresh, leads);
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        int next = -1; /* those that share most pieces first, of them the latest */
        for (int i = 0; i < found; i++)
            if (leads[i].pieces > 0 &&
                (next < 0 || leads[i].pieces > leads[next].pieces ||
                 (leads[i].pieces == leads[next].pieces &&
                  leads[i].number - d->begin > leads[next].number - d->begin)))
                next = i;
        if (next < 0 || (best && leads[next].pieces < 2) || most > CERTAIN)
            break;
        leads[next].pieces = 0;
        const Entry *entry = entry_of(d, leads[next].number);
        double share = alike(d, entry, fresh);
        if (share > most || (share == most && share > 0 && entry->id < best->id)) {
            most = share;
            best = entry;
        }
    }
    return best;
}

/* Puts a new entry into the tables. */
static void note_entry(Dedup *d, uint32_t number)
{
    const Entry *entry = entry_of(d, number);
    uint32_t older;
    if (find_exact(d, entry->exact, &older))
        numbers_remove(&d->exact, older, exact_hash, d);
    if (find_id(d, entry->id, &older))
        numbers_remove(&d->by_id, older, id_hash, d);
    numbers_add(&d->exact, number, exact_hash, d);
    numbers_add(&d->by_id, number, id_hash, d);
}

/* One allocation for the three texts of an entry. */
static void keep_texts(Entry *entry, const char *text, const char *digits, const char *links)
{
    gsize a = strlen(text) + 1, b = strlen(digits) + 1, c = strlen(links) + 1;
    entry->text = g_malloc(a + b + c);
    entry->numbers = entry->text + a;
    entry->links = entry->numbers + b;
    memcpy(entry->text, text, a);
    memcpy(entry->numbers, digits, b);
    memcpy(entry->links, links, c);
    entry->length = a - 1;
}

void dedup_take(Dedup *d, const Normalised *n, int64_t id, int64_t at, int64_t person,
                Duplicate *duplicate)
{
    Entry fresh = {.id = id, .first = id, .at = at, .person = person};
    *duplicate = (Duplicate){0};
    d->now = MAX(d->now, at);
    make_room(d);
    read_message(d, n, &fresh);
    if (n->tokens->len == 0)
        return;
    if (d->round > UINT32_MAX - 2 * MOST_TRIES) { /* once in a hundred million messages */
        memset(d->seen, 0, sizeof *d->seen << TRIGRAM_BITS);
        memset(d->met, 0, sizeof *d->met << TRIGRAM_BITS);
        d->round = 0;
    }
    d->fresh = ++d->round;
    fresh.trigrams = mark(fresh.text, fresh.length, d->seen, d->fresh);
    const Entry *found = find(d, &fresh);
    if (found) {
        fresh.first = duplicate->of = found->first;
        duplicate->cluster = found->by_person ? found->cluster : 0;
        fresh.by_person = found->by_person;
        uint32_t own;
        if (person && find_writer(d, found->first, person, &own)) {
            duplicate->of = entry_of(d, own)->id;
            duplicate->same_person = true;
        }
    }
    keep_texts(&fresh, d->text->str, d->numbers->str, d->links->str);
    uint32_t number = d->end++, own;
    *entry_of(d, number) = fresh;
    note_entry(d, number);
    if (person && !find_writer(d, fresh.first, person, &own))
        numbers_add(&d->writer, number, writer_hash, d);
    index_entry(d, number);
}

void dedup_note_cluster(Dedup *d, int64_t id, int64_t cluster, bool by_person)
{
    uint32_t number;
    if (!find_id(d, id, &number))
        return;
    Entry *entry = entry_of(d, number);
    entry->cluster = cluster;
    entry->by_person |= by_person;
}

int64_t dedup_cluster(const Dedup *d, int64_t id)
{
    uint32_t number;
    return find_id(d, id, &number) ? entry_of(d, number)->cluster : 0;
}

guint dedup_size(const Dedup *d)
{
    return d->end - d->begin;
}

/* ---- saving ---- */

void dedup_put(const Dedup *d, GByteArray *out)
{
    state_put(out, d->now);
    state_put(out, d->room);
    state_put(out, d->begin);
    state_put(out, d->end - d->begin);
    for (uint32_t n = d->begin; n != d->end; n++) {
        const Entry *entry = entry_of(d, n);
        uint32_t own;
        bool is_first = find_writer(d, entry->first, entry->person, &own) && own == n;
        state_put(out, entry->id);
        state_put(out, entry->first);
        state_put(out, entry->at);
        state_put(out, entry->person);
        state_put(out, entry->cluster);
        state_put(out, entry->exact);
        state_put(out, entry->cut | is_first << 1 | entry->by_person << 2);
        state_put_text(out, entry->text);
        state_put_text(out, entry->numbers);
        state_put_text(out, entry->links);
    }
}

/* Is it words with a blank behind each, and a multiple of `times` of them? */
static bool are_words(const char *text, int times)
{
    int words = 0;
    for (gsize i = 0; text && text[i]; i++)
        words += text[i] == ' ';
    return text && words % times == 0 && (!*text || g_str_has_suffix(text, " "));
}

static void read_entry(Dedup *d, StateReader *in, uint32_t number)
{
    Entry entry = {0};
    entry.id = state_get(in);
    entry.first = state_get(in);
    entry.at = state_get(in);
    entry.person = state_get(in);
    entry.cluster = state_get(in);
    entry.exact = state_get(in);
    uint64_t flags = state_get(in);
    entry.cut = flags & 1;
    entry.by_person = flags & 4;
    g_autofree char *text = state_get_text(in), *digits = state_get_text(in),
                    *links = state_get_text(in);
    if (!text || !are_words(digits, 1) || !are_words(links, 2) || strlen(text) > KEPT) {
        in->bad = true;
        return;
    }
    keep_texts(&entry, text, digits, links);
    entry.trigrams = mark(entry.text, entry.length, d->met, ++d->round);
    *entry_of(d, number) = entry;
    d->end = number + 1;
    note_entry(d, number);
    if (flags & 2)
        numbers_add(&d->writer, number, writer_hash, d);
}

Dedup *dedup_get(StateReader *in)
{
    g_autoptr(Dedup) d = dedup_new();
    d->now = state_get(in);
    uint64_t room = state_get(in);
    d->begin = d->end = state_get(in);
    uint32_t count = state_get_count(in, 64);
    if (room > 2 * DEDUP_MOST || count > room || (room & (room - 1)) != 0 || (count > 0 && !room))
        in->bad = true;
    if (in->bad)
        return NULL;
    d->room = room;
    d->ring = g_new0(Entry, d->room + 1);
    for (uint32_t i = 0; i < count && !in->bad; i++)
        read_entry(d, in, d->begin + i);
    if (in->bad)
        return NULL;
    if (d->room > 0)
        build_index(d);
    return g_steal_pointer(&d);
}
