#include "collectors/imap_stream.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_S = 20,
    SILENCE_MS = 30000, /* the other side may think so long between two bytes */
    COMMAND_S = 60,
};

typedef struct Stream {
    GSocketConnection *connection;
    int fd;
    gnutls_session_t session; /* NULL: plain */
    gnutls_certificate_credentials_t credentials;
    int64_t deadline; /* monotonic microseconds */
    const char *problem;
} Stream;

static Stream *stream_of(mailstream *stream)
{
    return mailstream_get_low(stream)->data;
}

static bool wait_for(Stream *self, short events)
{
    int64_t left = (self->deadline - g_get_monotonic_time()) / 1000;
    struct pollfd fd = {.fd = self->fd, .events = events};
    int result;
    do {
        result = left <= 0 ? 0 : poll(&fd, 1, (int)MIN(left, SILENCE_MS));
    } while (result < 0 && errno == EINTR);
    if (result <= 0)
        self->problem = "the server does not answer in time";
    return result > 0;
}

/* Turns what read and write return into: bytes, 0 the end, -1 failed, -2 try again. */
static ssize_t outcome(Stream *self, ssize_t result, short events)
{
    if (result >= 0)
        return result;
    if (self->session && !gnutls_error_is_fatal((int)result)) {
        short wanted = gnutls_record_get_direction(self->session) ? POLLOUT : POLLIN;
        return result != GNUTLS_E_AGAIN || wait_for(self, wanted) ? -2 : -1;
    }
    if (!self->session && (errno == EAGAIN || errno == EINTR))
        return wait_for(self, events) ? -2 : -1;
    self->problem = self->session ? gnutls_strerror((int)result) : g_strerror(errno);
    return -1;
}

static ssize_t stream_read(mailstream_low *low, void *buffer, size_t size)
{
    Stream *self = low->data;
    ssize_t result;
    do {
        result = self->session ? gnutls_record_recv(self->session, buffer, size)
                               : recv(self->fd, buffer, size, 0);
        result = outcome(self, result, POLLIN);
    } while (result == -2);
    if (result == 0)
        self->problem = "the server closed the connection";
    return result > 0 ? result : -1;
}

static ssize_t stream_write(mailstream_low *low, const void *buffer, size_t size)
{
    Stream *self = low->data;
    ssize_t result;
    do {
        result = self->session ? gnutls_record_send(self->session, buffer, size)
                               : send(self->fd, buffer, size, MSG_NOSIGNAL);
        result = outcome(self, result, POLLOUT);
    } while (result == -2);
    return result;
}

static int stream_close(mailstream_low *low)
{
    Stream *self = low->data;
    if (self->session)
        gnutls_bye(self->session, GNUTLS_SHUT_WR); /* the socket does not block: best effort */
    g_io_stream_close(G_IO_STREAM(self->connection), NULL, NULL);
    return 0;
}

static void stream_free(mailstream_low *low)
{
    Stream *self = low->data;
    if (self->session)
        gnutls_deinit(self->session);
    if (self->credentials)
        gnutls_certificate_free_credentials(self->credentials);
    g_object_unref(self->connection);
    g_free(self);
    free(low);
}

static int stream_fd(mailstream_low *low)
{
    return ((Stream *)low->data)->fd;
}

static void stream_cancel(G_GNUC_UNUSED mailstream_low *low)
{
}

static struct mailstream_cancel *stream_get_cancel(G_GNUC_UNUSED mailstream_low *low)
{
    return NULL;
}

static mailstream_low_driver driver = {
    .mailstream_read = stream_read,
    .mailstream_write = stream_write,
    .mailstream_close = stream_close,
    .mailstream_get_fd = stream_fd,
    .mailstream_free = stream_free,
    .mailstream_cancel = stream_cancel,
    .mailstream_get_cancel = stream_get_cancel,
};

