#include "configure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "say.h"

#define ADDRESS_USUAL "127.0.0.1:8080"

/* A text as JSON writes it, malloc'ed; NULL: no memory. */
static char *quote(const char *text)
{
    char *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);

    if (!f)
        return NULL;
    putc('"', f);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < ' ')
            fprintf(f, "\\u%04x", *p);
        else if (*p == '"' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else
            putc(*p, f);
    }
    putc('"', f);
    if (fclose(f) == 0)
        return out;
    free(out);
    return NULL;
}

static int32_t set_quoted(weir_server *s, const char *key, const char *text)
{
    char *json = quote(text);
    int32_t error = json ? weir_server_set(s, key, json) : WEIR_ENOMEM;

    free(json);
    return error;
}

/* Does it begin as JSON does? If not, whoever wrote it meant a text. */
static bool looks_like_json(const char *text)
{
    static const char *const words[] = {"true", "false", "null"};

    text += strspn(text, " \t\r\n");
    if (*text && strchr("{[\"-0123456789", *text))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* JSON, or a text where the key wants one: --set log.level=warning, --set user=1000. */
static int32_t set_one(weir_server *s, const struct set_option *set)
{
    int32_t error = weir_server_set(s, set->key, set->value);

    if (error == 0 || set->value[0] == '"') /* who quotes a text means JSON */
        return error;
    if (set_quoted(s, set->key, set->value) == 0)
        return 0;
    /* The error of the second try stands; that of the first says more about what is JSON. */
    return looks_like_json(set->value) ? weir_server_set(s, set->key, set->value) : error;
}

static void explain_set(const weir_server *s, const struct set_option *set)
{
    const char *why = weir_server_error(s), *more = "";

    if (!looks_like_json(set->value) || strstr(why, "expected a value in JSON"))
        more = "; a value is JSON, which a shell wants in quotes: "
               "--set listen='[\":80\"]' --set log.file='\"/x\"'";
    for (size_t n; (n = strcspn(why, "\n"), *why); why += n + (why[n] == '\n')) {
        bool names_key = strncmp(why, set->key, strlen(set->key)) == 0;

        say("--set %s%s%.*s%s", names_key ? "" : set->key, names_key ? "" : ": ", (int)n, why,
            why[n] ? "" : more);
    }
}

static int set_all(weir_server *s, const struct options *o)
{
    for (int i = 0; i < o->sets_n; i++) {
        if (set_one(s, &o->sets[i]) == 0)
            continue;
        explain_set(s, &o->sets[i]);
        return EXIT_LINE;
    }
    return EXIT_SUCCESS;
}

int configure_file(weir_server *s, const struct options *o)
{
    int status = set_all(s, o);
    int32_t error = 0;

    if (status != EXIT_SUCCESS)
        return status;
    if (o->config_file)
        error = weir_server_configure_file(s, o->config_file);
    if (error < 0)
        advise(s, error, o);
    return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool sets_listen(const struct options *o)
{
    for (int i = 0; i < o->sets_n; i++)
        if (strcmp(o->sets[i].key, "listen") == 0)
            return true;
    return false;
}

/* Options of the command line replace what the file says, but for what is set by name as well. */
static int32_t set_addresses(weir_server *s, const struct options *o, bool has_sockets)
{
    int32_t error = 0;

    if (o->listen_n > 0 && o->config_file && !sets_listen(o))
        error = weir_server_set(s, "listen", "[]");
    for (int i = 0; i < o->listen_n && error == 0; i++)
        error = weir_server_listen(s, o->listen[i]);
    if (error == 0 && o->listen_n == 0 && !o->config_file && !has_sockets && !sets_listen(o))
        error = weir_server_listen(s, ADDRESS_USUAL);
    return error;
}

static int32_t set_keys(weir_server *s, const struct options *o)
{
    int32_t error = 0;

    if (o->loops)
        error = weir_server_set(s, "loops", o->loops);
    if (error == 0 && o->threads)
        error = weir_server_set(s, "threads", o->threads);
    if (error == 0 && o->queue)
        error = weir_server_set(s, "queue", o->queue);
    if (error == 0 && o->user)
        error = set_quoted(s, "user", o->user);
    return error;
}

/* The message of an option has no use for the place in a text that nobody has written. */
static void explain_fallback(const weir_server *s, const char *fallback)
{
    static const char place[] = "/fallback: ";
    const char *why = weir_server_error(s), *behind = strstr(why, place);

    say("--fallback %s: %s", fallback, behind ? behind + strlen(place) : why);
}

static int set_folder_options(weir_server *s, const struct options *o)
{
    char *fallback = o->fallback ? quote(o->fallback) : NULL, *json = NULL;
    int32_t error = WEIR_ENOMEM;

    if ((o->fallback && !fallback) ||
        asprintf(&json, "{\"listing\": %s, \"fallback\": %s}", o->has_listing ? "true" : "false",
                 fallback ? fallback : "null") < 0)
        say("out of memory");
    else
        error = weir_server_set_folder_options(s, json);
    if (error == WEIR_ECONFIG)
        explain_fallback(s, o->fallback);
    free(fallback);
    free(json);
    if (error == 0)
        return EXIT_SUCCESS;
    return error == WEIR_ECONFIG ? EXIT_LINE : EXIT_FAILURE;
}

static int32_t set_what(weir_server *s, const struct options *o)
{
    int32_t error = o->folder ? weir_server_set_folder(s, o->folder) : 0;

    for (int i = 0; i < o->plugins_n && error == 0; i++)
        error = weir_server_mount_file(s, o->plugins[i].route, o->plugins[i].file,
                                       o->plugins[i].config);
    return error;
}

static int32_t set_logs(weir_server *s, const struct options *o)
{
    int32_t error =
        weir_server_set_log_fd(s, o->is_quiet ? WEIR_LOG_WARN : WEIR_LOG_INFO, STDERR_FILENO);

    if (error == 0 && !o->is_quiet)
        error = weir_server_set_access_log_fd(s, STDOUT_FILENO);
    return error;
}

int configure_all(weir_server *s, const struct options *o, bool has_sockets)
{
    int status = configure_file(s, o);
    int32_t error = 0;

    if (status == EXIT_SUCCESS)
        status = set_folder_options(s, o);
    if (status != EXIT_SUCCESS)
        return status;
    error = set_logs(s, o);
    if (error == 0)
        error = set_what(s, o);
    if (error == 0)
        error = set_keys(s, o);
    if (error == 0)
        error = set_addresses(s, o, has_sockets);
    if (error < 0)
        advise(s, error, o);
    return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
