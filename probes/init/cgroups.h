/* The control groups of another process. */
#ifndef CGROUPS_H
#define CGROUPS_H

#include <stdint.h>

/* Joins those that can be joined: what the target may use is then for this process, too. To be called with
 * the engine's own control groups in sight (cgroup_namespaces(7)). */
void cgroups_join(uint32_t pid);

#endif
