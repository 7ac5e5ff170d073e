/* The abstract socket between init and the agent. init sends one message: the listener with its features
 * (u32), or, later, an errno (u32) and the stage that failed. The agent answers one byte. */
#ifndef SOCKET_H
#define SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The address of the abstract name. Exits when the name is empty or too long. */
socklen_t socket_address(struct sockaddr_un *address, const char *name);

/* SO_PEERCRED: the other side has our user, as it had when it connected: root, where there is one. */
bool socket_peer_is_ours(int fd);

/* False with errno. */
bool socket_send_listener(int fd, int listener, uint32_t features);

/* Receives up to `size` bytes and a descriptor (*listener is -1 when there is none). As recv(2). */
long socket_receive(int fd, void *bytes, size_t size, int *listener);

#endif
