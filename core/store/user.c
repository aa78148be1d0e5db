#include "core/store/user.h"

#include <string.h>

static const struct {
    const char *name;
    Role role;
} roles_by_name[] = {
    {"reader", ROLE_READER},         {"agent", ROLE_AGENT}, {"comms", ROLE_COMMS},
    {"supervisor", ROLE_SUPERVISOR}, {"ops", ROLE_OPS},     {"admin", ROLE_ADMIN},
};

unsigned role_parse(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(roles_by_name); i++)
        if (g_strcmp0(name, roles_by_name[i].name) == 0)
            return roles_by_name[i].role;
    return 0;
}

const char **role_names(unsigned roles)
{
    const char **names = g_new0(const char *, G_N_ELEMENTS(roles_by_name) + 1);
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(roles_by_name); i++)
        if (roles & roles_by_name[i].role)
            names[count++] = roles_by_name[i].name;
    return names;
}

void user_free(User *user)
{
    if (!user)
        return;
    g_free(user->email);
    g_free(user->name);
    g_free(user->initials);
    g_free(user->password_hash);
    g_free(user);
}

void user_brand_free(UserBrand *brand)
{
    if (!brand)
        return;
    g_free(brand->slug);
    g_free(brand->name);
    g_free(brand);
}

void session_free(Session *session)
{
    if (!session)
        return;
    user_free(session->user);
    g_free(session->csrf);
    g_clear_pointer(&session->brands, g_ptr_array_unref);
    g_free(session);
}

/* ---- users ---- */

#define USER_COLUMNS                                                                               \
    "u.id, u.email, u.name, u.initials, u.password_hash, u.disabled_at is not null as disabled"
static User *user_from_row(DbRow row)
{
    User *user = g_new0(User, 1);
    user->id = db_get_int(row, "id");
    user->email = g_strdup(db_get_text(row, "email"));
    user->name = g_strdup(db_get_text(row, "name"));
    user->initials = g_strdup(db_get_text(row, "initials"));
    user->password_hash = g_strdup(db_get_text(row, "password_hash"));
    user->disabled = db_get_bool(row, "disabled");
    return user;
}

bool user_exists_any(Db *db, bool *any, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select exists (select 1 from app_user) as any_user");
    if (!result)
        return false;
    *any = db_get_bool(db_row(result, 0), "any_user");
    return true;
}

char *user_tidy_email(const char *email, GError **error)
{
    g_autofree char *folded = g_utf8_strdown(email, -1);
    g_strstrip(folded);
    const char *at = strchr(folded, '@');
    bool good = at && at != folded && at[1] && !strchr(at + 1, '@') && strlen(folded) <= 254;
    for (const char *c = folded; good && *c; c++)
        good = (unsigned char)*c > ' ' && *c != 0x7f;
    if (!good) {
        bw_fail(error, BW_ERROR_INVALID, "That is no e-mail address.");
        return NULL;
    }
    return g_steal_pointer(&folded);
}

User *user_find(Db *db, const char *email, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error, "select " USER_COLUMNS " from app_user u where u.email = $1", db_text(email));
    if (!result)
        return NULL;
    if (!db_rows(result)) {
        bw_fail(error, BW_ERROR_MISSING, "There is no user %s.", email);
        return NULL;
    }
    return user_from_row(db_row(result, 0));
}

GPtrArray *user_list(Db *db, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select " USER_COLUMNS " from app_user u order by u.email");
    if (!result)
        return NULL;
    GPtrArray *users = g_ptr_array_new_with_free_func((GDestroyNotify)user_free);
    for (int i = 0; i < db_rows(result); i++)
        g_ptr_array_add(users, user_from_row(db_row(result, i)));
    return users;
}

/* The letters of a word, upper case: "Müller" gives M, MÜ, MÜL … up to `count`. */
static char *letters_of(const char *word, int count)
{
    GString *out = g_string_new(NULL);
    for (const char *c = word; *c && count; c = g_utf8_next_char(c)) {
        gunichar letter = g_utf8_get_char(c);
        if (!g_unichar_isalnum(letter))
            continue;
        g_string_append_unichar(out, g_unichar_toupper(letter));
        count--;
    }
    return g_string_free(out, FALSE);
}

char **user_initials_of(const char *name)
{
    g_auto(GStrv) words = g_strsplit_set(name, " \t-.@_", -1);
    g_autoptr(GPtrArray) used = g_ptr_array_new();
    for (char **word = words; *word; word++) {
        g_autofree char *first = letters_of(*word, 1);
        if (*first)
            g_ptr_array_add(used, *word);
    }
    GPtrArray *out = g_ptr_array_new();
    const char *first = used->len ? g_ptr_array_index(used, 0) : "X";
    const char *last = used->len > 1 ? g_ptr_array_index(used, used->len - 1) : NULL;
    for (int more = 0; more < 3; more++) {
        g_autofree char *head = letters_of(first, last ? 1 : 2 + more);
        g_autofree char *tail = last ? letters_of(last, 1 + more) : g_strdup("");
        g_ptr_array_add(out, g_strconcat(head, tail, NULL));
    }
    for (int number = 2; number < 1000; number++)
        g_ptr_array_add(out, g_strdup_printf("%s%d", (char *)out->pdata[0], number));
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}

