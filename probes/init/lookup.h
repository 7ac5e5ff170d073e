#ifndef LOOKUP_H
#define LOOKUP_H

#include "set_credentials.h"

enum { LOOKUP_LIMIT = 8192 };

/* Finds a command as in runc does: Go's exec.LookPath, with the user's permissions. Writes the path to
 * execute and returns 0, or an errno. */
int lookup(const struct identity *identity, const char *command, char program[LOOKUP_LIMIT]);

#endif
