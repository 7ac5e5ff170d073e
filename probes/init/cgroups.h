/* The control groups of another process. */
#ifndef CGROUPS_H
#define CGROUPS_H

#include <stdint.h>

/* Joins the groups that can be joined, so that the target's limits apply to this process, too. Call it while
 * the engine's own control groups are visible (cgroup_namespaces(7)). */
void cgroups_join(uint32_t pid);

#endif
