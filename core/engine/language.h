/* The language of a message, also of a few words. */
#pragma once
#include "core/engine/normalise.h"

/* Writes the ISO 639 code of the language of `normalised` ("de", "lb") to `lang`, or "-" where
 * unsure. `claim` is what the network says ("de-AT"; NULL for nothing): it decides only between
 * answers that the text leaves open. */
void language_of(const Normalised *normalised, const char *claim, char lang[4]);
