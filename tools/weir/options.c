#include "options.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Weir, an HTTP server for Linux.\n"
    "\n"
    "  weir serve FOLDER [options]     serve the files of a folder\n"
    "  weir --help, weir --version\n"
    "\n"
    "Options of serve:\n"
    "  --listen ADDRESS   where to listen, several times if you like:\n"
    "                       127.0.0.1:8080  this machine only (the default)\n"
    "                       :8080           every address of this machine\n"
    "                       [::1]:8080      IPv6, in brackets\n"
    "                       unix:/run/weir.sock\n"
    "                     Port 0 takes a free one.\n"
    "  --port N           short for --listen 127.0.0.1:N\n"
    "  --plugin ROUTE=FILE[:CONFIG]\n"
    "                     mount the handler plugin FILE (a shared object), may be given\n"
    "                     several times. ROUTE is /path and all below it, =/path alone,\n"
    "                     or either with a host in front: example.org/path. CONFIG is\n"
    "                     a JSON object: --plugin /a=./a.so:'{\"key\": 1}'\n"
    "  --threads N        threads of each plugin that runs in threads (default: 8)\n"
    "  --queue N          requests that may wait for them (default: 1024)\n"
    "  --loops N          event loops, a thread each (default: one a processor)\n"
    "  --quiet            no access log, no greeting; only warnings and errors\n"
    "  --ready-fd N       when connections are accepted, write the addresses to file\n"
    "                     descriptor N, one a line (127.0.0.1:34567), and close it\n"
    "\n"
    "A folder is answered with its index.html. Names that begin with a dot are not\n"
    "served, except .well-known. The access log goes to standard output, everything\n"
    "else to standard error. Ctrl-C (SIGINT) or SIGTERM lets what is in flight finish,\n"
    "for ten seconds at most; a second one ends at once.\n"
    "\n"
    "Examples:\n"
    "  weir serve ./site\n"
    "  weir serve ./site --plugin /hello=./hello.so\n"
    "  weir serve ./site --listen :80 --listen unix:/run/weir.sock > access.log\n"
    "\n"
    "The manual: man weir. Exit status: 0 after a stop, 1 when it cannot serve, 2 for a\n"
    "command line that is not understood.\n";

void options_print_help(void)
{
    fputs(help, stdout);
}

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

enum option { LISTEN, PORT, PLUGIN, LOOPS, THREADS, QUEUE, QUIET, READY_FD, OPTIONS };

static const struct {
    const char *name;
    bool takes_value;
} options[OPTIONS] = {
    [LISTEN] = {"--listen", true}, [PORT] = {"--port", true},         [PLUGIN] = {"--plugin", true},
    [LOOPS] = {"--loops", true},   [THREADS] = {"--threads", true},   [QUEUE] = {"--queue", true},
    [QUIET] = {"--quiet", false},  [READY_FD] = {"--ready-fd", true},
};

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

static enum command unknown_option(const char *text)
{
    int best = 0;

    for (int i = 1; i < OPTIONS; i++)
        if (distance(text, options[i].name) < distance(text, options[best].name))
            best = i;
    if (distance(text, options[best].name) <= 3)
        return bad("unknown option %s, did you mean %s?", text, options[best].name);
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

void options_free(struct options *o)
{
    for (int i = 0; i < o->plugins_n; i++) {
        free(o->plugins[i].route);
        free(o->plugins[i].file);
    }
    o->plugins_n = 0;
}

static enum command apply(enum option option, const char *value, struct options *out)
{
    static char addresses[LISTEN_MAX][sizeof "127.0.0.1:65535"]; /* of --port; as long as argv */
    static int addresses_n;
    uint32_t number;

    switch (option) {
    case LISTEN:
        return add_address(out, value);
    case PORT:
        if (!parse_number(value, 65535, &number))
            return bad("--port %s: expected a number from 0 to 65535", value);
        if (addresses_n == LISTEN_MAX)
            return bad("--port is given more than %d times", LISTEN_MAX);
        snprintf(addresses[addresses_n], sizeof addresses[0], "127.0.0.1:%u",
                 (unsigned)(uint16_t)number);
        return add_address(out, addresses[addresses_n++]);
    case LOOPS:
        if (!parse_number(value, 1024, &out->loops) || out->loops == 0)
            return bad("--loops %s: expected a number from 1 to 1024", value);
        break;
    case PLUGIN:
        return add_plugin(out, value);
    case THREADS:
        if (!parse_number(value, 1024, &out->threads) || out->threads == 0)
            return bad("--threads %s: expected a number from 1 to 1024", value);
        break;
    case QUEUE:
        if (!parse_number(value, 1000000, &out->queue) || out->queue == 0)
            return bad("--queue %s: expected a number from 1 to 1000000", value);
        break;
    case QUIET:
        out->is_quiet = true;
        break;
    case READY_FD:
        if (!parse_number(value, 65535, &number))
            return bad("--ready-fd %s: expected the number of a file descriptor", value);
        if (fcntl((int)number, F_GETFD) < 0)
            return bad("--ready-fd %s: this descriptor is not open; in a shell: %s> file", value,
                       value);
        out->ready_fd = (int)number;
        break;
    case OPTIONS:
        break;
    }
    return COMMAND_SERVE;
}

/* One option at argv[*i], "--name value" or "--name=value"; *i moves past its value. */
static enum command parse_option(int argc, char **argv, int *i, struct options *out)
{
    char *text = argv[*i], *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : strlen(text);

    for (int o = 0; o < OPTIONS; o++) {
        if (strlen(options[o].name) != n || memcmp(text, options[o].name, n) != 0)
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
    return unknown_option(text);
}

static enum command parse_serve(int argc, char **argv, struct options *out)
{
    bool has_options = true;

    for (int i = 2; i < argc; i++) {
        if (has_options && strcmp(argv[i], "--") == 0) {
            has_options = false;
        } else if (has_options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            return COMMAND_HELP;
        } else if (has_options && argv[i][0] == '-' && argv[i][1]) {
            if (parse_option(argc, argv, &i, out) == COMMAND_BAD)
                return COMMAND_BAD;
        } else if (out->folder) {
            return bad("serve takes one folder, and there are %s and %s", out->folder, argv[i]);
        } else {
            out->folder = argv[i];
        }
    }
    if (!out->folder)
        return bad("serve needs a folder, as in: weir serve ./site");
    if (out->listen_n == 0)
        out->listen[out->listen_n++] = "127.0.0.1:8080";
    return COMMAND_SERVE;
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
        return parse_serve(argc, argv, out);
    return bad("unknown command %s; to serve a folder: weir serve %s", argv[1],
               argv[1][0] == '-' ? "./site" : argv[1]);
}
