/* Incidents: the list, the page of one, its people, and what a team does with it. */
#include "core/base/jsonx.h"
#include "core/store/incident.h"
#include "core/store/update.h"
#include "core/store/volume.h"
#include "web/api.h"
#include "web/broadcast.h"
#include "web/chart.h"

#include <string.h>

enum { TITLE_MAX = 200, TEXT_MAX = 10000, CONVERSATIONS_MAX = 500 };

/* ---- reading ---- */

static json_t *texts_of(DbRow row, const char *column)
{
    g_auto(GStrv) texts = db_get_texts(row, column);
    return json_texts(texts);
}

static json_t *incident_json(DbRow row)
{
    g_autoptr(GArray) spark = db_get_ints(row, "spark");
    json_t *numbers = json_array();
    for (guint i = 0; i < spark->len; i++)
        json_array_append_new(numbers, json_integer(g_array_index(spark, int64_t, i)));
    int64_t people = db_get_int(row, "people"), told = db_get_int(row, "told");
    return json_pack(
        "{s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "id",
        json_id(db_get_int(row, "id")), "title", db_get_text(row, "title"), "phase",
        db_get_text(row, "phase"), "opened_by", db_get_text(row, "opened_by"), "people",
        (json_int_t)people, "told", (json_int_t)told, "waiting", (json_int_t)MAX(people - told, 0),
        "messages", (json_int_t)db_get_int(row, "messages"), "new_since_told",
        (json_int_t)db_get_int(row, "new_since_told"), "since",
        json_time(db_get_time(row, "first_at")), "last_at", json_time(db_get_time(row, "last_at")),
        "langs", texts_of(row, "langs"), "samples", texts_of(row, "samples"), "spark", numbers,
        "merged_into", json_id(db_get_int(row, "merged_into")), "version",
        (json_int_t)db_get_int(row, "version"));
}

static json_t *list_incidents(Request *request, GError **error)
{
    const char *state = request_query(request, "state");
    bool over = g_strcmp0(state, "over") == 0;
    int64_t after[2];
    int limit = request_limit(request);
    if (state && !over && strcmp(state, "open") != 0) {
        request_fail_field(request, "state", "'state' is open or over.", error);
        return NULL;
    }
    if (!request_after(request, 2, after, error))
        return NULL;
    g_autoptr(DbResult) rows =
        incident_list(request->db, request->brand->id, over, after, limit, error);
    if (!rows)
        return NULL;
    json_t *items = json_array();
    g_autofree char *next = NULL;
    for (int i = 0; i < db_rows(rows); i++) {
        DbRow row = db_row(rows, i);
        json_array_append_new(items, incident_json(row));
        if (i + 1 == limit)
            next = request_key(db_get_int(row, "people"), db_get_int(row, "id"));
    }
    return json_list(items, next);
}

static json_t *now_json(Request *request, int64_t id, GError **error)
{
    int64_t now = g_get_real_time();
    double normal;
    int64_t from = now - now % VOLUME_STEP_US - VOLUME_STEP_US;
    g_autoptr(GArray) people = volume_series(request->db, request->brand->id, id, from, 2, error);
    if (!people || !chart_normal(request, now, &normal, error))
        return NULL;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now / G_USEC_PER_SEC);
    g_autofree char *hour = g_date_time_format(time, "%A %H:00");
    return json_pack(
        "{s:I, s:o, s:s}", "per_5min",
        (json_int_t)MAX(g_array_index(people, int64_t, 0), g_array_index(people, int64_t, 1)),
        "normal", normal < 0 ? json_null() : json_real(normal), "normal_for", hour);
}

static json_t *clusters_json(DbResult *clusters, json_t *terms)
{
    json_t *list = json_array();
    for (int i = 0; i < db_rows(clusters); i++) {
        DbRow row = db_row(clusters, i);
        g_auto(GStrv) words = db_get_texts(row, "terms");
        json_array_append_new(
            list, json_pack("{s:o, s:I, s:o, s:o}", "id", json_id(db_get_int(row, "id")), "people",
                            (json_int_t)db_get_int(row, "people"), "since",
                            json_time(db_get_time(row, "first_at")), "terms", json_texts(words)));
        for (char **word = words; *word && json_array_size(terms) < 12; word++) {
            bool known = false;
            for (size_t t = 0; t < json_array_size(terms) && !known; t++)
                known = strcmp(json_string_value(json_array_get(terms, t)), *word) == 0;
            if (!known)
                json_array_append_new(terms, json_string(*word));
        }
    }
    return list;
}

