/* The probe: one static binary, which traces the processes of a container and reads its files. */
#include "main.h"

#include <string.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv) {
#define COMMAND(name) {#name, name##_main},
#define USAGE(name) " " #name
    static const struct {
        const char *name;
        int (*run)(char **argv);
    } commands[] = {SUBCOMMANDS(COMMAND)};
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argv + 2);
    die(EXIT_USAGE, "usage: probe SUBCOMMAND ...; SUBCOMMAND is one of" SUBCOMMANDS(USAGE));
}
