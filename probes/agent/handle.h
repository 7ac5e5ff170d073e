/* Handles one notification: its paths are recorded, unless they are already known, and its call goes on. */
#ifndef HANDLE_H
#define HANDLE_H

#include <linux/seccomp.h>
#include <stdbool.h>

#include "stream.h"

/* Writes what there is to write of a notification that was received on `listener`, counts and answers it.
 * `command` is the process of the command, 0 where the notification is of something else that runs beside it.
 */
void handle(int listener, const struct seccomp_notif *notification, uint32_t command,
            struct counters *counters);

/* Whether a process tried to listen on a socket since the last call of this function. */
bool handle_saw_listen(void);

#endif
