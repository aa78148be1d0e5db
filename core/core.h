/* The core: takes each new message of its brands through the engines, in order, and writes what
 * they decide. Several cores share the brands by advisory lock; a dead one's brands move on. */
#pragma once

/* Runs until SIGTERM. The exit status of the process. */
int core_run(const char *database_url);
