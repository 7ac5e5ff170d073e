/* Starts a command in a running container or sandbox. */
#ifndef ENTER_H
#define ENTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Enters all name spaces of a process except its process name space, which only our children enter. */
void enter_namespaces(uint32_t pid);

/* Returns false with errno on failure. `make` creates a missing directory, as an engine does for a
 * container's first process; never use it for one that joins, because the target may have put a link
 * there. */
bool enter_workdir(char *path, bool make);

/* Returns in a child, which is in the name spaces that were entered. The parent waits until the child has
 * ended, and ends with the same status. */
void enter_processes(void);

/* fork(2); a failure ends the process. */
pid_t forked(void);

/* As in a shell: 128 + the signal's number. */
int exit_status(int status);

#endif
