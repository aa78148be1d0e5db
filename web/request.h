/* One call of the API: what the handlers get and what they give back. The one place that reads what
 * comes from outside (path, query, JSON body, cookies) with its limits, and the one place that
 * decides who may do what: session, CSRF token, Origin, brand, role (request_admit). */
#pragma once
#include "core/base/db.h"
#include "core/store/user.h"

#include <microhttpd.h>

enum { REQUEST_IDS = 3, REQUEST_BODY_MAX = 1 << 20 };

/* What a person needs to be let in; several bits: any of them. An admin may all. */
typedef enum Need {
    NEED_NOTHING = 0, /* anybody: signing in, health */
    NEED_SESSION = 1, /* any user, no brand */
    NEED_READER = ROLE_ANY,
    NEED_AGENT = ROLE_AGENT | ROLE_COMMS | ROLE_SUPERVISOR,
    NEED_COMMS = ROLE_COMMS,
    NEED_LEAD = ROLE_COMMS | ROLE_SUPERVISOR | ROLE_OPS,
    NEED_ANYONE_AT_WORK = ROLE_AGENT | ROLE_COMMS | ROLE_SUPERVISOR | ROLE_OPS,
} Need;

typedef struct Request Request;
/* Returns the answer's body (a new reference; NULL with `error` when it failed). A handler that
 * sets status 204, `bytes` or `stream` returns json_null(). */
typedef json_t *(*Handler)(Request *request, GError **error);

typedef struct Route {
    const char *method;
    const char *path; /* ":brand" is the brand's slug, ":name" an id */
    Need need;
    Handler handler;
    bool changes; /* runs in a transaction, which is rolled back when the handler fails */
} Route;

struct Request {
    struct MHD_Connection *connection;
    const Route *route;
    Db *db;
    void *server;
    const char *method, *path;
    const char *address;      /* of the caller */
    bool secure;              /* it came over TLS */
    int64_t ids[REQUEST_IDS]; /* of the path, in order */
    char *slug;               /* of the path */
    json_t *body;             /* an object, or NULL */
    Session *session;         /* who asks; NULL where nobody needs to be signed in */
    UserBrand *brand;         /* NULL outside /api/b/ */
    unsigned roles;           /* ... theirs in it */
    /* the answer */
    int status;
    json_t *more;                /* goes into the error's body: "preview", "conversation" */
    char *field;                 /* the part of the body that an INVALID is about */
    char *cookie;                /* a Set-Cookie header */
    GBytes *bytes;               /* instead of JSON */
    const char *type;            /* ... its content type */
    char *file_name;             /* ... as a download */
    struct MHD_Response *stream; /* instead of both */
};

/* Finds the route of a call: NULL, with `wrong_method` set where only the method does not fit. */
const Route *request_route(const Route *const *tables, const char *method, const char *path,
                           Request *request, bool *wrong_method);
/* May this call be made? DENIED sets request->status to 401 or 403. */
bool request_admit(Request *request, GError **error);
/* Forgets what a failed try of the handler left behind. */
void request_reset(Request *request);
void request_clear(Request *request);

/* An id, "1" to 9223372036854775807 without sign or leading zero; 0 where it is none. */
int64_t request_parse_id(const char *text);

/* The query: NULL where it is missing or no UTF-8. */
const char *request_query(Request *request, const char *name);
int request_limit(Request *request); /* of a list, 1 to 200 */
/* `after`, "number.number" with up to `count` of them: false and INVALID where it is something
 * else; all 0 where it is missing. */
bool request_after(Request *request, int count, int64_t *keys, GError **error);
char *request_cookie(Request *request, const char *name);

/* The body: each sets INVALID with a sentence and request->field. Text is counted in characters and
 * has no control characters but line breaks and tabs. */
const char *request_text(Request *request, const char *name, size_t min, size_t max,
                         GError **error);
/* NULL without an error where it is missing or null. */
const char *request_text_if(Request *request, const char *name, size_t min, size_t max,
                            GError **error);
bool request_id_of(Request *request, const char *name, int64_t *id, GError **error);
bool request_version(Request *request, int64_t *version, GError **error);
/* An object of texts, {"de": "..."}; keys are checked by `key_ok`. Borrowed. */
json_t *request_texts(Request *request, const char *name, size_t max, bool (*key_ok)(const char *),
                      GError **error);
bool request_is_lang(const char *text);
bool request_is_token(const char *text);
bool request_fail_field(Request *request, const char *field, const char *sentence, GError **error);

/* Writing JSON. */
json_t *json_id(int64_t id);         /* a string; null for 0 */
json_t *json_time(int64_t us);       /* ISO 8601 with milliseconds; null for 0 */
json_t *json_text(const char *text); /* null for NULL */
json_t *json_texts(char **texts);
json_t *json_list(json_t *items, const char *next); /* takes `items`; next may be NULL */
/* "count.count" for json_list. */
char *request_key(int64_t a, int64_t b);
