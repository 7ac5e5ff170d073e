/* Paths at the edges of memory: before an unmapped page, across two pages, without an end, at NULL. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    struct stat status;
    char *memory = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory + 3 * 4096, 4096);
    char *end = memory + 3 * 4096;

    static const char last[] = "/edge/last-in-the-page";
    stat(memcpy(end - sizeof last, last, sizeof last), &status);

    static const char across[] = "/edge/across-two-pages";
    stat(memcpy(memory + 4096 - 9, across, sizeof across), &status);

    char *dots = end - 4000; /* long, across no readable neighbour */
    memset(dots, '/', 4000);
    static const char far[] = "edge/after-many-slashes";
    memcpy(end - sizeof far, far, sizeof far);
    stat(dots, &status);

    memset(end - 16, 'x', 16); /* no NUL before the hole */
    if (stat(end - 16, &status) == 0 || errno != EFAULT)
        return 1;
    if (stat(NULL, &status) == 0 || errno != EFAULT)
        return 2;
    memset(memory, '/', 2 * 4096);
    if (stat(memory, &status) == 0 || errno != ENAMETOOLONG)
        return 3;
    return 0;
}
