/*
 * An app that waits, wherever it runs: for content, and for a thread that waits for a byte of a
 * FIFO (configuration: "fifo"); and one that uses much of its stack. What waits has said "in"
 * before.
 */
#include <weir/app.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE 4096

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *path = weir_config_string(config, "fifo", NULL);
    int *fd = WEIR_CAST_(int *, malloc(sizeof *fd));

    (void)host;
    if (!fd)
        return WEIR_ENOMEM;
    *fd = path ? open(path, O_RDWR) : -1;
    *state = fd;
    return 0;
}

static void unload(void *state)
{
    int *fd = WEIR_CAST_(int *, state);

    if (*fd >= 0)
        close(*fd);
    free(fd);
}

static void read_byte(void *arg)
{
    char byte;

    while (read(*WEIR_CAST_(int *, arg), &byte, 1) < 0)
        ;
}

static void finish(weir_environ *env, void *arg)
{
    (void)arg;
    weir_finish(env, weir_text("done"));
}

static weir_body offload(weir_environ *env)
{
    int32_t err = weir_offload(env, read_byte, finish, weir_state(env));

    return err < 0 ? weir_printf(env, "%d", (int)err) : weir_later(env);
}

static weir_body read_on(weir_environ *env)
{
    char buffer[64];

    while (weir_read(env, buffer, sizeof buffer) > 0)
        ;
    return weir_text("done");
}

/* A page each, from the top down. */
static int touch(volatile char *above, int pages)
{
    volatile char page[PAGE];

    page[0] = 1;
    *above = page[0];
    return pages > 0 ? touch(page, pages - 1) + 1 : 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");
    volatile char above = 0;

    start_response(env, 200, NULL);
    if (strcmp(path, "/deep") == 0)
        return weir_printf(
            env, "%d",
            touch(&above, WEIR_CAST_(int, strtol(weir_get(env, "QUERY_STRING"), NULL, 10))));
    if (weir_write(env, "in", 2) < 0)
        return weir_empty();
    return strcmp(path, "/offload") == 0 ? offload(env) : read_on(env);
}

WEIR_PLUGIN(.name = "held", .load = load, .unload = unload, .app = app, .runs = WEIR_IN_COROUTINE);