static json_t *samples_json(DbResult *samples)
{
    json_t *list = json_array();
    for (int i = 0; i < db_rows(samples); i++) {
        DbRow row = db_row(samples, i);
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:f, s:o, s:o}", "message",
                                        json_id(db_get_int(row, "message")), "conversation",
                                        json_id(db_get_int(row, "conversation")), "person",
                                        json_id(db_get_int(row, "person")), "author",
                                        json_text(db_get_text(row, "author")), "text",
                                        db_get_text(row, "text"), "lang", db_get_text(row, "lang"),
                                        "confidence", db_get_real(row, "confidence"), "at",
                                        json_time(db_get_time(row, "sent_at")), "permalink",
                                        json_text(db_get_text(row, "permalink"))));
    }
    return list;
}

static json_t *timeline_json(DbResult *events)
{
    json_t *list = json_array();
    for (int i = 0; i < db_rows(events); i++) {
        DbRow row = db_row(events, i);
        json_array_append_new(
            list, json_pack("{s:o, s:s, s:o, s:s}", "at", json_time(db_get_time(row, "at")), "kind",
                            db_get_text(row, "kind"), "who", json_text(db_get_text(row, "who")),
                            "text", db_get_text(row, "text")));
    }
    return list;
}

static json_t *fields_json(DbRow row)
{
    json_t *fields = db_get_json(row, "fields");
    static const char *const names[] = {"workaround", "next_update", "status_url"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (!json_object_get(fields, names[i]))
            json_object_set_new(fields, names[i], json_string(""));
    return fields;
}

json_t *incident_show(Request *request, int64_t id, GError **error)
{
    Db *db = request->db;
    int64_t brand = request->brand->id;
    g_autoptr(DbResult) found = incident_find(db, brand, id, error);
    g_autoptr(DbResult) clusters = found ? incident_clusters(db, brand, id, error) : NULL;
    g_autoptr(DbResult) samples = clusters ? incident_samples(db, brand, id, 12, error) : NULL;
    g_autoptr(DbResult) events = samples ? incident_timeline(db, brand, id, 0, error) : NULL;
    g_autoptr(json_t) updates = events ? updates_json(request, id, error) : NULL;
    g_autoptr(json_t) now = updates ? now_json(request, id, error) : NULL;
    if (!now)
        return NULL;
    DbRow row = db_row(found, 0);
    json_t *incident = incident_json(row);
    json_t *terms = json_array();
    g_autoptr(json_t) more =
        json_pack("{s:O, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:O}", "now", now,
                  "oldest_waiting_at", json_time(db_get_time(row, "oldest_waiting_at")), "clusters",
                  clusters_json(clusters, terms), "terms", terms, "sample_messages",
                  samples_json(samples), "drafts", db_get_json(row, "drafts"), "draft_saved_at",
                  json_time(db_get_time(row, "draft_at")), "fields", fields_json(row), "timeline",
                  timeline_json(events), "updates", updates);
    json_object_update(incident, more);
    return incident;
}

static json_t *show_incident(Request *request, GError **error)
{
    return incident_show(request, request->ids[0], error);
}

static json_t *show_chart(Request *request, GError **error)
{
    g_autoptr(DbResult) found =
        incident_find(request->db, request->brand->id, request->ids[0], error);
    return found ? chart_json(request, request->ids[0], 6, error) : NULL;
}

static bool query_time(Request *request, const char *name, int64_t *us, GError **error)
{
    const char *text = request_query(request, name);
    *us = time_parse_iso(text);
    return !text || *us ||
           request_fail_field(request, name, "This must be a time such as 2026-11-22T14:00:00Z.",
                              error);
}

static json_t *member_json(DbRow row)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "person",
        json_id(db_get_int(row, "person_id")), "name", json_text(db_get_text(row, "name")),
        "handle", json_text(db_get_text(row, "handle")), "channel", channel_json(row), "lang",
        db_get_text(row, "lang"), "messages", (json_int_t)db_get_int(row, "messages"), "first_at",
        json_time(db_get_time(row, "first_at")), "last_at", json_time(db_get_time(row, "last_at")),
        "text", json_text(db_get_text(row, "text")), "conversation",
        json_id(db_get_int(row, "conversation_id")), "told_at",
        json_time(db_get_time(row, "told_at")));
}

