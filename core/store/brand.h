/* Brands: one organisation's public face; owns everything else. Owns the table brand. */
#pragma once
#include "core/base/db.h"

typedef struct Brand {
    int64_t id;
    char *slug, *name;
    bool is_demo;
} Brand;
void brand_free(Brand *brand);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Brand, brand_free)

GPtrArray *brand_list(Db *db, GError **error);
/* By slug; NULL slug: the only one there is (the demo does not count beside another). MISSING with
 * a sentence that names the choices. */
Brand *brand_find(Db *db, const char *slug, GError **error);
/* CONFLICT when the slug is taken. Everybody who is admin of any brand becomes admin of this one.
 */
Brand *brand_add(Db *db, const char *slug, const char *name, bool demo, GError **error);
/* Deletes the brand and everything in it, in one transaction. */
bool brand_remove(Db *db, int64_t brand, GError **error);
