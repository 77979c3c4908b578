#include "options.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

enum option { LISTEN, PORT, LOOPS, QUIET, READY_FD, OPTIONS };

static const struct {
    const char *name;
    bool takes_value;
} options[OPTIONS] = {
    [LISTEN] = {"--listen", true}, [PORT] = {"--port", true},         [LOOPS] = {"--loops", true},
    [QUIET] = {"--quiet", false},  [READY_FD] = {"--ready-fd", true},
};

/* Letters to insert, delete or change to get from a to b: small for a slip of the finger. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 24 };
    size_t row[MAX + 1], n = strlen(b);

    if (strlen(a) > MAX || n > MAX)
        return MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = change < shorter ? change : shorter;
        }
    }
    return row[n];
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
