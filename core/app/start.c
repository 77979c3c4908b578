#include "app/start.h"

#include <assert.h>

#include "app/field_memory.h"
#include "app/mount.h"
#include "app/remote.h"
#include "base/branch.h"

#define STATUS_MIN 200 /* what is below is no final answer */
#define STATUS_MAX 599

static struct wr_response *response_of(struct wr_environ *e)
{
    return &e->x->response;
}

int32_t wr_start_fault(struct wr_environ *e, int32_t error, const char *fmt, ...)
{
    va_list ap;

    wr_environ_set_more(e);
    e->error = error;
    if (e->has_logged)
        return error;
    e->has_logged = true;
    va_start(ap, fmt);
    wr_mount_log(e, WR_LOG_ERROR, true, fmt, ap);
    va_end(ap);
    return error;
}

/* May the head still be changed? */
static int32_t check_open(struct wr_environ *e, const char *what)
{
    if (e->error < 0)
        return WEIR_EFAILED;
    if (e->is_started)
        return wr_start_fault(e, WEIR_ESTATE, "%s after something was sent", what);
    return 0;
}

void wr_start_clear(struct wr_environ *e)
{
    struct wr_response *r = response_of(e);

    r->n = 0;
    r->block = NULL;
    r->has_date = r->has_server = false;
    r->out_of_memory = false;
    r->reason = wr_slice(NULL, 0);
    e->trailer_names = NULL;
    e->trailer_list = NULL;
    e->head_bytes = 0;
    e->status = 0;
    e->declared = -1;
}

void wr_start_drop_field(struct wr_environ *e, struct wr_slice name)
{
    struct wr_response *r = response_of(e);
    uint16_t kept = 0;

    wr_exchange_spread_block(e->x);
    for (unsigned i = 0; i < r->n; i++)
        if (!wr_slice_ieq(r->fields[i].name, name))
            r->fields[kept++] = r->fields[i];
    r->n = kept;
}

/* ---- fields ---- */

enum kind { ORDINARY, HOP_BY_HOP, CONTENT_LENGTH, DATE, SERVER };

#define SPECIAL_MAX  19 /* the longest of the names below */
#define SPECIAL_SAME 2  /* as many of one length */

/* Names that mean something here, by their length. Belonging to one connection: RFC 9110 7.6.1,
 * RFC 2616 13.5.1 (to which PEP 3333 refers). */
static enum kind kind_of(struct wr_slice name)
{
    static const struct {
        struct wr_slice name;
        enum kind kind;
    } special[SPECIAL_MAX + 1][SPECIAL_SAME] = {
#define NAME(text, kind) {{text, sizeof(text) - 1}, kind}
        [2] = {NAME("te", HOP_BY_HOP)},
        [4] = {NAME("date", DATE)},
        [6] = {NAME("server", SERVER)},
        [7] = {NAME("trailer", HOP_BY_HOP), NAME("upgrade", HOP_BY_HOP)},
        [10] = {NAME("connection", HOP_BY_HOP), NAME("keep-alive", HOP_BY_HOP)},
        [14] = {NAME("content-length", CONTENT_LENGTH)},
        [16] = {NAME("proxy-connection", HOP_BY_HOP)},
        [17] = {NAME("transfer-encoding", HOP_BY_HOP)},
        [18] = {NAME("proxy-authenticate", HOP_BY_HOP)},
        [19] = {NAME("proxy-authorization", HOP_BY_HOP)},
#undef NAME
    };

    if (name.n > SPECIAL_MAX)
        return ORDINARY;
    for (size_t i = 0; i < SPECIAL_SAME && special[name.n][i].name.p; i++)
        if (wr_slice_ieq(special[name.n][i].name, name))
            return special[name.n][i].kind;
    return ORDINARY;
}

bool wr_start_is_hop_by_hop(struct wr_slice name)
{
    return kind_of(name) == HOP_BY_HOP;
}

