/* Opens files while a timer interrupts it all the time, as Go's runtime preempts its threads. Exits with 1
 * when a call fails that would not fail without the timer. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

static volatile long rung;
static void ring(int signal) { rung += signal != 0; }

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 100}, {0, 100}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < atoi(argv[argc - 1]) || rung < 100; i++) {
        int fd = open("/etc/passwd", O_RDONLY);
        if (fd < 0)
            return 1;
        close(fd);
    }
    return 0;
}
