#include "advice.h"

#include <stdbool.h>
#include <string.h>

#include "say.h"

static bool says(const char *text, const char *words)
{
    return strstr(text, words) != NULL;
}

/* Of the configuration, a page, or a plugin. */
static const char *for_file(int32_t error)
{
    switch (error) {
    case WEIR_EACCES:
        return "; this user may not read it";
    case WEIR_ENOENT:
        return "; check the path";
    default:
        return "";
    }
}

static const char *without_right(const char *text)
{
    if (says(text, "cannot listen on unix:"))
        return "; this user may not make a socket there";
    if (says(text, "cannot listen on "))
        return "; a port below 1024 wants root, or once: setcap cap_net_bind_service=+ep "
               "$(command -v weir), or take another with --port 8080";
    if (says(text, "cannot open the log "))
        return "; this user may not write it";
    return says(text, "cannot serve ") ? "; this user may not enter it" : "";
}

static bool is_of_configuration(const char *text, const char *file)
{
    size_t n = file ? strlen(file) : 0;

    return n > 0 && strncmp(text, file, n) == 0 && strncmp(text + n, ": ", 2) == 0;
}

/* Where the error alone does not say so. */
static const char *advice_for(int32_t error, const char *text, const struct options *o)
{
    if (says(text, "cannot load ") || says(text, " as an error page: ") ||
        is_of_configuration(text, o->config_file))
        return for_file(error);
    switch (error) {
    case WEIR_EADDRINUSE:
        return "; another program has it: stop that, or choose another with --listen or --port "
               "(--port 0 takes a free one)";
    case WEIR_EACCES:
        return without_right(text);
    case WEIR_ENOENT:
        return "; check the path, or make the folder first";
    case WEIR_ENOTDIR:
        return "; name the folder that it lies in";
    case WEIR_EADDRNOTAVAIL:
        return "; ip addr lists this machine's addresses";
    default:
        return "";
    }
}

void advise(const weir_server *s, int32_t error, const struct options *o)
{
    const char *text = weir_server_error(s);

    /* Of several errors the number is that of one of them: who knows of which. */
    say_lines(o->config_file, text, strchr(text, '\n') ? "" : advice_for(error, text, o));
}
