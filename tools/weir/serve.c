/*
 * Four threads of ours: the first one hears signals and does nothing else; one starts the server and
 * stops it; one reloads it and opens its logs anew, which may take as long as a plugin does; one waits
 * for its end. So a stop is obeyed while a reload is under way, and a second Ctrl-C works whatever
 * does not come back.
 */
#include "serve.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <weir/server.h>

#include "activation.h"
#include "advice.h"
#include "configure.h"
#include "greeting.h"
#include "notify.h"
#include "orders.h"
#include "rights.h"
#include "say.h"
#include "signals.h"

#define LIST_MAX    512
#define SLOW_END_MS 2000 /* past the time to stop */

struct service {
    const struct options *o;
    weir_server *s;
    struct notify notify;
    struct activation passed;
    struct orders orders;
    struct orders changes;   /* those that are left to the thread for them */
    atomic_bool is_stopping; /* what a reload came to is of no use any more */
    pthread_t first;         /* that hears signals */
    int32_t end;             /* what weir_server_wait() returned */
    int status;
};

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int fail(const struct service *v, int32_t error)
{
    advise(v->s, error, v->o);
    return EXIT_FAILURE;
}

/* Of a reload: it does not change the user, but the next start has to find it. */
static int32_t check_user(const struct service *v)
{
    const char *user = weir_server_user(v->s);
    char why[RIGHTS_WHY_MAX];
    struct identity id;

    return user && rights_find(user, &id, why) < 0 ? weir_server_refuse(v->s, "user", why) : 0;
}

static int drop_rights(struct service *v)
{
    const char *user = weir_server_user(v->s);
    char why[RIGHTS_WHY_MAX];
    struct identity id;

    if (!user)
        return EXIT_SUCCESS;
    if (rights_find(user, &id, why) < 0)
        return fail(v, weir_server_refuse(v->s, "user", why));
    if (rights_become(&id, why) == 0)
        return EXIT_SUCCESS;
    say("%s", why);
    return EXIT_FAILURE;
}

/* Until connections are accepted. An exit status. */
static int bring_up(struct service *v)
{
    int status = configure_all(v->s, v->o, v->passed.count > 0);
    int32_t error;

    if (status != EXIT_SUCCESS)
        return status;
    if (activation_adopt(&v->passed, v->s) < 0)
        return EXIT_FAILURE;
    error = weir_server_bind(v->s);
    if (error < 0)
        return fail(v, error);
    status = drop_rights(v);
    if (status != EXIT_SUCCESS)
        return status;
    error = weir_server_start(v->s);
    return error < 0 ? fail(v, error) : EXIT_SUCCESS;
}

static void report_serving(const struct service *v)
{
    char addresses[LIST_MAX];

    greeting_list(v->s, addresses, sizeof addresses);
    notify_ready(&v->notify, "serving on %s", addresses);
}

/* Each line of the server's error, as one message. */
static void log_error(const struct service *v)
{
    char *text = strdup(weir_server_error(v->s)), *rest = text, *line;

    if (!text)
        weir_server_log(v->s, WEIR_LOG_ERROR, "out of memory");
    while ((line = strsep(&rest, "\n")))
        weir_server_log(v->s, WEIR_LOG_ERROR, line);
    free(text);
}

static void reload(struct service *v)
{
    const char *file = v->o->config_file;
    int32_t error = 0;

    notify_reloading(&v->notify);
    weir_server_log(v->s, WEIR_LOG_INFO, "reloading"); /* a plugin's load may take long */
    if (file)
        error = weir_server_configure_file(v->s, file);
    if (error == 0)
        error = check_user(v);
    if (error == 0)
        error = weir_server_reload(v->s);
    if (atomic_load(&v->is_stopping))
        return;
    if (error == 0) {
        report_serving(v);
        return;
    }
    notify_ready(&v->notify, "reload failed, all goes on as before: %s", weir_server_error(v->s));
    log_error(v);
    weir_server_log(v->s, WEIR_LOG_ERROR, "reload failed, all goes on as before");
}

static void reopen(struct service *v)
{
    if (weir_server_reopen_logs(v->s) < 0)
        log_error(v);
}

