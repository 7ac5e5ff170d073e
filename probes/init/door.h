/* The door between `probe init` and the agent. init leaves one end of a pair of sockets open as descriptor
 * DOOR; the agent, which may trace it, takes it out of there (pidfd_getfd(2)). So the two need no path, name
 * or network in common, and nothing that the target could reach.
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

/* Of init: makes the sockets and waits until the agent has taken its own. Returns init's end, or -1 with
 * errno: ETIMEDOUT if no agent comes. */
int door_open(void);

/* Has the agent take the listener. False if the agent has ended. */
bool door_give_listener(int door, int listener, uint32_t features);

/* Sends the reason why there will be no command, and waits until the agent has it. */
void door_give_up(int door, int error, const char *stage);

/* Of the agent: the socket out of a process, or -1 with errno: EBADF if it does not exist yet. */
int door_take(int process);

/* A descriptor out of a process (a pidfd). -1 with errno. */
int take_descriptor(int process, int number);

#endif
