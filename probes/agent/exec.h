#ifndef EXEC_H
#define EXEC_H

#include <linux/seccomp.h>

#include "paths.h"

/* Writes an exec record, once for each path with each set of LD_* variables, if the path is there.
 * `environment` is the address of envp. */
void exec_record(const struct asked *asked, uint32_t pid, uint32_t program, uint64_t environment,
                 const struct seccomp_notif *notification);

#endif
