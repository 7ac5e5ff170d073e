/* The stage that becomes the root of a sandbox, and mounts on places below it. */
#ifndef SANDBOX_PLACES_H
#define SANDBOX_PLACES_H

#include <linux/mount.h>
#include <stdbool.h>

enum { SAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };

/* Sets the directory on which the root is mounted. Call it first. */
void stage_begin(const char *path);
const char *stage_name(void);

_Noreturn void cannot(const char *doing, const char *what);

/* Makes a detached mount of a new file system; `options` is NAME=VALUE,... or NULL. Returns -1 with errno on
 * failure. */
int new_mount(const char *type, const char *options, unsigned attributes);

/* Makes a detached copy of the mounts at and below `source`. Returns -1 with errno on failure. */
int clone_mount(const char *source);

void set_attributes(int mount, unsigned attributes, const char *what);

/* Opens (O_PATH) a path below the stage, or creates an empty directory or file there. */
int place(const char *path, bool directory);

/* Opens (O_PATH) an existing path. Returns -1 with errno on failure. */
int open_in_root(const char *path, int flags);

bool is_directory(int fd);

/* Attaches a detached mount at a path below the stage, or onto an open file; closes both. */
void attach(int mount, const char *path);
void attach_to(int mount, int target, const char *what);

/* The directory that becomes the root. */
int stage_root(void);

#endif
