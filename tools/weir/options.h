/*
 * options.h — the command line of the weir program.
 */
#ifndef WEIR_TOOLS_OPTIONS_H
#define WEIR_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_MAX  64
#define PLUGINS_MAX 200

/* --plugin ROUTE=FILE[:CONFIG]; route and file are malloc'ed, the configuration is behind the file.
 */
struct plugin_option {
    char *route, *file;
    const char *config; /* NULL: none */
};

struct options {
    const char *folder;
    const char *listen[LISTEN_MAX];
    int listen_n;
    struct plugin_option plugins[PLUGINS_MAX];
    int plugins_n;
    uint32_t loops;          /* 0: one a processor */
    uint32_t threads, queue; /* 0: the server's defaults */
    bool is_quiet;
    int ready_fd; /* -1: none */
};

enum command { COMMAND_SERVE, COMMAND_HELP, COMMAND_VERSION, COMMAND_BAD };

/* Reads the command line; COMMAND_BAD has been explained on stderr. */
enum command options_parse(int argc, char **argv, struct options *out);

/* What options_parse() has allocated. */
void options_free(struct options *o);

void options_print_help(void);

#endif
