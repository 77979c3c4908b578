/*
 * options.h — the command line of the weir program.
 */
#ifndef WEIR_TOOLS_OPTIONS_H
#define WEIR_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_MAX  64
#define PLUGINS_MAX 200
#define SETS_MAX    200
#define WORDS_MAX   200

enum command {
    COMMAND_SERVE,
    COMMAND_CHECK,
    COMMAND_CONFIG,
    COMMAND_LINT,
    COMMAND_HELP,
    COMMAND_VERSION,
    COMMAND_BAD
};

enum config_text { CONFIG_NONE, CONFIG_DEFAULTS, CONFIG_EFFECTIVE, CONFIG_SCHEMA };

/* --plugin ROUTE=FILE[:CONFIG]; route and file are malloc'ed, the configuration is behind the file.
 */
struct plugin_option {
    char *route, *file;
    const char *config; /* NULL: none */
};

/* --set KEY=VALUE; the key is malloc'ed. */
struct set_option {
    char *key;
    const char *value;
};

struct options {
    const char *folder;      /* NULL: none */
    const char *fallback;    /* of the folder; NULL: not given */
    bool has_listing;        /* likewise */
    const char *config_file; /* of serve, check and config --effective; NULL: none */
    const char *listen[LISTEN_MAX];
    int listen_n;
    struct plugin_option plugins[PLUGINS_MAX];
    int plugins_n;
    struct set_option sets[SETS_MAX];
    int sets_n;
    const char *loops, *threads, *queue; /* numbers, as they were written; NULL: not given */
    const char *user;                    /* NULL: not given */
    bool is_quiet;
    bool is_verbose; /* of lint */
    int ready_fd;    /* -1: none */
    enum config_text text;

    /* of lint */
    const char *plugin_file;      /* NULL: not given */
    const char *plugin_config;    /* JSON; NULL: none */
    const char *route;            /* NULL: not given */
    const char *words[WORDS_MAX]; /* METHOD TARGET, in turn */
    int words_n;
};

/* Reads the command line; COMMAND_BAD has been explained on stderr. */
enum command options_parse(int argc, char **argv, struct options *out);

/* What options_parse() has allocated. */
void options_free(struct options *o);

#endif
