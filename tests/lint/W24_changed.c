/* W24: a piece that another thread goes on writing while it is sent. */
/* send: GET / */
#include <weir/app.h>

#include <pthread.h>
#include <stdatomic.h>

static volatile uint64_t text;
static atomic_int must_stop;
static pthread_t writer;

static void *write_on(void *arg)
{
    (void)arg;
    while (!atomic_load(&must_stop))
        text = text + 1;
    return NULL;
}

static void stop_writer(void *arg)
{
    (void)arg;
    atomic_store(&must_stop, 1);
    pthread_join(writer, NULL);
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *count = (int *)arg;

    (void)env;
    if (++*count == 1000)
        return WEIR_END;
    chunk->data = (const void *)(uintptr_t)&text;
    chunk->size = sizeof text;
    return WEIR_CHUNK;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int *count = (int *)weir_alloc(env, sizeof *count);

    if (!count)
        return weir_error(env, 503);
    *count = 0;
    atomic_store(&must_stop, 0);
    if (pthread_create(&writer, NULL, write_on, NULL) != 0)
        return weir_error(env, 503);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_iterable(next, stop_writer, count);
}

WEIR_PLUGIN(.name = "w24_changed", .app = app);
