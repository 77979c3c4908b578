#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir.h"

void wr_outlets_init(struct wr_outlets *outlets)
{
    outlets->first = NULL;
    pthread_mutex_init(&outlets->lock, NULL);
}

void wr_outlets_fini(struct wr_outlets *outlets)
{
    pthread_mutex_destroy(&outlets->lock);
}

static struct wr_outlet *find(struct wr_outlets *outlets, const char *path)
{
    for (struct wr_outlet *o = outlets->first; o; o = o->next)
        if (o->path && strcmp(o->path, path) == 0)
            return o;
    return NULL;
}

/* Takes the writer, NULL after a failure. Under lock. */
static struct wr_outlet *add(struct wr_outlets *outlets, const char *path,
                             struct wr_log_writer *writer, int *err)
{
    struct wr_outlet *o = writer ? calloc(1, sizeof *o) : NULL;

    if (o && path)
        o->path = strdup(path);
    if (!o || (path && !o->path)) {
        if (writer)
            *err = -ENOMEM;
        wr_log_writer_free(writer);
        free(o);
        return NULL;
    }
    o->writer = writer;
    o->refs = 1;
    o->next = outlets->first;
    outlets->first = o;
    return o;
}

struct wr_outlet *wr_outlet_on(struct wr_outlets *outlets, int fd, int *err)
{
    struct wr_outlet *o;

    pthread_mutex_lock(&outlets->lock);
    o = add(outlets, NULL, wr_log_writer_new(fd, err), err);
    pthread_mutex_unlock(&outlets->lock);
    return o;
}

struct wr_outlet *wr_outlet_open(struct wr_outlets *outlets, const char *path, int *err)
{
    struct wr_outlet *o;

    pthread_mutex_lock(&outlets->lock);
    o = find(outlets, path);
    if (o)
        o->refs++;
    else
        o = add(outlets, path, wr_log_writer_open(path, err), err);
    pthread_mutex_unlock(&outlets->lock);
    return o;
}

struct wr_outlet *wr_outlet_ref(struct wr_outlets *outlets, struct wr_outlet *o)
{
    pthread_mutex_lock(&outlets->lock);
    o->refs++;
    pthread_mutex_unlock(&outlets->lock);
    return o;
}

void wr_outlet_unref(struct wr_outlets *outlets, struct wr_outlet *o)
{
    struct wr_outlet **at = &outlets->first;
    bool is_last;

    if (!o)
        return;
    pthread_mutex_lock(&outlets->lock);
    is_last = --o->refs == 0;
    while (is_last && *at != o)
        at = &(*at)->next;
    if (is_last)
        *at = o->next;
    pthread_mutex_unlock(&outlets->lock);
    if (!is_last)
        return;
    wr_log_writer_free(o->writer);
    free(o->path);
    free(o);
}

int wr_outlets_reopen(struct wr_outlets *outlets, struct wr_errors *errors)
{
    int first = 0;

    pthread_mutex_lock(&outlets->lock);
    for (struct wr_outlet *o = outlets->first; o; o = o->next) {
        int err = o->path ? wr_log_writer_reopen(o->writer) : 0;
        char line[WR_WHY_MAX];

        if (err == 0)
            continue;
        snprintf(line, sizeof line,
                 "cannot open the log %.800s anew: %s; it is written on as it is", o->path,
                 strerrordesc_np(-err));
        wr_errors_add(errors, line);
        if (first == 0)
            first = err;
    }
    pthread_mutex_unlock(&outlets->lock);
    return first;
}
