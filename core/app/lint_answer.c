/*
 * lint_answer.c — status and fields of an answer, and where its content lies.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app/lint_request.h"
#include "app/mount.h"
#include "app/start.h"
#include "http/field.h"

#define SHOWN     40                            /* bytes of a name */
#define STACK_MAX ((uintptr_t)64 * 1024 * 1024) /* of a coroutine or a thread that is looked at */

static bool is_bodiless(int32_t status)
{
    return status == 204 || status == 205 || status == 304;
}

/* ---- the fields as they are given ---- */

static bool is_digits(struct wr_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0 && s.n < 19;
}

static bool check_length(struct wr_lint_request *r, struct wr_slice value)
{
    const struct wr_environ *e = wr_lint_real(r);
    int64_t length = 0;

    if (!is_digits(value)) {
        wr_lint_found(r, WR_LINT_BAD_LENGTH, "a Content-Length that is not a number");
        return false;
    }
    for (size_t i = 0; i < value.n; i++)
        length = 10 * length + (value.p[i] - '0');
    if (e->declared < 0 || e->declared == length)
        return true;
    wr_lint_found(r, WR_LINT_BAD_LENGTH, "two different Content-Length");
    return false;
}

static bool is_odd(struct wr_slice name)
{
    char first = name.p[0], last = name.p[name.n - 1];

    return memchr(name.p, '_', name.n) || first == '-' || last == '-';
}

static bool check_name(struct wr_lint_request *r, struct wr_slice name)
{
    if (name.n == 0 || !wr_is_token(name)) {
        wr_lint_found(r, WR_LINT_NAME, "\"%.*s\" is not the name of a field",
                      (int)(name.n < SHOWN ? name.n : SHOWN), name.p);
        return false;
    }
    if (wr_start_is_hop_by_hop(name)) {
        wr_lint_found(r, WR_LINT_HOP_BY_HOP, "the field %.*s is the connection's", (int)name.n,
                      name.p);
        return false;
    }
    if (wr_slice_ieq(name, WR_SLICE("Status")))
        wr_lint_found(r, WR_LINT_ODD_NAME, "the field Status: CGI takes it for the status");
    else if (is_odd(name))
        wr_lint_found(r, WR_LINT_ODD_NAME, "the field %.*s: proxies drop such names",
                      (int)(name.n < SHOWN ? name.n : SHOWN), name.p);
    return true;
}

static bool check_value(struct wr_lint_request *r, struct wr_slice name, struct wr_slice value)
{
    struct wr_slice trimmed = wr_slice_trim(value);
    int name_n = (int)(name.n < SHOWN ? name.n : SHOWN);

    if (wr_skip_value(trimmed.p, trimmed.p + trimmed.n) != trimmed.p + trimmed.n) {
        wr_lint_found(r, WR_LINT_VALUE, "a control character in the field %.*s", name_n, name.p);
        return false;
    }
    if (trimmed.n < value.n)
        wr_lint_found(r, WR_LINT_BLANKS, "the value of %.*s has blanks around it", name_n, name.p);
    for (size_t i = 0; i < trimmed.n; i++) {
        if ((unsigned char)trimmed.p[i] < 0x80)
            continue;
        wr_lint_found(r, WR_LINT_NOT_ASCII, "the value of %.*s is not ASCII", name_n, name.p);
        break;
    }
    return true;
}

bool wr_lint_check_field(struct wr_lint_request *r, const char *name_text, const char *value_text,
                         size_t n)
{
    struct wr_slice name = wr_slice_of(name_text ? name_text : "");
    const struct wr_response *response = &wr_lint_real(r)->x->response;
    struct wr_slice value;

    if (!check_name(r, name))
        return false;
    if (!value_text && n > 0) {
        wr_lint_found(r, WR_LINT_VALUE, "the field %.*s has the value NULL",
                      (int)(name.n < SHOWN ? name.n : SHOWN), name.p);
        return false;
    }
    value = wr_slice(value_text ? value_text : "", n);
    if (!check_value(r, name, value))
        return false;
    if (wr_slice_ieq(name, WR_SLICE("Content-Length")))
        return check_length(r, wr_slice_trim(value));
    if ((wr_slice_ieq(name, WR_SLICE("Date")) && response->has_date) ||
        (wr_slice_ieq(name, WR_SLICE("Server")) && response->has_server)) {
        wr_lint_found(r, WR_LINT_FIELD_TWICE, "a second %.*s", (int)name.n, name.p);
        return false;
    }
    return true;
}

