/* HTTP for everything that talks to the outside: one request at a time over a reused handle, with
 * limits on time and size, TLS verified, and errors that tell whether the other side may have
 * acted. Any answer is a response, whatever its status. Knows no proxies. Error texts name the
 * host, never the URL, which may carry a token. */
#pragma once
#include "core/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef struct HttpOptions {
    const char *ca_file; /* PEM: trust these authorities instead of the system's */
    bool allow_private;  /* may reach loopback, private and other special addresses */
    int connect_ms;      /* 0: 10 s */
    int total_ms;        /* 0: 30 s */
    size_t max_body;     /* of an answer, unpacked; 0: 16 MB */
} HttpOptions;

/* A handle belongs to one thread. It keeps connections open between requests. */
typedef struct Http Http;
Http *http_new(const HttpOptions *options);
void http_free(Http *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Http, http_free)

/* All of it is borrowed. At most one of json, form and body. */
typedef struct HttpRequest {
    const char *method;         /* NULL: GET, or POST where there is something to send */
    const char *url;            /* http or https */
    const char *bearer;         /* Authorization: Bearer ... */
    const char *const *headers; /* name, value, name, value ..., NULL */
    const json_t *json;
    const char *const *form; /* as headers; sent urlencoded */
    const char *body, *body_type;
    size_t body_size;
    /* GET follows redirects within the same scheme, host and port. This lets it follow them to
     * others: only for requests that carry no secret. Never from https to http. */
    bool follow_elsewhere;
    /* Called with `data` once the connection stands, right before the first byte of the request
     * leaves. When it returns false nothing is sent: TEMPORARY. */
    bool (*handing)(void *data);
    void *data;
} HttpRequest;

typedef struct HttpResponse {
    int status;
    char *body; /* ends with a NUL that is not part of it */
    size_t size;
    GHashTable *headers; /* by lower-case name; use http_header */
} HttpResponse;
void http_response_free(HttpResponse *response);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpResponse, http_response_free)

/* NULL when there was no complete answer: TEMPORARY when surely nothing was done there (no address,
 * no connection, no TLS; GET and HEAD always), UNKNOWN when the request may have been processed,
 * DENIED when the address is not allowed or ca_file cannot be read, INVALID when the URL is no good
 * or the answer to a GET is larger than max_body. */
HttpResponse *http_send(Http *http, const HttpRequest *request, GError **error);
HttpResponse *http_get(Http *http, const char *url, const char *bearer, GError **error);

/* By any spelling of its name, or NULL. Borrowed. Repeated headers are joined with ", ". */
const char *http_header(const HttpResponse *response, const char *name);

/* `base` + `path` + the query made of name, value pairs up to a NULL name; values are escaped, a
 * pair whose value is NULL is left out. */
char *http_url(const char *base, const char *path, ...) G_GNUC_NULL_TERMINATED;
/* One segment of a path, escaped. */
char *http_escape(const char *text);

/* Loopback, private, link-local, shared, multicast, reserved, and IPv6 forms that lead to them. */
bool http_address_is_private(const struct sockaddr *address);
