/*
 * fake_encoder.h — in place of wr_encode(), linked with --wrap: what it makes is told by the test.
 *
 * The result is `size` bytes (0: half of the input): the coding's letter, the first byte of the
 * input, and again. It can be held up, so that others come while it is at work.
 */
#ifndef WR_TESTS_FAKE_ENCODER_H
#define WR_TESTS_FAKE_ENCODER_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "codec/encoder.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int calls;
    int errors[WR_CODINGS]; /* what it says, if not 0 */
    size_t size;
    bool is_held;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

int __wrap_wr_encode(enum wr_coding coding, int level, struct wr_slice bytes, char **out,
                     size_t *n);

int __wrap_wr_encode(enum wr_coding coding, int level, struct wr_slice bytes, char **out, size_t *n)
{
    size_t size;
    char *p;
    int err;

    (void)level;
    pthread_mutex_lock(&fake.lock);
    fake.calls++;
    pthread_cond_broadcast(&fake.changed);
    while (fake.is_held)
        pthread_cond_wait(&fake.changed, &fake.lock);
    size = fake.size > 0 ? fake.size : bytes.n / 2;
    err = fake.errors[coding];
    pthread_mutex_unlock(&fake.lock);
    if (err < 0)
        return err;
    p = malloc(size + 1);
    if (!p)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        p[i] = i % 2 == 0 ? "igbz"[coding] : bytes.p[0];
    *out = p;
    *n = size;
    return 0;
}

static inline void fake_hold(bool is_held)
{
    pthread_mutex_lock(&fake.lock);
    fake.is_held = is_held;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

static inline void fake_reset(void)
{
    fake.calls = 0;
    fake.size = 0;
    fake.is_held = false;
    memset(fake.errors, 0, sizeof fake.errors);
}

#endif