/* May the head be changed? Else the real function says what it says. */
static bool check_open(struct wr_lint_request *r, const char *what)
{
    const struct wr_environ *e = wr_lint_real(r);

    if (e->error < 0 || r->where == WR_LINT_IN_END)
        return false;
    if (e->is_started)
        wr_lint_found(r, WR_LINT_TOO_LATE, "%s when something has been sent", what);
    return !e->is_started;
}

int32_t wr_lint_start_response(weir_environ *env, int32_t status, const weir_header *fields)
{
    struct wr_lint_request *r = wr_lint_enter(env, "start_response", 0);
    bool is_replacing = status > 0 && status & WEIR_REPLACE;
    int32_t number = is_replacing ? status & ~WEIR_REPLACE : status, err;
    bool is_right;

    if (!r)
        return WEIR_ESTALE;
    is_right = check_open(r, "start_response");
    if (is_right && (number < 200 || number > 599)) {
        wr_lint_found(r, WR_LINT_STATUS, "start_response with the status %d", (int)number);
        is_right = false;
    } else if (is_right && wr_lint_real(r)->status != 0 && !is_replacing) {
        wr_lint_found(r, WR_LINT_SECOND_START, "start_response again without WEIR_REPLACE");
        is_right = false;
    }
    /* The status by itself; then each field as it comes, so that each is looked at with those
     * before. */
    err = wr_start_response(r->real, status, NULL);
    for (; fields && fields->name && err == 0; fields++) {
        size_t n = fields->value ? strlen(fields->value) : 1;

        if (is_right)
            is_right = wr_lint_check_field(r, fields->name, fields->value, n);
        err = wr_start_header_add(r->real, fields->name, fields->value, n);
    }
    return err;
}

int32_t wr_lint_header_add(weir_environ *env, const char *name, const char *value, size_t n)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_header_add", 0);

    if (!r)
        return WEIR_ESTALE;
    if (check_open(r, "weir_header_add"))
        (void)wr_lint_check_field(r, name, value, n);
    return wr_start_header_add(r->real, name, value, n);
}

int32_t wr_lint_reason(weir_environ *env, const char *text)
{
    struct wr_lint_request *r = wr_lint_enter(env, "weir_reason", 0);
    struct wr_slice reason = wr_slice_of(text ? text : "");

    if (!r)
        return WEIR_ESTALE;
    if (check_open(r, "weir_reason") &&
        wr_skip_value(reason.p, reason.p + reason.n) != reason.p + reason.n)
        wr_lint_found(r, WR_LINT_VALUE, "a control character in the reason phrase");
    return wr_start_reason(r->real, text);
}

/* ---- all of them, when the answer begins ---- */

static bool has(const struct wr_response *response, const char *name)
{
    for (unsigned i = 0; i < response->n; i++)
        if (wr_slice_ieq(response->fields[i].name, wr_slice_of(name)))
            return true;
    return false;
}

/* Not lists (RFC 9110 5.3), so that who gets two takes one of them, and who passes them on
 * another. */
static void check_twice(struct wr_lint_request *r, const struct wr_response *response)
{
    static const char *const names[] = {
        "Access-Control-Allow-Origin",
        "Age",
        "Content-Disposition",
        "Content-Location",
        "Content-Range",
        "Content-Type",
        "ETag",
        "Expires",
        "Last-Modified",
        "Location",
        "Retry-After",
        "Strict-Transport-Security",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsigned n = 0;

        for (unsigned j = 0; j < response->n; j++)
            n += wr_slice_ieq(response->fields[j].name, wr_slice_of(names[i]));
        if (n > 1)
            wr_lint_found(r, WR_LINT_FIELD_TWICE, "%s is given %u times", names[i], n);
    }
}

/* ", name=" where no attribute was begun is another cookie; the comma of a date is no such
 * thing. */
static bool has_two_cookies(struct wr_slice value)
{
    for (size_t i = 0; i < value.n; i++) {
        size_t at = i + 1;

        if (value.p[i] != ',')
            continue;
        while (at < value.n && value.p[at] == ' ')
            at++;
        while (at < value.n && value.p[at] != '=' && value.p[at] != ';' && value.p[at] != ' ' &&
               value.p[at] != ',')
            at++;
        if (at < value.n && value.p[at] == '=')
            return true;
    }
    return false;
}

static void check_cookies(struct wr_lint_request *r, const struct wr_response *response)
{
    for (unsigned i = 0; i < response->n; i++)
        if (wr_slice_ieq(response->fields[i].name, WR_SLICE("Set-Cookie")) &&
            has_two_cookies(response->fields[i].value))
            wr_lint_found(r, WR_LINT_COOKIES, "several cookies in one Set-Cookie");
}

