#include "core/base/secret.h"

#include "core/base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_SIZE = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

bool secret_make_key(const char *path, GError **error)
{
    unsigned char key[KEY_SIZE];
    if (sodium_init() < 0)
        return bw_fail(error, BW_ERROR_TEMPORARY, "libsodium has no random numbers");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && errno == EEXIST)
        return true;
    if (fd < 0)
        return bw_fail(error, BW_ERROR_DENIED, "cannot make the key file %s: %s", path,
                       g_strerror(errno));
    randombytes_buf(key, sizeof key);
    bool good = write(fd, key, sizeof key) == (ssize_t)sizeof key && fsync(fd) == 0;
    close(fd);
    sodium_memzero(key, sizeof key);
    if (!good) {
        unlink(path);
        return bw_fail(error, BW_ERROR_TEMPORARY, "cannot write the key file %s: %s", path,
                       g_strerror(errno));
    }
    return true;
}

static bool load_key(unsigned char *key, GError **error)
{
    const char *path = config_get("key_file");
    g_autofree char *bytes = NULL;
    gsize size = 0;
    if (!path)
        return bw_fail(error, BW_ERROR_INVALID,
                       "no key for channel secrets: set BREAKWATER_KEY_FILE (32 random bytes, "
                       "for example: head -c 32 /dev/urandom >FILE; chmod 600 FILE)");
    if (sodium_init() < 0 || !g_file_get_contents(path, &bytes, &size, NULL) || size != KEY_SIZE)
        return bw_fail(error, BW_ERROR_INVALID, "%s is no readable key of %d bytes", path,
                       KEY_SIZE);
    memcpy(key, bytes, KEY_SIZE);
    sodium_memzero(bytes, size);
    return true;
}

GBytes *secret_seal(const char *text, const char *context, GError **error)
{
    unsigned char key[KEY_SIZE];
    if (!load_key(key, error))
        return NULL;
    size_t length = strlen(text);
    unsigned char *sealed = g_malloc(NONCE_SIZE + length + TAG_SIZE);
    unsigned long long size = 0;
    randombytes_buf(sealed, NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed + NONCE_SIZE, &size, (const unsigned char *)text, length,
        (const unsigned char *)context, strlen(context), NULL, sealed, key);
    sodium_memzero(key, sizeof key);
    return g_bytes_new_take(sealed, NONCE_SIZE + size);
}

char *secret_open(const void *sealed, size_t size, const char *context, GError **error)
{
    unsigned char key[KEY_SIZE];
    const unsigned char *bytes = sealed;
    unsigned long long length = 0;
    if (!load_key(key, error))
        return NULL;
    g_autofree char *text = g_malloc0(size + 1);
    bool good = size >= NONCE_SIZE + TAG_SIZE &&
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    (unsigned char *)text, &length, NULL, bytes + NONCE_SIZE, size - NONCE_SIZE,
                    (const unsigned char *)context, strlen(context), bytes, key) == 0;
    sodium_memzero(key, sizeof key);
    if (!good) {
        bw_fail(error, BW_ERROR_DENIED,
                "a channel's secret does not open with this key file: enter the secret again, or "
                "bring back the key it was sealed with");
        return NULL;
    }
    return g_steal_pointer(&text);
}
