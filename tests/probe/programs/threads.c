/* Threads that change the working directory of one another, of themselves alone, and one that executes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *self;

static void *shared(void *directory) {
    struct stat status;
    if (chdir(directory) < 0 || stat("in-the-shared", &status) == 0)
        exit(1);
    return NULL;
}

static void *alone(void *directory) {
    struct stat status;
    if (unshare(CLONE_FS) < 0 || chdir(directory) < 0 || stat("in-its-own", &status) == 0)
        exit(2);
    return NULL;
}

static void *executes(void *unused) {
    (void)unused;
    execl(self, self, "second", (char *)NULL);
    exit(3);
}

static void run(void *(*work)(void *), void *argument) {
    pthread_t thread;
    pthread_create(&thread, NULL, work, argument);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv) {
    struct stat status;
    if (argc == 2 && !strcmp(argv[1], "second"))
        return stat("/asked/after-the-exec", &status) == 0;
    self = argv[1];
    run(shared, "/usr");
    stat("from-the-first", &status);
    run(alone, "/etc");
    stat("still-from-the-first", &status);
    run(executes, NULL);
    return 4;
}
