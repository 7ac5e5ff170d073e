/* The programs that an agent serves: taken out of their processes (door.h), until nothing is left of them. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

enum { CLIENTS = 256, TOKEN_LIMIT = 64 };

/* A program that entered or wants to. `process` is a pidfd, open until its listener is taken out of there;
 * the socket is open until it has executed, the listener until no process is left under its filter. */
struct client {
    uint32_t number, pid;
    int process, socket, listener; /* -1: closed */
    int64_t until;                 /* when it must be taken; 0: it was, or cannot be */
    char token[TOKEN_LIMIT];
};

extern struct client clients[CLIENTS];
extern unsigned clients_count;

/* Before the first is taken: which ports to watch (as ports_open()), and whether the agent is to see the
 * files as that process does. */
void clients_prepare(char *ports, bool join);

/* Awaits the process, which has the token among its words. False when there is no room. */
bool clients_add(uint32_t number, uint32_t pid, const char *token);

/* Takes those that are ready. Returns whether there are others. */
bool clients_take(void);

/* Handles a message from its socket. */
void client_hear(struct client *client);

/* Forgets the clients without processes. */
void clients_sweep(void);

/* Whether there is one listener and nobody who is about to start: an end of its socket is the start, and has
 * to be told before what the program does then. */
bool clients_only_one(void);

#endif
