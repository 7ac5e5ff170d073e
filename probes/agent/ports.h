/* TCP ports with listening sockets, from sock_diag(7), else from /proc/net/tcp and tcp6. */
#ifndef PORTS_H
#define PORTS_H

#include <stdbool.h>
#include <stdint.h>

/* Watches the ports of a list such as "80,443" or, with NULL, all ports without a listener now, in the
 * network of process `pid` (0: our own). Call it while that network is accessible. */
void ports_open(char *list, uint32_t pid);

/* Writes a record for each port that has a listener for the first time. Returns whether there are more ports
 * to watch. */
bool ports_look(void);

#endif
