#include "options.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2))) static enum command bad(const char *fmt, ...)
{
    va_list ap;

    fputs("weir: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs(" (weir --help lists what there is)\n", stderr);
    return COMMAND_BAD;
}

/* Decimal, no sign, at most `max`. */
static bool parse_number(const char *text, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > max)
            return false;
    }
    *out = (uint32_t)value;
    return true;
}

enum option {
    LISTEN,
    PORT,
    PLUGIN,
    LOOPS,
    THREADS,
    QUEUE,
    USER,
    CONFIG,
    SET,
    LISTING,
    FALLBACK,
    QUIET,
    READY_FD,
    DEFAULTS,
    EFFECTIVE,
    SCHEMA,
    ROUTE,
    PLUGIN_CONFIG,
    VERBOSE,
    OPTIONS
};

#define OF_SERVE  (1U << COMMAND_SERVE)
#define OF_CHECK  (1U << COMMAND_CHECK)
#define OF_CONFIG (1U << COMMAND_CONFIG)
#define OF_LINT   (1U << COMMAND_LINT)

static const struct {
    const char *name;
    bool takes_value;
    unsigned commands; /* that know it */
} options[OPTIONS] = {
    [LISTEN] = {"--listen", true, OF_SERVE},
    [PORT] = {"--port", true, OF_SERVE},
    [PLUGIN] = {"--plugin", true, OF_SERVE},
    [LOOPS] = {"--loops", true, OF_SERVE},
    [THREADS] = {"--threads", true, OF_SERVE},
    [QUEUE] = {"--queue", true, OF_SERVE},
    [USER] = {"--user", true, OF_SERVE},
    [CONFIG] = {"--config", true, OF_SERVE},
    [SET] = {"--set", true, OF_SERVE | OF_CHECK | OF_CONFIG},
    [LISTING] = {"--listing", false, OF_SERVE},
    [FALLBACK] = {"--fallback", true, OF_SERVE},
    [QUIET] = {"--quiet", false, OF_SERVE},
    [READY_FD] = {"--ready-fd", true, OF_SERVE},
    [DEFAULTS] = {"--defaults", false, OF_CONFIG},
    [EFFECTIVE] = {"--effective", true, OF_CONFIG},
    [SCHEMA] = {"--schema", false, OF_CONFIG},
    [ROUTE] = {"--route", true, OF_LINT},
    [PLUGIN_CONFIG] = {"--config", true, OF_LINT},
    [VERBOSE] = {"--verbose", false, OF_LINT},
};

static bool is_of(int option, enum command command)
{
    return options[option].commands & (1U << command);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, delete, change, or swap with their neighbour to get from a to b: small for a
 * slip of the finger. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 24 };
    size_t d[MAX + 1][MAX + 1], n = strlen(a), m = strlen(b);

    if (n > MAX || m > MAX)
        return MAX;
    for (size_t i = 0; i <= n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            d[i][j] = least(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
                            least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n][m];
}

static enum command unknown_option(const char *text, enum command command)
{
    const char *best = NULL;

    for (int i = 0; i < OPTIONS; i++)
        if (is_of(i, command) && (!best || distance(text, options[i].name) < distance(text, best)))
            best = options[i].name;
    if (best && distance(text, best) <= 3)
        return bad("unknown option %s, did you mean %s?", text, best);
    return bad("unknown option %s", text);
}

static enum command add_address(struct options *out, const char *address)
{
    if (out->listen_n == LISTEN_MAX)
        return bad("--listen is given more than %d times", LISTEN_MAX);
    out->listen[out->listen_n++] = address;
    return COMMAND_SERVE;
}

/* Where the configuration begins: at a ':' with an object behind it; NULL: there is none. */
static char *find_config(char *text)
{
    for (char *p = strchr(text, ':'); p; p = strchr(p + 1, ':'))
        if (p[1 + strspn(p + 1, " \t\r\n")] == '{')
            return p;
    return NULL;
}

/* ROUTE=FILE[:CONFIG]; the '=' of an exact route stands in front. */
static enum command add_plugin(struct options *out, const char *value)
{
    struct plugin_option *p = &out->plugins[out->plugins_n];
    const char *equals = strchr(value + (value[0] == '='), '=');
    char *colon;

    if (!equals || equals == value || !equals[1])
        return bad("--plugin %s: expected ROUTE=FILE, as in --plugin /hello=./hello.so", value);
    if (out->plugins_n == PLUGINS_MAX)
        return bad("--plugin is given more than %d times", PLUGINS_MAX);
    p->route = strndup(value, (size_t)(equals - value));
    p->file = strdup(equals + 1);
    out->plugins_n++; /* also to be freed when one is missing */
    if (!p->route || !p->file)
        return bad("out of memory");
    colon = find_config(p->file);
    if (colon) {
        *colon = '\0';
        p->config = colon + 1;
    } else if (strchr(p->file, ':') && access(p->file, F_OK) < 0) {
        return bad("--plugin %s: expected a JSON object behind the ':', as in "
                   "--plugin /a=./a.so:'{\"key\": 1}'",
                   value);
    }
    return COMMAND_SERVE;
}

