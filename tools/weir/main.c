/*
 * main.c — the weir program: the first embedder of libweir; it uses the public interface alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/server.h>

#include "advice.h"
#include "configure.h"
#include "help.h"
#include "lint.h"
#include "options.h"
#include "rights.h"
#include "say.h"
#include "serve.h"

/* Has all that was printed been written? An exit status. */
static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    say("cannot write to standard output: %s", strerrordesc_np(errno));
    return EXIT_FAILURE;
}

/* Does the system know the user that a start would become? */
static int32_t check_user(weir_server *s)
{
    const char *user = weir_server_user(s);
    char why[RIGHTS_WHY_MAX];
    struct identity id;

    if (!user || rights_find(user, &id, why) == 0)
        return 0;
    return weir_server_refuse(s, "user", why);
}

static int check(weir_server *s, const struct options *o)
{
    int status = configure_file(s, o);
    int32_t error, of_user;

    if (status != EXIT_SUCCESS)
        return status;
    error = weir_server_set_log_fd(s, WEIR_LOG_WARN, STDERR_FILENO); /* of keys nobody reads */
    if (error == 0)
        error = weir_server_check(s);
    of_user = check_user(s); /* told together with the others */
    if (error < 0 || of_user < 0) {
        advise(s, error < 0 ? error : of_user, o);
        return EXIT_FAILURE;
    }
    printf("%s: OK\n", o->config_file);
    return finish_output();
}

static int print_config(weir_server *s, const struct options *o)
{
    static const enum weir_describe texts[] = {
        [CONFIG_DEFAULTS] = WEIR_DESCRIBE_DEFAULTS,
        [CONFIG_EFFECTIVE] = WEIR_DESCRIBE_EFFECTIVE,
        [CONFIG_SCHEMA] = WEIR_DESCRIBE_SCHEMA,
    };
    int status = configure_file(s, o);
    char *text;

    if (status != EXIT_SUCCESS)
        return status;
    text = weir_server_describe(s, texts[o->text]);
    if (!text) {
        say("out of memory");
        return EXIT_FAILURE;
    }
    fputs(text, stdout);
    status = finish_output();
    free(text);
    return status;
}

/* A command that has a server for as long as it runs. */
static int with_server(int (*command)(weir_server *, const struct options *),
                       const struct options *o)
{
    weir_server *s = weir_server_new();
    int status = EXIT_FAILURE;

    if (s)
        status = command(s, o);
    else
        say("out of memory");
    weir_server_free(s);
    return status;
}

static int run(enum command command, const struct options *o)
{
    int status;

    switch (command) {
    case COMMAND_SERVE:
        return serve(o);
    case COMMAND_CHECK:
        return with_server(check, o);
    case COMMAND_CONFIG:
        return with_server(print_config, o);
    case COMMAND_LINT:
        status = lint(o);
        return finish_output() == EXIT_SUCCESS ? status : EXIT_FAILURE;
    case COMMAND_HELP:
        help_print();
        return finish_output();
    case COMMAND_VERSION:
        version_print();
        return finish_output();
    case COMMAND_BAD:
        break;
    }
    return EXIT_LINE;
}

/* A closed standard descriptor would be taken by the first socket, and get the log. */
static void open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct options o;
    int status;

    open_standard_descriptors();
    status = run(options_parse(argc, argv, &o), &o);
    options_free(&o);
    return status;
}
