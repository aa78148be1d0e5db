/* The table of all connectors: a new network is a file and a line here. */
#include "collectors/connector.h"

#include <string.h>

extern const Connector email_connector;
extern const Connector mastodon_connector;
extern const Connector replay_connector;

const Connector *const connectors[] = {
    &email_connector,
    &mastodon_connector,
    &replay_connector,
    NULL,
};

const Connector *connector_find(const char *kind)
{
    for (const Connector *const *each = connectors; *each; each++)
        if (strcmp((*each)->kind, kind) == 0)
            return *each;
    return NULL;
}

void unreadable_free(Unreadable *unreadable)
{
    if (!unreadable)
        return;
    g_free(unreadable->external_id);
    g_free(unreadable->reason);
    g_clear_pointer(&unreadable->raw, g_bytes_unref);
    g_free(unreadable);
}

void receipt_free(Receipt *receipt)
{
    if (!receipt)
        return;
    g_free(receipt->external_id);
    g_free(receipt->reason);
    g_free(receipt);
}

void gap_free(Gap *gap)
{
    if (!gap)
        return;
    g_free(gap->reason);
    g_free(gap);
}

void sent_clear(Sent *sent)
{
    g_clear_pointer(&sent->external_id, g_free);
    g_clear_pointer(&sent->permalink, g_free);
}
