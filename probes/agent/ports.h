/* TCP ports with listening sockets, from sock_diag(7), else from /proc/net/tcp and tcp6. */
#ifndef PORTS_H
#define PORTS_H

#include <stdbool.h>
#include <stdint.h>

/* Watches the ports of a list such as "80,443", or, with NULL, all that are not listened on now: those of the
 * network that process `pid` has, 0 for our own. To be called while its network can be looked at. */
void ports_open(char *list, uint32_t pid);

/* Writes a record for each port that is listened on for the first time. Returns whether there is anything
 * left to look for. */
bool ports_look(void);

#endif
