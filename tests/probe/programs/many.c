/* many same N: asks N times for one path. many other N: asks for N paths. many crash N: that, and a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int main(int argc, char **argv) {
    struct stat status;
    for (int i = 0; i < atoi(argv[argc - 1]); i++) {
        char path[64];
        snprintf(path, sizeof path, "/many/%d", argv[1][0] == 's' ? 0 : i);
        stat(path, &status);
    }
    if (argv[1][0] == 'c')
        __builtin_trap();
    return 0;
}