/* KEY=VALUE */
static enum command add_set(struct options *out, const char *text)
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text)
        return bad("--set %s: expected KEY=VALUE, as in --set log.level=warning", text);
    if (out->sets_n == SETS_MAX)
        return bad("--set is given more than %d times", SETS_MAX);
    out->sets[out->sets_n].value = equals + 1;
    out->sets[out->sets_n].key = strndup(text, (size_t)(equals - text));
    if (!out->sets[out->sets_n++].key)
        return bad("out of memory");
    return COMMAND_SERVE;
}

void options_free(struct options *o)
{
    for (int i = 0; i < o->plugins_n; i++) {
        free(o->plugins[i].route);
        free(o->plugins[i].file);
    }
    for (int i = 0; i < o->sets_n; i++)
        free(o->sets[i].key);
    o->plugins_n = o->sets_n = 0;
}

static enum command add_port(struct options *out, const char *value)
{
    static char addresses[LISTEN_MAX][sizeof "127.0.0.1:65535"]; /* as long as argv */
    static int addresses_n;
    uint32_t number;

    if (!parse_number(value, 65535, &number))
        return bad("--port %s: expected a number from 0 to 65535", value);
    if (addresses_n == LISTEN_MAX)
        return bad("--port is given more than %d times", LISTEN_MAX);
    snprintf(addresses[addresses_n], sizeof addresses[0], "127.0.0.1:%u",
             (unsigned)(uint16_t)number);
    return add_address(out, addresses[addresses_n++]);
}

static enum command set_ready_fd(struct options *out, const char *value)
{
    uint32_t number;

    if (!parse_number(value, 65535, &number))
        return bad("--ready-fd %s: expected the number of a file descriptor", value);
    if (fcntl((int)number, F_GETFD) < 0)
        return bad("--ready-fd %s: this descriptor is not open; in a shell: %s> file", value,
                   value);
    out->ready_fd = (int)number;
    return COMMAND_SERVE;
}

/* A number from 1 to `max`, kept as it was written: the configuration takes it so. */
static enum command set_count(const char *name, const char *value, uint32_t max, const char **out)
{
    uint32_t number;

    if (!parse_number(value, max, &number) || number == 0)
        return bad("%s %s: expected a number from 1 to %u", name, value, (unsigned)max);
    *out = value + strspn(value, "0"); /* JSON has no leading zeros */
    return COMMAND_SERVE;
}

static enum command set_text(struct options *out, enum config_text text)
{
    if (out->text != CONFIG_NONE)
        return bad("config prints one text: one of --defaults, --effective FILE and --schema");
    out->text = text;
    return COMMAND_SERVE;
}

static enum command set_config_file(struct options *out, const char *name, const char *file)
{
    if (out->config_file)
        return bad("%s takes one file, and there are %s and %s", name, out->config_file, file);
    out->config_file = file;
    return COMMAND_SERVE;
}

/* COMMAND_BAD, or another: it was understood. */
static enum command apply(enum option option, const char *value, struct options *out)
{
    switch (option) {
    case LISTEN:
        return add_address(out, value);
    case PORT:
        return add_port(out, value);
    case LOOPS:
        return set_count("--loops", value, 1024, &out->loops);
    case PLUGIN:
        return add_plugin(out, value);
    case THREADS:
        return set_count("--threads", value, 1024, &out->threads);
    case QUEUE:
        return set_count("--queue", value, 1000000, &out->queue);
    case USER:
        if (!*value)
            return bad("--user needs the name or number of a user");
        out->user = value;
        break;
    case CONFIG:
        return set_config_file(out, "--config", value);
    case SET:
        return add_set(out, value);
    case LISTING:
        out->has_listing = true;
        break;
    case FALLBACK:
        if (out->fallback)
            return bad("--fallback takes one path, and there are %s and %s", out->fallback, value);
        out->fallback = value;
        break;
    case QUIET:
        out->is_quiet = true;
        break;
    case READY_FD:
        return set_ready_fd(out, value);
    case DEFAULTS:
        return set_text(out, CONFIG_DEFAULTS);
    case EFFECTIVE:
        if (set_text(out, CONFIG_EFFECTIVE) == COMMAND_BAD)
            return COMMAND_BAD;
        return set_config_file(out, "config --effective", value);
    case SCHEMA:
        return set_text(out, CONFIG_SCHEMA);
    case ROUTE:
        if (value[strspn(value, "=")] != '/')
            return bad("--route %s: expected a path, as in /hello", value);
        out->route = value;
        break;
    case PLUGIN_CONFIG:
        out->plugin_config = value;
        break;
    case VERBOSE:
        out->is_verbose = true;
        break;
    case OPTIONS:
        break;
    }
    return COMMAND_SERVE;
}

