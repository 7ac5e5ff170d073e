/* The file systems of a sandbox. All mounts are attached below a stage, which becomes the root at the end.
 * Paths below it are resolved inside it (openat2(2): RESOLVE_IN_ROOT, no magic links), so that no link in a
 * stranger's image leads out. Nothing but /dev has device nodes: without a device cgroup, mknod(2) would open
 * this machine's disks to the sandbox's root. */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include <stdbool.h>

/* The exit status if the kernel allows no overlay here, so that the lower directory must be copied. */
enum { EXIT_OVERLAY = 71 };

/* Sets the directory on which the stage is mounted, and the one for writes (NULL: in memory). Call it
 * first. */
void mounts_begin(const char *stage, const char *upper);

/* Makes a mount given on the command line by an option and its values, or only checks its form. Returns the
 * position after it. */
char **mounts_option(char **argv, bool now);

/* Makes the stage the root. */
void mounts_end(bool read_only);

/* Copy this mount name space's /proc without attaching it, and attach it in place of the one at /proc. */
int mounts_clone_proc(void);
void mounts_replace_proc(int proc);

/* Binds a file onto /dev/console, after mounts_end(). */
void mounts_bind_console(const char *terminal);

#endif
