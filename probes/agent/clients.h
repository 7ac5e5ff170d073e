/* The programs that an agent serves: from the time when their listener is taken (door.h) until their last
 * process ends. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

enum { CLIENTS = 256, TOKEN_LIMIT = 64 };

/* A program that has entered or is about to. `process` is a pidfd, open until its listener is taken; the
 * socket is open until it has executed, the listener until no process is left under its filter. */
struct client {
    uint32_t number, pid;
    int process, socket, listener; /* -1: closed */
    int64_t until;                 /* the time until which it must be taken; 0: it was taken, or cannot be */
    char token[TOKEN_LIMIT];
};

extern struct client clients[CLIENTS];
extern unsigned clients_count;

/* Call this before the first is taken: `ports` are those to watch (as for ports_open()); `join` says whether
 * the agent enters the mounts of that process. */
void clients_prepare(char *ports, bool join);

/* Waits for the process with the token among its arguments. Returns false if there is no room. */
bool clients_add(uint32_t number, uint32_t pid, const char *token);

/* Takes the programs that are ready. Returns whether there are others. */
bool clients_take(void);

/* Handles a message from its socket. */
void client_hear(struct client *client);

/* Forgets the clients without processes. */
void clients_sweep(void);

/* Returns whether there is one listener and no program that is about to start: the end of a program's socket
 * is its start, which must be recorded before its requests. */
bool clients_only_one(void);

#endif
