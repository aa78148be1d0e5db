/* When is a cluster an incident to suspect? When enough different people are in it within a day,
 * "enough" growing with what is normal for the brand: the people who complain about anything else.
 * A cluster is suspected once until it is reopened, and only if its messages are complaints on the
 * whole: one message may be worded so that it could be chatter, four of the same are not. */
#pragma once
#include "core/engine/state.h"

typedef struct Emerge Emerge;

Emerge *emerge_new(void);
void emerge_free(Emerge *emerge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Emerge, emerge_free)

/* A message by `person` (0: unknown, taken for somebody else each time) in `cluster`; `complaint`
 * is how much of a complaint it is by itself, 0..1, `copy` that it repeats another's words, which
 * counts half. Gives the number of different people in the
 * cluster lately if it is to be suspected now, else 0. */
int emerge_take(Emerge *emerge, int64_t cluster, int64_t person, int64_t at, double complaint,
                bool copy);

/* Does the cluster consist of complaints, taken together? */
bool emerge_complains(const Emerge *emerge, int64_t cluster);

/* `from` became part of `into`, which counts as suspected if either was. */
void emerge_merge(Emerge *emerge, int64_t from, int64_t into);
/* Never to be suspected (again). */
void emerge_settle(Emerge *emerge, int64_t cluster);
/* A cluster that was suspected may be so again, from the next message on. */
void emerge_reopen(Emerge *emerge, int64_t cluster);
bool emerge_settled(const Emerge *emerge, int64_t cluster);

void emerge_put(const Emerge *emerge, GByteArray *out);
Emerge *emerge_get(StateReader *in); /* NULL when the bytes are no such state */
