/* Physical paths: absolute, without symbolic links, "." and "..", and of any length. */
#ifndef WALK_H
#define WALK_H

#include <stddef.h>

/* Opens (O_PATH) the directory that holds the last component of `path`, following no symbolic link. *name
 * points to that component in `path`, which is cut after it, or to "." for the root. Returns a descriptor, or
 * -1 with errno: ENOTDIR or ELOOP if a parent is a link, EINVAL for a path of another form. `path` is
 * modified. */
int walk_parent(char *path, const char **name);

#endif
