/* A 32-bit program of system calls only: the numbers of i386 are other ones, and sockets have but one call.
 */
static int call(int number, const void *a, const void *b, const void *c) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

enum { EXIT = 1, OPEN = 5, LINK = 9, MOUNT = 21, SOCKETCALL = 102, STAT64 = 195, OPENAT = 295, CLONE3 = 435 };

static char status[256];
static const struct {
    unsigned short family;
    char path[32];
} address = {1, "/narrow/socket"};

void _start(void) {
    static const char *const arguments[] = {0, 0, 0};
    call(OPEN, "/narrow/open", 0, 0);
    call(OPENAT, (void *)-100, "narrow/openat", 0);
    call(STAT64, "/narrow/stat64", status, 0);
    call(LINK, "/narrow/from", "/narrow/to", 0);
    int fd = call(SOCKETCALL, (void *)1, (const int[]){1, 1, 0}, 0);
    call(SOCKETCALL, (void *)3, (const int[]){fd, (int)&address, sizeof address}, 0);
    int denied = call(MOUNT, "none", "/narrow/mount", 0) == -1;
    int absent = call(CLONE3, arguments, 0, 0) == -38;
    call(EXIT, (void *)(denied + 2 * absent), 0, 0);
    __builtin_unreachable();
}