mailstream *imap_stream_open(const char *host, guint16 port, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GError) problem = NULL;
    g_socket_client_set_timeout(client, CONNECT_S);
    g_socket_client_set_enable_proxy(client, FALSE);
    GSocketConnection *connection =
        g_socket_client_connect_to_host(client, host, port, NULL, &problem);
    if (!connection) {
        bw_fail(error, BW_ERROR_TEMPORARY, "IMAP %s:%d: %s", host, port, problem->message);
        return NULL;
    }
    GSocket *socket = g_socket_connection_get_socket(connection);
    g_socket_set_timeout(socket, 0);
    g_socket_set_keepalive(socket, TRUE);
    g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL);
    g_unix_set_fd_nonblocking(g_socket_get_fd(socket), TRUE, NULL);
    Stream *self = g_new0(Stream, 1);
    self->connection = connection;
    self->fd = g_socket_get_fd(socket);
    self->problem = "the connection broke";
    mailstream *stream = mailstream_new(mailstream_low_new(self, &driver), 16384);
    imap_stream_set_deadline(stream, COMMAND_S);
    return stream;
}

static bool handshake(Stream *self, const char *host, GError **error)
{
    int result;
    do {
        result = gnutls_handshake(self->session);
        if (result == GNUTLS_E_AGAIN &&
            !wait_for(self, gnutls_record_get_direction(self->session) ? POLLOUT : POLLIN))
            return bw_fail(error, BW_ERROR_TEMPORARY, "TLS with %s: %s", host, self->problem);
    } while (result < 0 && !gnutls_error_is_fatal(result));
    if (result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
        gnutls_datum_t reason = {0};
        gnutls_certificate_verification_status_print(
            gnutls_session_get_verify_cert_status(self->session),
            gnutls_certificate_type_get(self->session), &reason, 0);
        bw_fail(error, BW_ERROR_DENIED, "the certificate of %s is not accepted: %s", host,
                reason.data ? (const char *)reason.data : "it can not be verified");
        gnutls_free(reason.data);
        return false;
    }
    return result >= 0 ||
           bw_fail(error, BW_ERROR_TEMPORARY, "TLS with %s: %s", host, gnutls_strerror(result));
}

bool imap_stream_start_tls(mailstream *stream, const char *host, const char *ca_file,
                           GError **error)
{
    Stream *self = stream_of(stream);
    /* What the server is said to have sent before TLS may come from anybody. */
    if (stream->read_buffer_len > 0)
        return bw_fail(error, BW_ERROR_DENIED, "%s sent something between STARTTLS and TLS", host);
    gnutls_certificate_allocate_credentials(&self->credentials);
    int loaded = ca_file ? gnutls_certificate_set_x509_trust_file(self->credentials, ca_file,
                                                                  GNUTLS_X509_FMT_PEM)
                         : gnutls_certificate_set_x509_system_trust(self->credentials);
    if (loaded <= 0 && ca_file)
        return bw_fail(error, BW_ERROR_DENIED, "no certificate could be read from %s", ca_file);
    gnutls_init(&self->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    gnutls_set_default_priority(self->session);
    gnutls_credentials_set(self->session, GNUTLS_CRD_CERTIFICATE, self->credentials);
    if (!g_hostname_is_ip_address(host))
        gnutls_server_name_set(self->session, GNUTLS_NAME_DNS, host, strlen(host));
    gnutls_session_set_verify_cert(self->session, host, 0);
    gnutls_transport_set_int(self->session, self->fd);
    return handshake(self, host, error);
}

void imap_stream_set_deadline(mailstream *stream, int seconds)
{
    stream_of(stream)->deadline = g_get_monotonic_time() + seconds * (int64_t)G_USEC_PER_SEC;
}

bool imap_stream_is_pending(mailstream *stream)
{
    Stream *self = stream_of(stream);
    return stream->read_buffer_len > 0 ||
           (self->session && gnutls_record_check_pending(self->session) > 0);
}

int imap_stream_fd(mailstream *stream)
{
    return stream_of(stream)->fd;
}

const char *imap_stream_problem(mailstream *stream)
{
    return stream_of(stream)->problem;
}
