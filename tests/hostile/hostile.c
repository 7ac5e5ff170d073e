/* A target that works against its probe. `hostile attack SECONDS` spends its time on every process,
 * descriptor, socket and file that it can see, and so does `hostile prowl SECONDS` without ptrace(2);
 * `hostile signals` sends every signal to everybody, `hostile wait` waits, and each tells what it holds. A
 * line that begins with GAINED is what none of them may ever print: more than they were given. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const sets[] = {"CapPrm", "CapEff", "CapBnd"};
static const char *const spaces[] = {"mnt", "pid", "net", "ipc", "uts", "user", "cgroup"};
static uint64_t own[3];

static int read_file(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = 0;
    return got > 0;
}

static int capabilities(int pid, uint64_t found[3]) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (!read_file(path, text, sizeof text))
        return 0;
    for (int i = 0; i < 3; i++) {
        char *at = strstr(text, sets[i]);
        found[i] = at ? strtoull(at + 7, NULL, 16) : 0;
    }
    return 1;
}

static void check(int pid, const char *how) {
    uint64_t theirs[3];
    if (!capabilities(pid, theirs))
        return;
    for (int i = 0; i < 3; i++)
        if (theirs[i] & ~own[i])
            printf("GAINED %s of process %d (%s): %llx\n", sets[i], pid, how, (unsigned long long)theirs[i]);
}

static void descriptors(int pid) {
    char path[64], name[512], target[4096];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        ssize_t size = readlink(name, target, sizeof target - 1);
        target[size > 0 ? size : 0] = 0;
        if (strstr(target, "seccomp notify"))
            printf("GAINED a listener: %s\n", name);
        int fd = size > 0 && *target == '/' ? open(name, O_RDWR | O_NONBLOCK) : -1;
        if (fd >= 0)
            close(fd);
    }
    if (directory)
        closedir(directory);
}

/* /proc/PID/exe must not lead to a program of the probe's that can be written. */
static void executable(int pid) {
    char path[64], name[256];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t size = readlink(path, name, sizeof name - 1);
    name[size > 0 ? size : 0] = 0;
    int fd = open(path, O_RDWR);
    char magic[4];
    bool ours = !strncmp(name, "/probe", 6) || strstr(name, "memfd:");
    if (fd >= 0 && ours && pread(fd, magic, 4, 0) == 4 && pwrite(fd, magic, 4, 0) == 4)
        printf("GAINED a program: %s, %s\n", path, name);
    if (fd >= 0)
        close(fd);
}

/* A process of another name space would be a way into it. */
static void name_spaces(int pid) {
    char path[64], here[64], there[64];
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
        ssize_t size = readlink(path, here, sizeof here - 1);
        here[size > 0 ? size : 0] = 0;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, spaces[i]);
        size = readlink(path, there, sizeof there - 1);
        there[size > 0 ? size : 0] = 0;
        if (size > 0 && strcmp(here, there))
            printf("GAINED a name space: %s, %s\n", path, there);
    }
}

static void processes(int number, bool tracing) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        int pid = atoi(entry->d_name);
        if (pid <= 0 || pid == getpid())
            continue;
        if (number) {
            kill(pid, number);
            continue;
        }
        check(pid, "seen");
        if (tracing && ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
            check(pid, "seized");
            ptrace(PTRACE_INTERRUPT, pid, 0, 0);
            for (int tries = 0; tries < 100 && waitpid(pid, NULL, __WALL | WNOHANG) == 0; tries++)
                usleep(100);
            check(pid, "stopped");
            ptrace(PTRACE_DETACH, pid, 0, 0);
        }
        descriptors(pid);
        executable(pid);
        name_spaces(pid);
    }
    if (proc)
        closedir(proc);
}

static void sockets(void) {
    FILE *table = fopen("/proc/net/unix", "r");
    char line[1024], name[512];
    while (table && fgets(line, sizeof line, table)) {
        if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %511s", name) != 1)
            continue;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t size = strnlen(name, sizeof address.sun_path - 1);
        memcpy(address.sun_path, name, size);
        if (*name == '@')
            address.sun_path[0] = 0;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (strstr(name, "tracewhale") &&
            connect(fd, (void *)&address, offsetof(struct sockaddr_un, sun_path) + size) == 0)
            printf("GAINED a socket: %s\n", name);
        close(fd);
    }
    if (table)
        fclose(table);
}

/* Puts this very program in the place of each file of the probe's, or a link, or nothing. */
static void files(const char *directory, int how) {
    char path[512], other[600];
    DIR *ours = opendir(directory);
    for (struct dirent *entry; ours && (entry = readdir(ours));) {
        if (*entry->d_name == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        snprintf(other, sizeof other, "%s.new", path);
        int in = open("/proc/self/exe", O_RDONLY),
            out = open(how ? other : path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
        char bytes[65536];
        for (ssize_t got; out >= 0 && (got = read(in, bytes, sizeof bytes)) > 0;)
            if (write(out, bytes, got) < 0)
                break;
        close(in);
        close(out);
        if (how == 1)
            rename(other, path);
        if (how == 2 && unlink(path) == 0 && symlink(other, path) < 0)
            perror(path);
    }
    if (ours)
        closedir(ours);
}

static void attack(int seconds, bool tracing) {
    time_t until = time(NULL) + seconds;
    for (int round = 0; time(NULL) < until; round++) {
        processes(0, tracing);
        if (round % 10 == 0)
            sockets();
        files("/.tracewhale", round % 3);
    }
}

static void signals(void) {
    for (int number = 1; number < 65; number++) {
        if (number == SIGCHLD)
            continue;
        processes(number, false);
        if (kill(-1, number) < 0 && errno != ESRCH && errno != EINVAL)
            printf("kill(-1, %d): %s\n", number, strerror(errno));
    }
    printf("alone: %s\n", kill(-1, SIGTERM) < 0 ? strerror(errno) : "no");
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    capabilities(getpid(), own);
    if (argc > 2 && (!strcmp(argv[1], "attack") || !strcmp(argv[1], "prowl")))
        attack(atoi(argv[2]), !strcmp(argv[1], "attack"));
    else if (argc > 1 && !strcmp(argv[1], "signals"))
        signals();
    /* A health check's output is shown to nobody: it leaves it to the next "look". */
    bool unheard = argc > 1 && !strcmp(argv[1], "check");
    FILE *out = unheard ? fopen("/checked", "w") : stdout;
    if (!out)
        return 1;
    fprintf(out, "%s %llx %llx %llx\n", argc > 1 ? argv[1] : "executed", (unsigned long long)own[0],
            (unsigned long long)own[1], (unsigned long long)own[2]);
    if (unheard)
        return fclose(out) != 0;
    FILE *checked = argc > 1 && !strcmp(argv[1], "look") ? fopen("/checked", "r") : NULL;
    for (int byte; checked && (byte = getc(checked)) != EOF;)
        putchar(byte);
    int fd = open("/etc/hostname", O_RDONLY);
    printf("open: %s\n", fd < 0 ? strerror(errno) : "done");
    while (argc > 1 && !strcmp(argv[1], "wait"))
        pause();
    return 0;
}
