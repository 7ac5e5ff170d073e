#define _GNU_SOURCE
#include "door.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

/* In milliseconds. */
enum { TAKEN_WITHIN = 30000, HEARD_WITHIN = 5000 };

/* Waits for a message of one byte. */
static bool await(int door, char expected, int timeout) {
    struct pollfd entry = {door, POLLIN, 0};
    int64_t until = milliseconds() + timeout;
    char byte = 0;
    int ready;
    while ((ready = poll(&entry, 1, timeout)) < 0 && errno == EINTR &&
           (timeout < 0 || milliseconds() < until))
        continue;
    return ready > 0 && recv(door, &byte, 1, 0) == 1 && byte == expected;
}

int door_open(void) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    /* From now on the agent may take the descriptor DOOR at any moment. */
    bool swapped = pair[0] == DOOR;
    int theirs = pair[!swapped], ours = fcntl(pair[swapped], F_DUPFD_CLOEXEC, DOOR + 1);
    if (ours < 0)
        return -1;
    close(pair[swapped]);
    if (theirs != DOOR) {
        if (dup3(theirs, DOOR, O_CLOEXEC) < 0)
            return -1;
        close(theirs);
    }
    bool taken = await(ours, DOOR_TAKEN, TAKEN_WITHIN);
    close(DOOR);
    return taken ? ours : (errno = ETIMEDOUT, -1);
}

bool door_give_listener(int door, int listener, uint32_t features) {
    char message[9] = {DOOR_LISTENER};
    memcpy(message + 1, &features, 4);
    memcpy(message + 5, &(uint32_t){listener}, 4);
    return send(door, message, sizeof message, MSG_NOSIGNAL) == sizeof message && await(door, DOOR_GO, -1);
}

void door_give_up(int door, int error, const char *stage) {
    char message[DOOR_MESSAGE] = {DOOR_ERROR};
    memcpy(message + 1, &(uint32_t){error}, 4);
    append(message + 5, sizeof message - 5, stage, NULL);
    struct pollfd entry = {door, POLLIN, 0};
    if (send(door, message, 5 + strlen(message + 5) + 1, MSG_NOSIGNAL) > 0)
        poll(&entry, 1, HEARD_WITHIN); /* the agent closes its end */
}

int take_descriptor(int process, int number) { return syscall(SYS_pidfd_getfd, process, number, 0); }

int door_take(int process) {
    int fd = take_descriptor(process, DOOR), type;
    socklen_t size = sizeof type;
    if (fd >= 0 && (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)) {
        close(fd);
        return errno = EBADF, -1;
    }
    return fd;
}
