/* The subcommands. To add one, add its row here and its files in a folder of their own. */
#ifndef MAIN_H
#define MAIN_H

#define SUBCOMMANDS(ROW)                                                                                     \
    ROW(agent)                                                                                               \
    ROW(ebpf)                                                                                                \
    ROW(fanotify)                                                                                            \
    ROW(init)                                                                                                \
    ROW(sandbox)                                                                                             \
    ROW(serve)

/* NAME_main() runs a subcommand. argv starts after the subcommand's name; the result is the exit status. */
#define DECLARE(name) int name##_main(char **argv);
SUBCOMMANDS(DECLARE)
#undef DECLARE

#endif
