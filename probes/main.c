/* The probe: one static binary that is put into a container, to trace there and to read its files. */
#include "main.h"

#include <string.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(char **argv);
    } commands[] = {{"agent", agent_main}, {"ebpf", ebpf_main},   {"fanotify", fanotify_main},
                    {"init", init_main},   {"serve", serve_main}, {"sandbox", sandbox_main}};
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argv + 2);
    fail(EXIT_USAGE, "usage: probe agent|ebpf|fanotify|init|serve|sandbox ...");
}