static bool pick_initials(Db *db, User *user, GError **error)
{
    g_auto(GStrv) candidates = user_initials_of(user->name);
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (char **one = candidates; *one; one++)
        g_ptr_array_add(texts, *one);
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select c.text from unnest($1) with ordinality c (text, place)"
                 " where not exists (select 1 from app_user u where u.initials = c.text)"
                 " order by c.place limit 1",
                 db_texts(texts));
    if (!result)
        return false;
    user->initials = g_strdup(db_rows(result) ? db_get_text(db_row(result, 0), "text") : "XX");
    return true;
}

bool user_add(Db *db, User *user, GError **error)
{
    if (!user->initials && !pick_initials(db, user, error))
        return false;
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "insert into app_user (email, name, initials, password_hash)"
                 " values ($1, $2, $3, $4) on conflict (email) do nothing returning id",
                 db_text(user->email), db_text(user->name), db_text(user->initials),
                 db_text(user->password_hash));
    if (!result)
        return false;
    if (!db_rows(result))
        return bw_fail(error, BW_ERROR_CONFLICT, "There is already a user %s.", user->email);
    user->id = db_get_int(db_row(result, 0), "id");
    return true;
}

bool user_grant(Db *db, int64_t user, int64_t brand, unsigned roles, GError **error)
{
    g_autofree const char **names = role_names(roles);
    for (const char **name = names; *name; name++)
        if (!db_run(db, error,
                    "insert into user_role (brand_id, user_id, role) values ($1, $2, $3)"
                    " on conflict do nothing",
                    db_int(brand), db_int(user), db_text(*name)))
            return false;
    return true;
}

bool user_grant_all(Db *db, int64_t user, GError **error)
{
    return db_run(db, error,
                  "insert into user_role (brand_id, user_id, role)"
                  " select id, $1, 'admin' from brand on conflict do nothing",
                  db_int(user));
}

bool user_set_password(Db *db, int64_t user, const char *hash, GError **error)
{
    return db_run(db, error,
                  "with ended as (delete from session where user_id = $1)"
                  " update app_user set password_hash = $2 where id = $1",
                  db_int(user), db_text(hash));
}

bool user_disable(Db *db, int64_t user, bool disabled, GError **error)
{
    return db_run(db, error,
                  "with ended as (delete from session where user_id = $1)"
                  " update app_user set disabled_at = case when $2 then now() end where id = $1",
                  db_int(user), db_bool(disabled));
}

char *user_roles_text(Db *db, int64_t user, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select string_agg(b.slug || ':' || r.role, ', ' order by b.slug, r.role) as text"
                 " from user_role r join brand b on b.id = r.brand_id where r.user_id = $1",
                 db_int(user));
    if (!result)
        return NULL;
    const char *text = db_get_text(db_row(result, 0), "text");
    return g_strdup(text ? text : "");
}

/* ---- sessions ---- */

bool user_session_add(Db *db, int64_t user, const uint8_t token_hash[32], const char *csrf,
                      GError **error)
{
    return db_run(db, error,
                  "with old as (delete from session where expires_at < now())"
                  " insert into session (token_hash, user_id, csrf, expires_at)"
                  " values ($1, $2, $3, now() + interval '14 days')",
                  db_bytes(token_hash, 32), db_int(user), db_text(csrf));
}

static GPtrArray *brands_of(Db *db, int64_t user, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select b.id, b.slug, b.name, b.is_demo, b.undo_ms, b.undo_reply_ms,"
                 " array_agg(r.role) as roles"
                 " from user_role r join brand b on b.id = r.brand_id where r.user_id = $1"
                 " group by b.id order by b.is_demo, b.slug",
                 db_int(user));
    if (!result)
        return NULL;
    GPtrArray *brands = g_ptr_array_new_with_free_func((GDestroyNotify)user_brand_free);
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        UserBrand *brand = g_new0(UserBrand, 1);
        brand->id = db_get_int(row, "id");
        brand->slug = g_strdup(db_get_text(row, "slug"));
        brand->name = g_strdup(db_get_text(row, "name"));
        brand->demo = db_get_bool(row, "is_demo");
        brand->undo_ms = db_get_int(row, "undo_ms");
        brand->undo_reply_ms = db_get_int(row, "undo_reply_ms");
        g_auto(GStrv) names = db_get_texts(row, "roles");
        for (char **name = names; *name; name++)
            brand->roles |= role_parse(*name);
        g_ptr_array_add(brands, brand);
    }
    return brands;
}