/* The thread for changes, until it is told of the end. */
static void *change(void *arg)
{
    struct service *v = arg;
    unsigned orders;

    while (!((orders = orders_take(&v->changes)) & ORDER_ENDED)) {
        if (orders & ORDER_REOPEN)
            reopen(v);
        if (orders & ORDER_RELOAD)
            reload(v);
    }
    return NULL;
}

static void stop(struct service *v)
{
    atomic_store(&v->is_stopping, true);
    weir_server_stop(v->s, weir_server_stop_ms(v->s));
    notify_stopping(&v->notify);
    weir_server_log(v->s, WEIR_LOG_INFO,
                    "stopping; what is in flight may finish (once more: at once)");
}

/* Calls that have not returned are told by the server. What else it may wait for, a plugin's unload
 * for instance, is told here: on standard error, since it is already letting go of its logs. */
static void await_end(struct service *v)
{
    uint32_t patience_ms = weir_server_stop_ms(v->s) + SLOW_END_MS;
    unsigned orders = orders_take_within(&v->orders, patience_ms);

    while (orders != 0 && !(orders & ORDER_ENDED))
        orders = orders_take_within(&v->orders, patience_ms);
    if (orders & ORDER_ENDED)
        return;
    say("still stopping: a plugin has not returned (once more: at once)");
    while (!(orders_take(&v->orders) & ORDER_ENDED))
        ;
}

/* Stopping first: what else was asked for is of no use then. */
static void obey(struct service *v)
{
    unsigned orders;

    while (!((orders = orders_take(&v->orders)) & ORDER_ENDED)) {
        if (orders & ORDER_STOP) {
            stop(v);
            await_end(v);
            return;
        }
        if (orders & ORDER_REOPEN)
            orders_give(&v->changes, ORDER_REOPEN);
        if (orders & ORDER_RELOAD)
            orders_give(&v->changes, ORDER_RELOAD);
    }
}

static void *wait_for_end(void *arg)
{
    struct service *v = arg;

    v->end = weir_server_wait(v->s);
    orders_give(&v->orders, ORDER_ENDED);
    return NULL;
}

/* An exit status. */
static int work(struct service *v)
{
    pthread_t waiter, changer;

    say_without_waiting();
    if (pthread_create(&changer, NULL, change, v) != 0) {
        say("cannot make a thread");
        return EXIT_FAILURE;
    }
    if (pthread_create(&waiter, NULL, wait_for_end, v) != 0) {
        say("cannot make a thread");
        orders_give(&v->changes, ORDER_ENDED);
        pthread_join(changer, NULL);
        return EXIT_FAILURE;
    }
    report_serving(v);
    if (!v->o->is_quiet)
        greeting_say(v->s, v->o);
    obey(v);
    pthread_join(waiter, NULL);
    orders_give(&v->changes, ORDER_ENDED);
    pthread_join(changer, NULL);
    return v->end < 0 ? fail(v, v->end) : EXIT_SUCCESS;
}

static void *live(void *arg)
{
    struct service *v = arg;

    v->s = weir_server_new();
    if (v->s)
        v->status = bring_up(v);
    else
        say("out of memory");
    if (v->status == EXIT_SUCCESS && v->o->ready_fd >= 0)
        v->status = greeting_report(v->s, v->o->ready_fd);
    if (v->status == EXIT_SUCCESS)
        v->status = work(v);
    weir_server_free(v->s);
    signals_end_obeying(v->first);
    return NULL;
}

int serve(const struct options *o)
{
    struct service v = {.o = o,
                        .orders = ORDERS_INIT,
                        .changes = ORDERS_INIT,
                        .first = pthread_self(),
                        .status = EXIT_FAILURE};
    pthread_t living;

    signals_block();
    notify_init(&v.notify);
    if (activation_init(&v.passed) == 0) {
        raise_descriptor_limit();
        if (pthread_create(&living, NULL, live, &v) == 0) {
            signals_obey(&v.orders);
            pthread_join(living, NULL);
        } else {
            say("cannot make a thread");
        }
    }
    activation_free(&v.passed);
    return v.status;
}
