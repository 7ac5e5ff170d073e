/* The file systems of a sandbox. Everything is made and attached below a stage that becomes the root at the
 * end. Paths below it are resolved inside it (openat2(2): RESOLVE_IN_ROOT, no magic links), so that no link
 * in a stranger's image leads out. Nothing but /dev has device nodes: without a device cgroup, mknod(2) would
 * open this machine's disks to the sandbox's root. */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include <stdbool.h>

/* The exit status if the kernel allows no overlay here: the lower directory must be copied instead. */
enum { EXIT_OVERLAY = 71 };

/* A directory on which the stage is mounted, and one for what is written (NULL: in memory). Call it first. */
void mounts_begin(const char *stage, const char *upper);

/* One mount as the command line says it: an option and its values. Makes it, or only checks its form; returns
 * what stands behind it. */
char **mounts_option(char **argv, bool now);

/* The stage becomes the root. */
void mounts_end(bool read_only);

/* A detached copy of this mount name space's /proc, and its attachment in place of the one at /proc. */
int mounts_clone_proc(void);
void mounts_replace_proc(int proc);

/* Binds a file onto /dev/console, after mounts_end(). */
void mounts_bind_console(const char *terminal);

#endif
