/* The door between `probe init` and the agent. init keeps one end of a pair of sockets open as descriptor
 * DOOR; the agent, which may trace init, copies it from there (pidfd_getfd(2)). So the two share no path,
 * name or network, and nothing that the target could reach.
 *
 *     agent: 'a'                            it has taken the socket
 *     init:  'l', u32 features, u32 number  its listener is that descriptor; the agent takes it, too
 *     agent: 'g'                            go on
 *     init:  'e', u32 errno, stage and NUL  instead of any of its messages: it gives up
 *
 * init's end is closed when a program is executed. */
#ifndef DOOR_H
#define DOOR_H

#include <stdbool.h>
#include <stdint.h>

enum { DOOR = 3, DOOR_MESSAGE = 64, DOOR_LISTENER = 'l', DOOR_ERROR = 'e', DOOR_TAKEN = 'a', DOOR_GO = 'g' };

/* Called by init: makes the sockets and waits until the agent has taken its end. Returns init's end, or -1
 * with errno: ETIMEDOUT if no agent takes it. */
int door_open(void);

/* Makes the agent take the listener. Returns false if the agent has ended. */
bool door_give_listener(int door, int listener, uint32_t features);

/* Sends the reason why no command will start, and waits until the agent has received it. */
void door_give_up(int door, int error, const char *stage);

/* Called by the agent: returns the socket of a process, or -1 with errno: EBADF if it does not exist yet. */
int door_take(int process);

/* Copies a descriptor from a process (a pidfd). Returns -1 with errno on failure. */
int take_descriptor(int process, int number);

#endif