static json_t *list_members(Request *request, GError **error)
{
    const char *state = request_query(request, "state");
    MemberQuery query = {.state = state ? state : "all", .limit = request_limit(request)};
    if (!request_after(request, 2, query.after, error) ||
        !query_time(request, "from", &query.from, error) ||
        !query_time(request, "to", &query.to, error))
        return NULL;
    if (query.to && !query.from)
        query.from = 1;
    g_autoptr(DbResult) found =
        incident_find(request->db, request->brand->id, request->ids[0], error);
    g_autoptr(DbResult) rows =
        found ? incident_members(request->db, request->brand->id, request->ids[0], &query, error)
              : NULL;
    if (!rows)
        return NULL;
    json_t *items = json_array();
    g_autofree char *next = NULL;
    for (int i = 0; i < db_rows(rows); i++) {
        DbRow row = db_row(rows, i);
        json_array_append_new(items, member_json(row));
        if (i + 1 == query.limit)
            next = request_key(db_get_time(row, "first_at"), db_get_int(row, "person_id"));
    }
    return json_list(items, next);
}

/* ---- changes ---- */

static bool record(Request *request, const char *action, int64_t id, json_t *detail, GError **error)
{
    g_autoptr(json_t) owned = detail;
    g_autofree char *object = g_strdup_printf("incident:%" G_GINT64_FORMAT, id);
    return audit_add(request->db, request->brand->id, request->session->user->id, action, object,
                     owned, error) &&
           api_notify(request, error, "overview,%s", object);
}

static json_t *open_incident(Request *request, GError **error)
{
    const char *title = request_text(request, "title", 1, TITLE_MAX, error);
    json_t *conversations = json_object_get(request->body, "conversations");
    if (!title)
        return NULL;
    if (conversations &&
        (!json_is_array(conversations) || json_array_size(conversations) > CONVERSATIONS_MAX)) {
        request_fail_field(request, "conversations", "'conversations' must be a list of ids.",
                           error);
        return NULL;
    }
    int64_t id;
    size_t index;
    json_t *value;
    if (!incident_open(request->db, request->brand->id, request->session->user->id, title, &id,
                       error))
        return NULL;
    json_array_foreach(conversations, index, value)
    {
        int64_t conversation = request_parse_id(json_string_value(value));
        if (!conversation) {
            request_fail_field(request, "conversations", "'conversations' must be a list of ids.",
                               error);
            return NULL;
        }
        if (!incident_add(request->db, request->brand->id, id, conversation, error))
            return NULL;
    }
    if (!record(request, "incident-open", id, json_pack("{s:s}", "title", title), error))
        return NULL;
    request->status = 201;
    return incident_show(request, id, error);
}

/* What the screen should show instead of what it has. */
static void add_current(Request *request, const GError *error)
{
    if (!g_error_matches(error, BW_ERROR, BW_ERROR_CONFLICT))
        return;
    json_t *incident = incident_show(request, request->ids[0], NULL);
    if (incident)
        request->more = json_pack("{s:o}", "incident", incident);
}

