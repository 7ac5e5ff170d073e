/* Declarations that the parts of `probe sandbox` share. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The command line. Descriptors that are not given are -1. */
struct sandbox {
    char *stage, *upper, *hostname, *workdir, *ports;
    bool user, own_network, read_only, no_new_privileges;
    uint32_t uid, gid; /* in the user name space; outside, the caller's are used */
    int lifeline, status, events, input, errors, terminal;
    int own_errors; /* the command's standard error; ours is `errors` until it starts */
    bool enter;
    char **mounts, **init;
};

/* Runs process 1 of the sandbox; a byte on `ready` means that its files are mounted. */
_Noreturn void sandbox_command(struct sandbox *sandbox, int ready);

/* Runs another command in a sandbox (`init --enter`); its exit status becomes ours. */
_Noreturn void sandbox_enter(struct sandbox *sandbox);

/* Closes all but the standard streams: now, or when a program is executed. */
void close_others(bool now);

#endif