Session *user_session_find(Db *db, const uint8_t token_hash[32], GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select " USER_COLUMNS ", s.csrf, s.last_seen_at < now() - interval '1 min' as old"
                 " from session s join app_user u on u.id = s.user_id"
                 " where s.token_hash = $1 and s.expires_at > now() and u.disabled_at is null",
                 db_bytes(token_hash, 32));
    if (!result)
        return NULL;
    if (!db_rows(result)) {
        bw_fail(error, BW_ERROR_MISSING, "Sign in first.");
        return NULL;
    }
    DbRow row = db_row(result, 0);
    if (db_get_bool(row, "old") &&
        !db_run(db, error, "update session set last_seen_at = now() where token_hash = $1",
                db_bytes(token_hash, 32)))
        return NULL;
    g_autoptr(Session) session = g_new0(Session, 1);
    session->user = user_from_row(row);
    session->csrf = g_strdup(db_get_text(row, "csrf"));
    memcpy(session->token_hash, token_hash, 32);
    session->brands = brands_of(db, session->user->id, error);
    return session->brands ? g_steal_pointer(&session) : NULL;
}

bool user_session_end(Db *db, const uint8_t token_hash[32], GError **error)
{
    return db_run(db, error, "delete from session where token_hash = $1", db_bytes(token_hash, 32));
}

GArray *user_sessions_alive(Db *db, const GPtrArray *hashes, const GArray *brands, GError **error)
{
    /* Arrays of bytea have no binary form in DbParam: the hashes go as hexadecimal text. */
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < hashes->len; i++) {
        GString *hex = g_string_new(NULL);
        for (int b = 0; b < 32; b++)
            g_string_append_printf(hex, "%02x", ((const uint8_t *)hashes->pdata[i])[b]);
        g_ptr_array_add(texts, g_string_free(hex, FALSE));
    }
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select exists (select 1 from session s join app_user u on u.id = s.user_id"
                 "  join user_role r on r.user_id = u.id and r.brand_id = q.brand"
                 "  where s.token_hash = decode(q.hash, 'hex') and s.expires_at > now()"
                 "  and u.disabled_at is null) as alive"
                 " from unnest($1, $2) with ordinality q (hash, brand, place) order by q.place",
                 db_texts(texts), db_ints(brands));
    if (!result)
        return NULL;
    GArray *alive = g_array_new(FALSE, FALSE, sizeof(bool));
    for (int i = 0; i < db_rows(result); i++) {
        bool one = db_get_bool(db_row(result, i), "alive");
        g_array_append_val(alive, one);
    }
    return alive;
}

/* ---- throttling ---- */

bool user_login_forget(Db *db, const char *const who[2], int64_t mark, GError **error)
{
    return db_run(db, error, "delete from login_failure where who in ($1, $2) and at = $3",
                  db_text(who[0]), db_text(who[1]), db_time(mark));
}

bool user_login_try(Db *db, const char *const who[2], int64_t *mark, GError **error)
{
    enum { MOST = 5 };
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, (char *)who[0]);
    g_ptr_array_add(names, (char *)who[1]);
    *mark = g_get_real_time();
    if (!db_run(db, error,
                "with old as (delete from login_failure where at < now() - interval '15 min')"
                " insert into login_failure (who, at) select unnest($1), $2",
                db_texts(names), db_time(*mark)))
        return false;
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select coalesce(max(n), 0) as tries from (select count(*) as n from login_failure"
                 " where who = any($1) and at > now() - interval '15 min' group by who) t",
                 db_texts(names));
    if (!result)
        return false;
    if (db_get_int(db_row(result, 0), "tries") <= MOST)
        return true;
    /* A refused try does not lengthen the wait. */
    if (!user_login_forget(db, who, *mark, error))
        return false;
    return bw_fail(error, BW_ERROR_LIMITED,
                   "Too many wrong passwords: wait 15 minutes, then try again.");
}

bool user_login_good(Db *db, const char *const who[2], int64_t mark, GError **error)
{
    return db_run(db, error, "delete from login_failure where who = $1 or (who = $2 and at = $3)",
                  db_text(who[0]), db_text(who[1]), db_time(mark));
}

/* ---- one-time links, audit ---- */

bool user_link_add(Db *db, const uint8_t token_hash[32], int64_t expires_at, GError **error)
{
    return db_run(db, error,
                  "insert into login_link (token_hash, purpose, expires_at)"
                  " values ($1, 'first-admin', $2)",
                  db_bytes(token_hash, 32), db_time(expires_at));
}

bool user_link_take(Db *db, const uint8_t token_hash[32], GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update login_link set used_at = now() where token_hash = $1"
                 " and used_at is null and expires_at > now() returning 1",
                 db_bytes(token_hash, 32));
    if (!result)
        return false;
    if (!db_rows(result))
        return bw_fail(
            error, BW_ERROR_DENIED,
            "This link was used or has expired: 'breakwater user link' makes a new one.");
    return true;
}

bool audit_add(Db *db, int64_t brand, int64_t user, const char *action, const char *object,
               const json_t *detail, GError **error)
{
    char *text = detail ? json_dumps(detail, JSON_COMPACT) : NULL;
    bool good = db_run(db, error,
                       "insert into audit (brand_id, user_id, action, object, detail)"
                       " values ($1, $2, $3, $4, coalesce($5, '{}'))",
                       db_int(brand), db_id(user), db_text(action), db_text(object), db_json(text));
    free(text);
    return good;
}
