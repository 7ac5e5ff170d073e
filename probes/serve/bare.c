#define _GNU_SOURCE
#include "bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "util.h"

static char *read_file(const char *name) {
    size_t size = 0, room = 65536;
    char *text = malloc(room);
    AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die_errno(EXIT_PROBE, "serve: cannot read ", name);
    for (ssize_t got; text && (got = read(fd, text + size, room - size - 1)) > 0;)
        if ((size += got) + 1 == room)
            text = realloc(text, room *= 2);
    if (!text)
        die(EXIT_PROBE, "serve: out of memory");
    text[size] = 0;
    return text;
}

static int deepest_first(const void *left, const void *right) {
    size_t a = strlen(*(char *const *)left), b = strlen(*(char *const *)right);
    return a < b ? 1 : a > b ? -1 : 0;
}

void bare(void) {
    if (getpid() != 1)
        die(EXIT_USAGE, "serve: --bare is for process 1 of a container only");
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL); /* if it may not, the engine has done so already */
    char *text = read_file("/proc/self/mountinfo");
    size_t count = 0, room = 0;
    char **points = NULL;
    for (char *line = text, *next; *line; line = next) {
        next = strchrnul(line, '\n');
        next += *next ? (*next = 0, 1) : 0;
        char *field = line;
        for (int i = 0; i < 4 && field; i++) /* id, parent, device, root, mount point */
            field = strchr(field, ' ') ? strchr(field, ' ') + 1 : NULL;
        if (!field)
            continue;
        *strchrnul(field, ' ') = 0;
        unescape(field);
        if (!strcmp(field, "/"))
            continue;
        if (count == room && !(points = realloc(points, (room = room * 2 + 64) * sizeof *points)))
            die(EXIT_PROBE, "serve: out of memory");
        points[count++] = field;
    }
    if (count)
        qsort(points, count, sizeof *points, deepest_first);
    for (size_t i = 0; i < count; i++)
        umount2(points[i], MNT_DETACH | UMOUNT_NOFOLLOW);
    free(points);
    free(text);
}
