/*
 * sleepers.c — many requests that wait at once: each until /release is asked for, then it is
 * answered.
 *
 *     /wait     in a coroutine or in a thread: sleeps, in straight line
 *     /later    on the loop: returns weir_later(), and a timer looks again
 *     /count    how many wait, were answered, are over; /release lets all of them go, /hold makes those
 *               that follow wait
 *
 * Counts are the file's, so any of its mounts may be asked.
 */
#include <weir/app.h>

#include <stdatomic.h>

#define LOOK_MS 1000

static atomic_long waiting, answered, left;
static atomic_int is_released;

static weir_start_response *_Atomic start; /* the same for all */

static void gone(void *arg)
{
    (void)arg;
    atomic_fetch_add(&left, 1);
}

static weir_body wait_in_line(weir_environ *env, weir_start_response *start_response)
{
    int32_t err = 0;

    weir_defer(env, gone, NULL);
    atomic_fetch_add(&waiting, 1);
    while (err == 0 && !atomic_load(&is_released))
        err = weir_sleep(env, LOOK_MS);
    atomic_fetch_sub(&waiting, 1);
    if (err != 0)
        return weir_error(env, 500);
    atomic_fetch_add(&answered, 1);
    start_response(env, 200, NULL);
    return weir_text("slept well");
}

static void look(weir_environ *env, void *arg)
{
    weir_start_response *start_response = atomic_load(&start);

    if (!atomic_load(&is_released)) {
        weir_timer(env, LOOK_MS, look, arg);
        return;
    }
    atomic_fetch_sub(&waiting, 1);
    atomic_fetch_add(&answered, 1);
    start_response(env, 200, NULL);
    weir_finish(env, weir_text("slept well"));
}

static weir_body wait_later(weir_environ *env, weir_start_response *start_response)
{
    weir_defer(env, gone, NULL);
    atomic_fetch_add(&waiting, 1);
    atomic_store(&start, start_response);
    weir_timer(env, LOOK_MS, look, NULL);
    return weir_later(env);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    if (strcmp(path, "/wait") == 0)
        return wait_in_line(env, start_response);
    if (strcmp(path, "/later") == 0)
        return wait_later(env, start_response);
    if (strcmp(path, "/release") == 0)
        atomic_store(&is_released, 1);
    if (strcmp(path, "/hold") == 0)
        atomic_store(&is_released, 0);
    start_response(env, 200, NULL);
    return weir_printf(env, "{\"waiting\": %ld, \"answered\": %ld, \"left\": %ld}",
                       atomic_load(&waiting), atomic_load(&answered), atomic_load(&left));
}

WEIR_PLUGIN(.name = "sleepers", .app = app, .runs = WEIR_ON_LOOP);
