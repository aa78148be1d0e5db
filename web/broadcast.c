#include "web/broadcast.h"

#include "core/engine/render.h"

#include <string.h>

/* People of one channel with the same visibility: a row of the preview. */
typedef struct Group {
    int64_t channel;
    char *network, *name, *kind; /* kind: what render counts by */
    bool direct;
    int64_t max_length; /* as the server says, 0: unknown */
    int64_t people, longest, too_long, limit;
    const char *unit;
    char *sample;
    GHashTable *langs;   /* language -> people */
    GHashTable *lengths; /* language of the text -> its RenderCount */
} Group;

typedef struct Language {
    char *lang;
    const char *text; /* whose text they get, or NULL */
    int64_t people;
} Language;

static void group_free(void *data)
{
    Group *group = data;
    g_free(group->network);
    g_free(group->name);
    g_free(group->kind);
    g_free(group->sample);
    g_hash_table_unref(group->langs);
    g_hash_table_unref(group->lengths);
    g_free(group);
}

static void language_free(void *data)
{
    Language *language = data;
    g_free(language->lang);
    g_free(language);
}

void broadcast_free(Broadcast *broadcast)
{
    if (!broadcast)
        return;
    g_ptr_array_unref(broadcast->blocked);
    update_rows_clear(&broadcast->rows);
    g_array_unref(broadcast->channels);
    db_result_free(broadcast->people);
    g_hash_table_unref(broadcast->filled);
    g_string_chunk_free(broadcast->personal);
    g_ptr_array_unref(broadcast->groups);
    g_hash_table_unref(broadcast->skipped);
    g_ptr_array_unref(broadcast->languages);
    g_free(broadcast);
}

static void count_up(GHashTable *counts, const char *key)
{
    gpointer known = g_hash_table_lookup(counts, key);
    g_hash_table_replace(counts, g_strdup(key), GSIZE_TO_POINTER(GPOINTER_TO_SIZE(known) + 1));
}

static Language *language_of(Broadcast *broadcast, const Draft *draft, const char *lang)
{
    for (guint i = 0; i < broadcast->languages->len; i++) {
        Language *known = g_ptr_array_index(broadcast->languages, i);
        if (strcmp(known->lang, lang) == 0)
            return known;
    }
    Language *language = g_new0(Language, 1);
    language->lang = g_strdup(lang);
    language->text = compose_language(draft, lang);
    g_ptr_array_add(broadcast->languages, language);
    return language;
}

/* The people come in the order of their channels, so the group is among the last. */
static Group *group_of(Broadcast *broadcast, DbRow row)
{
    int64_t channel = db_get_int(row, "channel_id");
    const char *network = db_get_text(row, "network");
    bool direct = strcmp(db_get_text(row, "visibility"), "direct") == 0;
    for (guint i = broadcast->groups->len; i-- > 0;) {
        Group *group = g_ptr_array_index(broadcast->groups, i);
        if (group->channel != channel)
            break;
        if (group->direct == direct && strcmp(group->network, network) == 0)
            return group;
    }
    Group *group = g_new0(Group, 1);
    group->channel = channel;
    group->network = g_strdup(network);
    group->name = g_strdup(db_get_text(row, "channel_name"));
    group->direct = direct;
    group->kind = compose_kind(network, direct);
    group->max_length = db_get_int(row, "max_length");
    group->langs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    group->lengths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_ptr_array_add(broadcast->groups, group);
    if (!broadcast->channels->len ||
        g_array_index(broadcast->channels, int64_t, broadcast->channels->len - 1) != channel)
        g_array_append_val(broadcast->channels, channel);
    return group;
}

/* A text that is the same for all of a language is counted once; the mention before it adds to it.
 */
static void measure(Group *group, const char *text_lang, const char *body, bool personal,
                    const char *mention, RenderCount *out)
{
    RenderCount *known = personal ? NULL : g_hash_table_lookup(group->lengths, text_lang);
    if (known) {
        *out = *known;
    } else {
        render_count(group->kind, body, group->max_length, out);
        if (!personal)
            g_hash_table_insert(group->lengths, g_strdup(text_lang), g_memdup2(out, sizeof *out));
    }
    if (*mention) {
        RenderCount before;
        render_count(group->kind, mention, group->max_length, &before);
        out->length += before.length;
    }
}

static const char *filled_text(Broadcast *broadcast, const Draft *draft, const char *lang)
{
    const char *known = g_hash_table_lookup(broadcast->filled, lang);
    if (known)
        return known;
    char *text = compose_fill(draft, json_string_value(json_object_get(draft->texts, lang)));
    g_hash_table_insert(broadcast->filled, g_strdup(lang), text);
    return text;
}

static void add_row(UpdateRows *rows, DbRow row, bool direct, const char *lang, const char *body)
{
    int64_t person = db_get_int(row, "person_id"), message = db_get_int(row, "message_id");
    int64_t conversation = db_get_int(row, "conversation_id"),
            channel = db_get_int(row, "channel_id");
    g_array_append_val(rows->person, person);
    g_array_append_val(rows->conversation, conversation);
    g_array_append_val(rows->message, message);
    g_array_append_val(rows->channel, channel);
    g_array_append_val(rows->direct, direct);
    g_ptr_array_add(rows->lang, (char *)lang);
    g_ptr_array_add(rows->body, (char *)body);
}