static void check_location(struct wr_lint_request *r, const struct wr_response *response,
                           int32_t status)
{
    bool is_redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;

    if (is_redirect && !has(response, "Location"))
        wr_lint_found(r, WR_LINT_NO_LOCATION, "the status %d without Location", (int)status);
    for (unsigned i = 0; i < response->n; i++)
        if (wr_slice_ieq(response->fields[i].name, WR_SLICE("Location")) &&
            response->fields[i].value.n == 0)
            wr_lint_found(r, WR_LINT_NO_LOCATION, "an empty Location");
}

static void check_required(struct wr_lint_request *r, const struct wr_response *response,
                           int32_t status)
{
    if (status == 405 && !has(response, "Allow"))
        wr_lint_found(r, WR_LINT_FIELD_MISSING, "the status 405 without Allow");
    if (status == 401 && !has(response, "WWW-Authenticate"))
        wr_lint_found(r, WR_LINT_FIELD_MISSING, "the status 401 without WWW-Authenticate");
}

static void check_content(struct wr_lint_request *r, const struct wr_environ *e, int32_t status,
                          enum wr_lint_content content)
{
    bool has_type = has(&e->x->response, "Content-Type");

    if ((status == 204 || status == 304) && has_type)
        wr_lint_found(r, WR_LINT_TYPE_OF_NOTHING, "Content-Type with the status %d", (int)status);
    if (status == 204 && e->declared >= 0)
        wr_lint_found(r, WR_LINT_TYPE_OF_NOTHING, "Content-Length with the status 204");
    if (content != WR_LINT_SOME_CONTENT)
        return;
    if (is_bodiless(status))
        wr_lint_found(r, WR_LINT_UNSENT, "content with the status %d", (int)status);
    else if (!has_type)
        wr_lint_found(r, WR_LINT_NO_TYPE, "content without Content-Type");
}

void wr_lint_check_answer(struct wr_lint_request *r, int32_t status, enum wr_lint_content content)
{
    const struct wr_environ *e = wr_lint_real(r);
    const struct wr_response *response = &e->x->response;

    if (r->has_checked_answer)
        return;
    r->has_checked_answer = true;
    check_twice(r, response);
    check_cookies(r, response);
    check_location(r, response, status);
    check_required(r, response, status);
    if (content != WR_LINT_ANY_CONTENT)
        check_content(r, e, status, content);
}

/* ---- where content lies ---- */

/* The mapping that p lies in. False: nobody knows. */
static bool find_mapping(const void *p, uintptr_t *low, uintptr_t *high)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    bool is_found = false;

    while (maps && !is_found && fgets(line, sizeof line, maps)) {
        char *end;

        *low = strtoull(line, &end, 16);
        if (*end != '-')
            continue; /* the rest of a line that was long */
        *high = strtoull(end + 1, &end, 16);
        is_found = (uintptr_t)p >= *low && (uintptr_t)p < *high;
    }
    if (maps)
        fclose(maps);
    return is_found;
}

/* The thread's own. False: nobody knows. */
static bool find_own_stack(uintptr_t *low, uintptr_t *high)
{
    pthread_attr_t attr;
    size_t size = 0;
    void *p = NULL;
    bool is_known;

    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return false;
    is_known = pthread_attr_getstack(&attr, &p, &size) == 0;
    pthread_attr_destroy(&attr);
    *low = (uintptr_t)p;
    *high = *low + size;
    return is_known;
}

/* That of a coroutine is a mapping of its own, behind one that nobody may touch. */
enum wr_lint_stack wr_lint_stack_of(const void *frame, uintptr_t *low)
{
    uintptr_t at = (uintptr_t)frame, high;

    if (!find_own_stack(low, &high))
        return WR_LINT_NO_STACK;
    if (at >= *low && at < high)
        return WR_LINT_OWN_STACK;
    return find_mapping(frame, low, &high) ? WR_LINT_COROUTINE_STACK : WR_LINT_NO_STACK;
}

bool wr_lint_is_on_stack(const void *p, const void *frame)
{
    uintptr_t at = (uintptr_t)p, top = (uintptr_t)frame, low;

    if (!p || at >= top || top - at > STACK_MAX)
        return false;
    return wr_lint_stack_of(frame, &low) != WR_LINT_NO_STACK && at >= low;
}

bool wr_lint_check_memory(struct wr_lint_request *r, const void *p, const void *frame,
                          const char *what)
{
    if (!p)
        return false;
    if (wr_lint_is_on_stack(p, frame))
        wr_lint_found(r, WR_LINT_STACK, "%s lies on the stack of a function that has returned",
                      what);
    else if (wr_lint_is_stale(r->lint, p))
        wr_lint_found(r, WR_LINT_STALE_MEMORY, "%s lies in memory of a request that is over", what);
    else
        return true;
    return false;
}
