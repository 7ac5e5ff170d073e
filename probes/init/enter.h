/* How a command gets into a container or sandbox that runs. */
#ifndef ENTER_H
#define ENTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Enters everything of a process except its process name space, which only our children enter. */
void enter_namespaces(uint32_t pid);

/* False with errno where it cannot. `make` makes what is not there, as an engine does for a container's first
 * process: never for one that joins, as the target may have put a link there. */
bool enter_workdir(char *path, bool make);

/* Returns in a child, which is in the name spaces that were entered. The parent stays as it is until the
 * child has ended, and ends as it did. */
void enter_processes(void);

/* fork(2) that does not fail. */
pid_t forked(void);

/* As in a shell: 128 + the signal's number. */
int exit_status(int status);

#endif