/* One option at argv[*i], "--name value" or "--name=value"; *i moves past its value. */
static enum command parse_option(enum command command, int argc, char **argv, int *i,
                                 struct options *out)
{
    char *text = argv[*i], *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : strlen(text);

    for (int o = 0; o < OPTIONS; o++) {
        if (!is_of(o, command) || strlen(options[o].name) != n ||
            memcmp(text, options[o].name, n) != 0)
            continue;
        if (!options[o].takes_value)
            return equals ? bad("%s takes no value", options[o].name)
                          : apply((enum option)o, "", out);
        if (equals)
            return apply((enum option)o, equals + 1, out);
        if (*i + 1 == argc)
            return bad("%s needs a value", options[o].name);
        return apply((enum option)o, argv[++*i], out);
    }
    return unknown_option(text, command);
}

/* The plugin; then METHOD TARGET. */
static enum command add_lint_word(const char *word, struct options *out)
{
    if (!out->plugin_file) {
        out->plugin_file = word;
    } else {
        if (out->words_n == WORDS_MAX)
            return bad("lint takes %d requests at most", WORDS_MAX / 2);
        out->words[out->words_n++] = word;
    }
    return COMMAND_LINT;
}

/* A word that belongs to no option. */
static enum command add_word(enum command command, const char *word, struct options *out)
{
    if (command == COMMAND_LINT)
        return add_lint_word(word, out);
    if (command == COMMAND_CHECK)
        return set_config_file(out, "check", word);
    if (command == COMMAND_CONFIG)
        return bad("config does not take %s; to print what holds with a file: "
                   "weir config --effective %s",
                   word, word);
    if (out->folder)
        return bad("serve takes one folder, and there are %s and %s", out->folder, word);
    out->folder = word;
    return command;
}

/* What the command needs is there. */
static enum command complete(enum command command, const struct options *o)
{
    switch (command) {
    case COMMAND_CHECK:
        if (!o->config_file)
            return bad("check needs a file, as in: weir check weir.json");
        break;
    case COMMAND_CONFIG:
        if (o->text == CONFIG_NONE)
            return bad("config needs one of --defaults, --effective FILE and --schema");
        if (o->sets_n > 0 && o->text != CONFIG_EFFECTIVE)
            return bad("--set goes with config --effective FILE alone");
        break;
    case COMMAND_LINT:
        if (!o->plugin_file)
            return bad("lint needs a plugin, as in: weir lint ./hello.so");
        if (o->words_n % 2 != 0)
            return bad("%s needs a target, as in: weir lint ./hello.so GET /",
                       o->words[o->words_n - 1]);
        break;
    default:
        if (!o->folder && !o->config_file)
            return bad("serve needs a folder, as in: weir serve ./site, or a configuration: "
                       "weir --config weir.json");
        if (!o->folder && (o->has_listing || o->fallback))
            return bad("%s is of the folder of the command line; in a configuration it is a key of "
                       "a route: \"%s\"",
                       o->has_listing ? "--listing" : "--fallback",
                       o->has_listing ? "listing" : "fallback");
    }
    return command;
}

static enum command parse_words(enum command command, int argc, char **argv, int begin,
                                struct options *out)
{
    bool has_options = true;

    for (int i = begin; i < argc; i++) {
        if (has_options && strcmp(argv[i], "--") == 0) {
            has_options = false;
        } else if (has_options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            return COMMAND_HELP;
        } else if (has_options && argv[i][0] == '-' && argv[i][1]) {
            if (parse_option(command, argc, argv, &i, out) == COMMAND_BAD)
                return COMMAND_BAD;
        } else if (add_word(command, argv[i], out) == COMMAND_BAD) {
            return COMMAND_BAD;
        }
    }
    return complete(command, out);
}

enum command options_parse(int argc, char **argv, struct options *out)
{
    *out = (struct options){.ready_fd = -1};
    if (argc < 2)
        return bad("what shall I do? To serve a folder: weir serve ./site");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return COMMAND_HELP;
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return COMMAND_VERSION;
    if (strcmp(argv[1], "serve") == 0)
        return parse_words(COMMAND_SERVE, argc, argv, 2, out);
    if (strcmp(argv[1], "check") == 0)
        return parse_words(COMMAND_CHECK, argc, argv, 2, out);
    if (strcmp(argv[1], "config") == 0)
        return parse_words(COMMAND_CONFIG, argc, argv, 2, out);
    if (strcmp(argv[1], "lint") == 0)
        return parse_words(COMMAND_LINT, argc, argv, 2, out);
    if (argv[1][0] == '-' && argv[1][1]) /* weir --config FILE */
        return parse_words(COMMAND_SERVE, argc, argv, 1, out);
    return bad("unknown command %s; to serve a folder: weir serve %s", argv[1], argv[1]);
}
