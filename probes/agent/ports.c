#include "ports.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "stream.h"
#include "util.h"

static uint8_t seen[65536 / 8], wanted[65536 / 8];
static bool any = true;
static unsigned left;

static bool test(const uint8_t *bits, unsigned port) { return bits[port / 8] >> port % 8 & 1; }
static void mark(uint8_t *bits, unsigned port) { bits[port / 8] |= 1 << port % 8; }

static void listening(unsigned port, bool silent) {
    if (!port || test(seen, port) || !(any || test(wanted, port)))
        return;
    mark(seen, port);
    left -= !any;
    if (silent)
        return;
    record_begin('L');
    record_u16(port);
    record_end();
}

/* "  sl  local_address rem_address   st ...": state 0A is TCP_LISTEN, addresses are hexadecimal. */
static void parse_line(char *line, bool silent) {
    char *address = strchr(line, ':');
    char *port = address ? strchr(address + 1, ':') : NULL;
    char *remote = port ? strchr(port, ' ') : NULL;
    char *state = remote ? strchr(remote + 1, ' ') : NULL;
    if (!state || strncmp(state + 1, "0A", 2))
        return;
    *remote = 0;
    uint64_t number;
    if (parse_number(port + 1, 16, 65535, &number))
        listening(number, silent);
}

static int network = -1; /* the directory /proc/PID/net */

static void look(const char *table, bool silent) {
    static char text[16384 + 1];
    AUTO_CLOSE int fd = openat(network, table, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* no IPv6 */
    size_t have = 0;
    for (ssize_t got; (got = read(fd, text + have, sizeof text - 1 - have)) > 0;) {
        have += got;
        text[have] = 0;
        char *line = text;
        for (char *end; (end = strchr(line, '\n')); line = end + 1) {
            *end = 0;
            parse_line(line, silent);
        }
        have -= line - text;
        memmove(text, line, have);
    }
}

static void look_at_all(bool silent) {
    look("tcp", silent);
    look("tcp6", silent);
}

void ports_open(char *list, uint32_t pid) {
    char path[64] = "/proc/self/net";
    if (pid)
        proc_path(path, pid, "net", -1);
    network = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    any = !list;
    for (char *next; list && *list; list = next) {
        uint64_t port;
        next = strchr(list, ',');
        if (next)
            *next++ = 0;
        if (!parse_number(list, 10, 65535, &port) || !port)
            die(EXIT_USAGE, "agent: invalid port ", list);
        left += !test(wanted, port);
        mark(wanted, port);
    }
    if (any)
        look_at_all(true);
}

bool ports_look(void) {
    look_at_all(false);
    return any || left;
}
