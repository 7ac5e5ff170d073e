#define _GNU_SOURCE
#include "socket.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

socklen_t socket_address(struct sockaddr_un *address, const char *name) {
    size_t size = strlen(name);
    if (size == 0 || size >= sizeof address->sun_path)
        fail(EXIT_USAGE, "the socket's name must have 1 to 107 bytes");
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, name, size);
    return offsetof(struct sockaddr_un, sun_path) + 1 + size;
}

bool socket_peer_is_ours(int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

bool socket_send_listener(int fd, int listener, uint32_t features) {
    union control control = {
        {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
    struct iovec data = {&features, sizeof features};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    return sendmsg(fd, &message, MSG_NOSIGNAL) == sizeof features;
}

long socket_receive(int fd, void *bytes, size_t size, int *listener) {
    union control control = {0};
    struct iovec data = {bytes, size};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    long got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    *listener = -1;
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(listener, CMSG_DATA(header), sizeof *listener);
    return got;
}
