/* People who work here: users, their roles by brand, sessions, one-time links, wrong passwords, and
 * the audit log. Owns app_user, user_role, session, login_link, login_failure and audit. */
#pragma once
#include "core/base/db.h"

typedef enum Role {
    ROLE_READER = 1 << 4,
    ROLE_AGENT = 1 << 5,
    ROLE_COMMS = 1 << 6,
    ROLE_SUPERVISOR = 1 << 7,
    ROLE_OPS = 1 << 8,
    ROLE_ADMIN = 1 << 9,
    ROLE_ANY = ROLE_READER | ROLE_AGENT | ROLE_COMMS | ROLE_SUPERVISOR | ROLE_OPS | ROLE_ADMIN,
} Role;
unsigned role_parse(const char *name); /* 0: there is no such role */
/* The names of the bits, in the order above; borrowed strings, free the array with g_free. */
const char **role_names(unsigned roles);

typedef struct User {
    int64_t id;
    char *email, *name, *initials, *password_hash;
    bool disabled;
} User;
void user_free(User *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(User, user_free)

/* A brand as a user sees it. */
typedef struct UserBrand {
    int64_t id;
    char *slug, *name;
    bool demo;
    int64_t undo_ms, undo_reply_ms;
    unsigned roles;
} UserBrand;
void user_brand_free(UserBrand *brand);

typedef struct Session {
    User *user;
    char *csrf;
    uint8_t token_hash[32];
    GPtrArray *brands; /* UserBrand *, those the user has a role in */
} Session;
void session_free(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

enum { USER_PASSWORD_MIN = 10, USER_PASSWORD_MAX = 1000 };

bool user_exists_any(Db *db, bool *any, GError **error);
/* Lower-cased, with one @ and no white space; NULL and INVALID otherwise. */
char *user_tidy_email(const char *email, GError **error);
/* MISSING when there is none. */
User *user_find(Db *db, const char *email, GError **error);
GPtrArray *user_list(Db *db, GError **error);
/* Sets user->id and user->initials (free ones, made of the name). CONFLICT when the e-mail is
 * taken. */
bool user_add(Db *db, User *user, GError **error);
bool user_grant(Db *db, int64_t user, int64_t brand, unsigned roles, GError **error);
/* Admin of every brand there is. */
bool user_grant_all(Db *db, int64_t user, GError **error);
bool user_set_password(Db *db, int64_t user, const char *hash, GError **error);
/* Ends the user's sessions too. */
bool user_disable(Db *db, int64_t user, bool disabled, GError **error);
/* "demo:agent, main:admin" of each user, in the order of user_list. */
char *user_roles_text(Db *db, int64_t user, GError **error);
/* Pure: what initials to try for a name, best first. Free with g_strfreev. */
char **user_initials_of(const char *name);

bool user_session_add(Db *db, int64_t user, const uint8_t token_hash[32], const char *csrf,
                      GError **error);
/* MISSING when there is none, it has ended or the user is disabled. */
Session *user_session_find(Db *db, const uint8_t token_hash[32], GError **error);
bool user_session_end(Db *db, const uint8_t token_hash[32], GError **error);
/* Which of these sessions (32 bytes each) may still see the brand beside them: an array of bool. */
GArray *user_sessions_alive(Db *db, const GPtrArray *hashes, const GArray *brands, GError **error);

/* Counts a try to sign in before its password is looked at, so that tries at once count too. False
 * and LIMITED when there were too many in the last 15 minutes. `who` has two. */
bool user_login_try(Db *db, const char *const who[2], int64_t *mark, GError **error);
/* That try does not count: nobody looked at the password. */
bool user_login_forget(Db *db, const char *const who[2], int64_t mark, GError **error);
/* It was the right password: neither that try nor the e-mail's wrong ones count any more. */
bool user_login_good(Db *db, const char *const who[2], int64_t mark, GError **error);

/* A one-time link for the first admin, an hour long. */
bool user_link_add(Db *db, const uint8_t token_hash[32], int64_t expires_at, GError **error);
/* Takes it: DENIED when it was used or has expired. */
bool user_link_take(Db *db, const uint8_t token_hash[32], GError **error);

/* `detail` may be NULL (borrowed). Brand 0: the installation. */
bool audit_add(Db *db, int64_t brand, int64_t user, const char *action, const char *object,
               const json_t *detail, GError **error);