/* Digits alone, and what an int64_t holds. */
static bool parse_length(struct wr_slice text, int64_t *out)
{
    int64_t value = 0;

    if (text.n == 0)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int digit = text.p[i] - '0';

        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static int32_t declare_length(struct wr_environ *e, struct wr_slice text)
{
    int64_t length;

    if (!parse_length(text, &length))
        return wr_start_fault(e, WEIR_EINVAL, "Content-Length is not a number: %.*s", (int)text.n,
                              text.p);
    if (e->declared >= 0 && e->declared != length)
        return wr_start_fault(e, WEIR_EINVAL, "two different Content-Length: %lld and %lld",
                              (long long)e->declared, (long long)length);
    wr_environ_set_more(e);
    e->declared = length;
    return 0;
}

static bool is_value(struct wr_slice value)
{
    const char *end = value.p + value.n;

    return wr_skip_value(value.p, end) == end;
}

static int32_t add_copy(struct wr_environ *e, struct wr_slice name, struct wr_slice value)
{
    char *memory;

    e->head_bytes += name.n + value.n + strlen(": \r\n");
    if (e->head_bytes > WR_RESPONSE_FIELDS_MAX)
        return wr_start_fault(e, WEIR_ETOOBIG, "more than %zu bytes of fields",
                              WR_RESPONSE_FIELDS_MAX);
    memory = wr_arena_alloc(&e->x->arena, name.n + value.n);
    if (memory) {
        memcpy(memory, name.p, name.n);
        if (value.n > 0)
            memcpy(memory + name.n, value.p, value.n);
        wr_exchange_add_field(e->x, wr_slice(memory, name.n), wr_slice(memory + name.n, value.n));
    }
    if (!memory || response_of(e)->out_of_memory)
        return wr_start_fault(e, WEIR_ENOMEM, "no memory for the field %.*s", (int)name.n, name.p);
    return 0;
}

static int32_t refuse_second(struct wr_environ *e, struct wr_slice name)
{
    return wr_start_fault(e, WEIR_EINVAL, "a second %.*s", (int)name.n, name.p);
}

/* They take the place of the server's own. */
static int32_t add_date(struct wr_environ *e, struct wr_slice name, struct wr_slice value)
{
    if (response_of(e)->has_date)
        return refuse_second(e, name);
    response_of(e)->has_date = true;
    return add_copy(e, name, value);
}

static int32_t add_server(struct wr_environ *e, struct wr_slice name, struct wr_slice value)
{
    if (response_of(e)->has_server)
        return refuse_second(e, name);
    response_of(e)->has_server = true;
    return add_copy(e, name, value);
}

/* Of any field: is it written as one? */
static int32_t check_syntax(struct wr_environ *e, struct wr_slice name, struct wr_slice value)
{
    if (!wr_is_token(name))
        return wr_start_fault(e, WEIR_EINVAL, "\"%.*s\" is not the name of a field", (int)name.n,
                              name.p);
    if (!is_value(value))
        return wr_start_fault(e, WEIR_EINVAL, "a control character in the field %.*s", (int)name.n,
                              name.p);
    return 0;
}

static int32_t refuse_hop_by_hop(struct wr_environ *e, struct wr_slice name)
{
    return wr_start_fault(e, WEIR_EINVAL, "the field %.*s is the connection's, not an app's",
                          (int)name.n, name.p);
}

int32_t wr_start_check_field(struct wr_environ *e, struct wr_slice name, struct wr_slice value)
{
    int32_t err = check_syntax(e, name, value);

    return err == 0 && kind_of(name) == HOP_BY_HOP ? refuse_hop_by_hop(e, name) : err;
}

static int32_t add_field(struct wr_environ *e, const char *name_text, struct wr_slice value)
{
    struct wr_slice name = wr_slice_of(name_text ? name_text : "");
    int32_t err;

    value = wr_slice_trim(value);
    if (wr_slice_eq(name, WR_SLICE("Content-Type")) && is_value(value)) /* what most have */
        return add_copy(e, name, value);
    err = check_syntax(e, name, value);
    if (err < 0)
        return err;
    switch (kind_of(name)) {
    case HOP_BY_HOP:
        return refuse_hop_by_hop(e, name);
    case CONTENT_LENGTH:
        return declare_length(e, value);
    case DATE:
        return add_date(e, name, value);
    case SERVER:
        return add_server(e, name, value);
    case ORDINARY:
        break;
    }
    return add_copy(e, name, value);
}

/* ---- the calls ---- */

/* Of the loop that the app runs on. NULL: it runs on many threads, or there is no memory. */
static struct wr_field_memory *memory_of(const struct wr_environ *e)
{
    const struct wr_mount *m = e->mount;
    struct wr_field_memory **memory;

    if (m->pool)
        return NULL;
    memory = &m->memories[wr_remote_app_loop(e) - m->loops];
    if (!*memory)
        *memory = wr_field_memory_new(m->image);
    return *memory;
}

/* What is not known yet, and m is to learn; NULL: it is not. */
__attribute__((noinline)) static int32_t add_each(struct wr_environ *e, const weir_header *fields,
                                                  struct wr_field_memory *m)
{
    const weir_header *it = fields;
    int32_t err = 0;

    for (; it->name && err == 0; it++)
        err = it->value
                  ? add_field(e, it->name, wr_slice_of(it->value))
                  : wr_start_fault(e, WEIR_EINVAL, "the field %s has no value (NULL)", it->name);
    if (err == 0 && m)
        wr_field_memory_learn(m, fields, response_of(e));
    return err;
}

/* The list of one call, with its block, if it is to have one. A block goes before other fields. */
static inline int32_t add_found(struct wr_environ *e, const weir_header *fields,
                                struct wr_field_memory *m, const struct wr_field_block *block)
{
    struct wr_response *r = response_of(e);

    if (!block || e->head_bytes + block->lines.n > WR_RESPONSE_FIELDS_MAX)
        return add_each(e, fields, m);
    e->head_bytes += block->lines.n;
    r->block = block;
    return 0;
}

__attribute__((noinline)) static int32_t add_list(struct wr_environ *e, const weir_header *fields)
{
    struct wr_field_memory *m;

    if (!fields || !fields->name)
        return 0;
    m = response_of(e)->n == 0 ? memory_of(e) : NULL;
    return add_found(e, fields, m, m ? wr_field_memory_find(m, fields) : NULL);
}

/* Of an app that has said nothing yet: the block of the list that came last, when it comes again; NULL:
 * it is to be looked for, if there is one. */
static inline const struct wr_field_block *latest_block(const struct wr_environ *e,
                                                        const weir_header *fields)
{
    const struct wr_field_memory *memory = e->mount->memories[e->x->worker->index];

    return memory && fields ? wr_field_memory_latest(memory, fields) : NULL;
}

/* In place of what was started before; behind something else that the app has said; or with a fault. */
__attribute__((noinline)) static int32_t start_otherwise(struct wr_environ *e, int32_t status,
                                                         const weir_header *fields)
{
    bool is_replacing = status > 0 && status & WEIR_REPLACE;
    int32_t err = check_open(e, "start_response");

    if (is_replacing)
        status &= ~WEIR_REPLACE;
    if (err < 0)
        return err;
    if (status < STATUS_MIN || status > STATUS_MAX)
        return wr_start_fault(e, WEIR_EINVAL, "start_response with the status %d", (int)status);
    if (e->status != 0 && !is_replacing)
        return wr_start_fault(e, WEIR_ESTATE, "a second start_response without WEIR_REPLACE");
    if (is_replacing)
        wr_start_clear(e);
    e->status = status;
    return add_list(e, fields);
}

int32_t wr_start_response(weir_environ *env, int32_t status, const weir_header *fields)
{
    struct wr_environ *e = wr_environ_of(env);
    bool is_first = e->status == 0 && e->has_more == 0 && response_of(e)->n == 0;
    const struct wr_field_block *block;

    if (!is_first || status < STATUS_MIN || status > STATUS_MAX)
        return start_otherwise(e, status, fields);
    assert(!e->is_started && e->error == 0 && e->mount->is_direct && e->head_bytes == 0);
    e->status = status;
    block = latest_block(e, fields);
    if (!block)
        return add_list(e, fields);
    e->head_bytes = block->lines.n;
    response_of(e)->block = block;
    return 0;
}

int32_t wr_start_header_add(weir_environ *env, const char *name, const char *value, size_t n)
{
    struct wr_environ *e = wr_environ_of(env);
    int32_t err = check_open(e, "weir_header_add");

    if (err == 0 && !value && n > 0)
        err = wr_start_fault(e, WEIR_EINVAL, "the field %s has no value (NULL)", name ? name : "");
    return err < 0 ? err : add_field(e, name, wr_slice(value ? value : "", n));
}

int32_t wr_start_reason(weir_environ *env, const char *text)
{
    struct wr_environ *e = wr_environ_of(env);
    int32_t err = check_open(e, "weir_reason");
    struct wr_slice reason;

    if (err < 0)
        return err;
    reason = wr_slice_of(text ? text : "");
    if (!is_value(reason))
        return wr_start_fault(e, WEIR_EINVAL, "a control character in the reason phrase");
    reason = wr_arena_dup(&e->x->arena, reason);
    if (!reason.p)
        return wr_start_fault(e, WEIR_ENOMEM, "no memory for the reason phrase");
    response_of(e)->reason = reason;
    return 0;
}
