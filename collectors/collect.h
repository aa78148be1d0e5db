/* The process of one channel: polls its network and stores what comes, claims and sends what is
 * due, finds out what became of what it left open, and says how it goes. One process per channel
 * (an advisory lock sees to it); it can be killed at any moment. */
#pragma once
#include "core/base/db.h"

/* Runs until SIGTERM, or until the channel is paused or removed. The exit status of the process. */
int collect_run(const char *database_url, int64_t brand, int64_t channel);
