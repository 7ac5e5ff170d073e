/* Handles one notification: its paths are recorded, unless they are already known, and its call continues. */
#ifndef HANDLE_H
#define HANDLE_H

#include <linux/seccomp.h>
#include <stdbool.h>

#include "stream.h"

/* Writes the records of a notification that was received on `listener`, counts it and answers it. `command`
 * is the process of the command, or 0 if the notification is of another program that runs beside it. */
void handle(int listener, const struct seccomp_notif *notification, uint32_t command,
            struct counters *counters);

/* Returns whether a process tried to listen on a socket since the last call of this function. */
bool handle_saw_listen(void);

#endif
