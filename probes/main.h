#ifndef MAIN_H
#define MAIN_H

/* The subcommands. argv starts behind the subcommand's name; the result is the exit status. */
int agent_main(char **argv);
int ebpf_main(char **argv);
int fanotify_main(char **argv);
int init_main(char **argv);
int serve_main(char **argv);
int sandbox_main(char **argv);

#endif