static json_t *change_incident(Request *request, GError **error)
{
    static const char *const phases[] = {"investigating", "identified", "monitoring", "resolved",
                                         "dismissed",     "suspected",  NULL};
    int64_t version;
    g_autoptr(GError) local = NULL;
    if (!request_version(request, &version, error))
        return NULL;
    const char *title = request_text_if(request, "title", 1, TITLE_MAX, &local);
    const char *phase = local ? NULL : request_text_if(request, "phase", 1, 20, &local);
    if (!local && phase && !g_strv_contains(phases, phase))
        request_fail_field(request, "phase", "There is no such phase.", &local);
    if (!local)
        incident_change(request->db, request->brand->id, request->ids[0],
                        request->session->user->id, version, title, phase, &local);
    if (local) {
        add_current(request, local);
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    json_t *detail = json_pack("{s:s?, s:s?}", "title", title, "phase", phase);
    if (!record(request, "incident-change", request->ids[0], detail, error))
        return NULL;
    return incident_show(request, request->ids[0], error);
}

static json_t *save_drafts(Request *request, GError **error)
{
    json_t *drafts = NULL, *fields = NULL;
    if (json_object_get(request->body, "drafts") &&
        !(drafts = request_texts(request, "drafts", TEXT_MAX, request_is_lang, error)))
        return NULL;
    if (json_object_get(request->body, "fields") &&
        !(fields = request_texts(request, "fields", 500, compose_is_field, error)))
        return NULL;
    char *drafts_text = drafts ? json_dumps(drafts, JSON_COMPACT) : NULL;
    char *fields_text = fields ? json_dumps(fields, JSON_COMPACT) : NULL;
    int64_t saved_at;
    bool good = incident_save_drafts(request->db, request->brand->id, request->ids[0], drafts_text,
                                     fields_text, &saved_at, error);
    free(drafts_text);
    free(fields_text);
    return good ? json_pack("{s:o}", "draft_saved_at", json_time(saved_at)) : NULL;
}

static json_t *merge(Request *request, GError **error)
{
    int64_t into, version, id = request->ids[0];
    if (!request_id_of(request, "into", &into, error) || !request_version(request, &version, error))
        return NULL;
    if (into == id) {
        request_fail_field(request, "into", "An incident can't be merged into itself.", error);
        return NULL;
    }
    g_autoptr(GError) local = NULL;
    if (!update_check_alone(request->db, request->brand->id, id, &local) ||
        !incident_merge(request->db, request->brand->id, id, into, request->session->user->id,
                        version, &local)) {
        add_current(request, local);
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (!record(request, "incident-merge", id, json_pack("{s:o}", "into", json_id(into)), error) ||
        !api_notify(request, error, "incident:%" G_GINT64_FORMAT, into))
        return NULL;
    return incident_show(request, into, error);
}

static json_t *take_out(Request *request, GError **error)
{
    json_t *detail = json_pack("{s:o}", "person", json_id(request->ids[1]));
    if (!incident_take_out(request->db, request->brand->id, request->ids[0], request->ids[1],
                           error)) {
        json_decref(detail);
        return NULL;
    }
    if (!record(request, "member-out", request->ids[0], detail, error))
        return NULL;
    request->status = 204;
    return json_null();
}

static json_t *put_in(Request *request, GError **error)
{
    int64_t conversation;
    if (!request_id_of(request, "conversation", &conversation, error) ||
        !incident_add(request->db, request->brand->id, request->ids[0], conversation, error))
        return NULL;
    json_t *detail = json_pack("{s:o}", "conversation", json_id(conversation));
    if (!record(request, "member-in", request->ids[0], detail, error) ||
        !api_notify(request, error, "conversation:%" G_GINT64_FORMAT, conversation))
        return NULL;
    request->status = 201;
    return incident_show(request, request->ids[0], error);
}

const Route incident_routes[] = {
    {"GET", "/api/b/:brand/incidents", NEED_READER, list_incidents, false},
    {"GET", "/api/b/:brand/incidents/:id", NEED_READER, show_incident, false},
    {"GET", "/api/b/:brand/incidents/:id/chart", NEED_READER, show_chart, false},
    {"GET", "/api/b/:brand/incidents/:id/members", NEED_READER, list_members, false},
    {"POST", "/api/b/:brand/incidents", NEED_ANYONE_AT_WORK, open_incident, true},
    {"PATCH", "/api/b/:brand/incidents/:id", NEED_LEAD, change_incident, true},
    {"PUT", "/api/b/:brand/incidents/:id/drafts", NEED_AGENT, save_drafts, true},
    {"POST", "/api/b/:brand/incidents/:id/merge", NEED_LEAD, merge, true},
    {"DELETE", "/api/b/:brand/incidents/:id/members/:person", NEED_ANYONE_AT_WORK, take_out, true},
    {"POST", "/api/b/:brand/incidents/:id/members", NEED_ANYONE_AT_WORK, put_in, true},
    {0},
};