static void add_person(Broadcast *broadcast, const Draft *draft, DbRow row)
{
    const char *skip = db_get_text(row, "skip");
    if (skip) {
        count_up(broadcast->skipped, skip);
        return;
    }
    Language *language = language_of(broadcast, draft, db_get_text(row, "lang"));
    Group *group = group_of(broadcast, row);
    broadcast->recipients++;
    language->people++;
    group->people++;
    if (!language->text)
        return;
    count_up(group->langs, language->text);
    const char *body = filled_text(broadcast, draft, language->text);
    const char *handle = db_get_text(row, "handle");
    bool personal = compose_is_personal(body);
    if (personal) {
        g_autofree char *first_name = compose_first_name(db_get_text(row, "name"), handle);
        g_autofree char *own = compose_personal(body, first_name);
        body = g_string_chunk_insert(broadcast->personal, own);
    }
    g_autofree char *mention = compose_mention(group->network, group->direct, handle);
    RenderCount count;
    measure(group, language->text, body, personal, mention, &count);
    group->unit = count.unit;
    group->limit = count.limit;
    bool too_long = count.limit && count.length > count.limit;
    group->too_long += too_long;
    broadcast->too_long += too_long;
    if (count.length > group->longest || !group->sample) {
        group->longest = MAX(group->longest, count.length);
        g_free(group->sample);
        group->sample = g_strconcat(mention, body, NULL);
    }
    add_row(&broadcast->rows, row, group->direct, language->text, body);
}

static int by_people(const void *a, const void *b)
{
    const Language *one = *(Language *const *)a, *other = *(Language *const *)b;
    return one->people < other->people ? 1 : one->people > other->people ? -1 : 0;
}

Broadcast *broadcast_prepare(Request *request, int64_t incident, const Draft *draft, int64_t as_of,
                             GError **error)
{
    if (!as_of && !update_now(request->db, &as_of, error))
        return NULL;
    DbResult *people =
        update_recipients(request->db, request->brand->id, incident, as_of, draft->only_new, error);
    if (!people)
        return NULL;
    Broadcast *broadcast = g_new0(Broadcast, 1);
    broadcast->as_of = as_of;
    broadcast->people = people;
    broadcast->blocked = compose_blocked(draft);
    update_rows_init(&broadcast->rows);
    broadcast->channels = g_array_new(FALSE, FALSE, sizeof(int64_t));
    broadcast->filled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    broadcast->personal = g_string_chunk_new(64 * 1024);
    broadcast->groups = g_ptr_array_new_with_free_func(group_free);
    broadcast->skipped = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    broadcast->languages = g_ptr_array_new_with_free_func(language_free);
    for (int i = 0; i < db_rows(people); i++)
        add_person(broadcast, draft, db_row(people, i));
    g_ptr_array_sort(broadcast->languages, by_people);
    return broadcast;
}

static json_t *counts_json(GHashTable *counts)
{
    json_t *out = json_object();
    GHashTableIter each;
    char *key;
    gpointer people;
    g_hash_table_iter_init(&each, counts);
    while (g_hash_table_iter_next(&each, (void **)&key, &people))
        json_object_set_new(out, key, json_integer((json_int_t)GPOINTER_TO_SIZE(people)));
    return out;
}

static json_t *group_json(const Group *group)
{
    return json_pack("{s:{s:o, s:s, s:s}, s:s, s:I, s:I, s:o, s:s?, s:I, s:s?, s:o}", "channel",
                     "id", json_id(group->channel), "kind", group->network, "name", group->name,
                     "visibility", group->direct ? "direct" : "public", "people",
                     (json_int_t)group->people, "longest", (json_int_t)group->longest, "limit",
                     group->limit ? json_integer(group->limit) : json_null(), "unit", group->unit,
                     "too_long", (json_int_t)group->too_long, "sample", group->sample, "langs",
                     counts_json(group->langs));
}

json_t *broadcast_json(const Broadcast *broadcast)
{
    json_t *blocked = json_array(), *channels = json_array(), *skipped = json_array();
    json_t *languages = json_array();
    for (guint i = 0; i < broadcast->blocked->len; i++)
        json_array_append_new(blocked, json_string(g_ptr_array_index(broadcast->blocked, i)));
    for (guint i = 0; i < broadcast->groups->len; i++)
        json_array_append_new(channels, group_json(g_ptr_array_index(broadcast->groups, i)));
    GHashTableIter each;
    char *reason;
    gpointer people;
    g_hash_table_iter_init(&each, broadcast->skipped);
    while (g_hash_table_iter_next(&each, (void **)&reason, &people))
        json_array_append_new(skipped, json_pack("{s:s, s:I}", "reason", reason, "people",
                                                 (json_int_t)GPOINTER_TO_SIZE(people)));
    for (guint i = 0; i < broadcast->languages->len; i++) {
        const Language *language = g_ptr_array_index(broadcast->languages, i);
        json_array_append_new(languages,
                              json_pack("{s:s, s:I, s:s?}", "lang", language->lang, "people",
                                        (json_int_t)language->people, "text", language->text));
    }
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "recipients",
                     (json_int_t)broadcast->recipients, "as_of", json_time(broadcast->as_of),
                     "blocked", blocked, "channels", channels, "skipped", skipped, "languages",
                     languages);
}
