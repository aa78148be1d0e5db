#include "core/store/brand.h"

#include "core/cli/cli.h"
#include "core/cli/connect.h"

#include <stdio.h>
#include <string.h>

static int list(int argc, char **argv)
{
    const GOptionEntry entries[] = {CONNECT_OPTION, {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse("", "Lists the brands: slug, name.", entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    g_autoptr(Db) db = connect_admin(&error);
    g_autoptr(GPtrArray) brands = db ? brand_list(db, &error) : NULL;
    if (!brands)
        return cli_fail("brand list", "%s", error->message);
    for (guint i = 0; i < brands->len; i++) {
        const Brand *brand = brands->pdata[i];
        printf("%s\t%s%s\n", brand->slug, brand->name, brand->is_demo ? "\tdemo" : "");
    }
    return 0;
}

static int add(int argc, char **argv)
{
    const GOptionEntry entries[] = {CONNECT_OPTION, {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse(
            "SLUG NAME",
            "Adds a brand. SLUG stands in addresses (small letters, digits, '-'), NAME on screens.",
            entries, 2, 2, &argc, &argv))
        return CLI_WRONG_USE;
    g_autoptr(Db) db = connect_admin(&error);
    g_autoptr(Brand) brand = db ? brand_add(db, argv[1], argv[2], false, &error) : NULL;
    if (brand) {
        printf("brand %s added\n", brand->slug);
        return 0;
    }
    if (g_error_matches(error, BW_ERROR, BW_ERROR_CONFLICT))
        return cli_fail("brand add", "there is a brand '%s' already", argv[1]);
    if (g_error_matches(error, BW_ERROR, BW_ERROR_INVALID) && strstr(error->message, "slug"))
        return cli_fail("brand add", "'%s' is no slug: small letters, digits and '-', at most 40",
                        argv[1]);
    return cli_fail("brand add", "%s", error->message);
}

static int remove_brand(int argc, char **argv)
{
    gboolean sure = FALSE;
    const GOptionEntry entries[] = {
        {"yes", 0, 0, G_OPTION_ARG_NONE, &sure, "yes, delete it all", NULL}, CONNECT_OPTION, {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse("SLUG",
                   "Deletes a brand and everything in it. The demo goes at once; another brand "
                   "needs --yes.",
                   entries, 1, 1, &argc, &argv))
        return CLI_WRONG_USE;
    g_autoptr(Db) db = connect_admin(&error);
    g_autoptr(Brand) brand = db ? brand_find(db, argv[1], &error) : NULL;
    if (brand && !brand->is_demo && !sure)
        return cli_fail("brand remove",
                        "%s is no demo: add --yes to delete it with all its messages", brand->slug);
    if (!brand || !brand_remove(db, brand->id, &error))
        return cli_fail("brand remove", "%s", error->message);
    printf("brand %s is gone\n", brand->slug);
    return 0;
}

static const Command actions[] = {
    {"list", "the brands there are", list},
    {"add", "add a brand", add},
    {"remove", "delete a brand with everything in it (also the demo)", remove_brand},
    {0},
};

int cmd_brand(int argc, char **argv)
{
    return cli_actions("Brands: one organisation's public face each; nothing ever crosses them.",
                       actions, argc, argv);
}
