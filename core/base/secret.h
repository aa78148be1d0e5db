/* Sealing of channel secrets at rest: XChaCha20-Poly1305 (libsodium) with the key of the
 * installation, which lives in a file beside the database, never in it. */
#pragma once
#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes a key file (mode 0600) unless there is one. */
bool secret_make_key(const char *path, GError **error);
/* `context` (the brand and channel) must be the same when it is opened, so that a sealed secret can
 * not be moved to another row. The key file is the setting `key_file`. */
GBytes *secret_seal(const char *text, const char *context, GError **error);
char *secret_open(const void *sealed, size_t size, const char *context, GError **error);
