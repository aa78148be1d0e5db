/* Signing in: passwords (argon2id), random tokens that are stored hashed, throttling, the first
 * admin's one-time link. The tables are core/store/user's. */
#pragma once
#include "web/request.h"

/* 32 random bytes as base64url, 43 characters. */
char *session_new_token(void);
/* SHA-256 of a token, as it is stored. */
void session_hash_token(const char *token, uint8_t hash[32]);
/* argon2id in libsodium's string form; NULL when memory is short. */
char *session_hash_password(const char *password, GError **error);
/* Takes as long for a NULL hash (no such user) as for a wrong password. LIMITED when too many are
 * being checked at once. */
bool session_check_password(const char *hash, const char *password, GError **error);

/* Does the header Origin name the host that was asked? */
bool session_origin_matches(const char *origin, const char *host);
/* The Set-Cookie header; `token` NULL takes the cookie away. */
char *session_cookie(const char *token, bool secure);
/* The value of a cookie in a Cookie header, or NULL. */
char *session_find_cookie(const char *header, const char *name);

extern const Route session_routes[];
