#include "http/h1_scan.h"

#include <stdlib.h>

#include "base/buf.h"
#include "http/h1_head.h"
#include "support.h"

#define LENGTHS 130 /* four vectors of 32 octets and a bit */
#define RL      "GET / HTTP/1.1\r\n"

/* A head, read at once by one scan. What is behind it is of no head. */
struct reading {
    struct wr_field v[4];
    struct wr_fields fields;
    struct wr_h1_head head;
    struct wr_h1_parser p;
    enum wr_h1_result result;
    char *memory;
};

static void reading_begin(struct reading *r, struct wr_slice text, uint32_t slack, char behind)
{
    r->memory = malloc(text.n + slack);
    assert_non_null(r->memory);
    memcpy(r->memory, text.p, text.n);
    memset(r->memory + text.n, behind, slack);
    r->head = (struct wr_h1_head){.fields = &r->fields};
    wr_fields_init(&r->fields, r->v, WR_COUNT(r->v));
    wr_h1_parser_init(&r->p);
}

static void read_all(struct reading *r, const struct wr_h1_scan *scan, struct wr_slice text,
                     uint32_t slack, char behind)
{
    const struct wr_h1_limits limits = {
        .head_max = 4096, .target_max = 1024, .field_max = 1024, .slack = slack, .scan = scan};

    reading_begin(r, text, slack, behind);
    r->result = wr_h1_parse(&r->p, &limits, wr_slice(r->memory, text.n), &r->head);
}

/* What is behind the end must not matter, nor that it may be loaded. */
static const struct {
    uint32_t slack;
    char behind;
} ends[] = {{0, 0}, {WR_H1_SLACK, 0},   {WR_H1_SLACK, '\r'}, {WR_H1_SLACK, '\n'},
            {1, 0}, {WR_H1_SLACK, ':'}, {33, 'a'},           {17, ' '}};

typedef void check_fn(const struct reading *r, const void *arg);

static void each_reading(struct wr_slice text, check_fn *check, const void *arg)
{
    const struct wr_h1_scan *scan;

    for (unsigned i = 0; (scan = wr_h1_scan_at(i)) != NULL; i++) {
        for (size_t k = 0; k < WR_COUNT(ends); k++) {
            struct reading r;

            read_all(&r, scan, text, ends[k].slack, ends[k].behind);
            check(&r, arg);
            free(r.memory);
        }
    }
}

struct expected {
    enum wr_h1_reason reason; /* OK: it is taken, and */
    struct wr_slice name, value, target;
    uint32_t plain_path;
};

static void check_as_expected(const struct reading *r, const void *arg)
{
    const struct expected *e = arg;

    if (e->reason != WR_H1_OK) {
        assert_int_equal(r->result, WR_H1_BAD);
        assert_int_equal(r->p.reason, e->reason);
        return;
    }
    assert_int_equal(r->result, WR_H1_DONE);
    assert_true(wr_slice_eq(r->head.target, e->target));
    if (!e->name.p)
        return;
    assert_int_equal(r->fields.n, 1);
    assert_true(wr_slice_eq(r->v[0].name, e->name));
    assert_true(wr_slice_eq(r->v[0].value, e->value));
}

static void scan__first_choice__is_there_and_plain_is_the_last(void **state)
{
    unsigned n = 0;

    (void)state;
    while (wr_h1_scan_at(n))
        n++;
    assert_true(n >= 1);
    assert_ptr_equal(wr_h1_scan_at(n - 1), &wr_h1_scan_plain);
    assert_null(wr_h1_scan_at(n + 1));
}

/* A field with a name of `name_n` octets and a value of `value_n`. */
static void check_lengths(size_t name_n, size_t value_n)
{
    char text[512], name[LENGTHS + 1], value[LENGTHS + 1];
    struct wr_buf b = wr_buf_on(text, sizeof text);
    const struct expected e = {
        .name = wr_slice(name, name_n), .value = wr_slice(value, value_n), .target = WR_SLICE("/")};

    memset(name, 'n', sizeof name);
    memset(value, 'v', sizeof value);
    WR_BUF_LITERAL(&b, RL);
    wr_buf_slice_append(&b, e.name);
    WR_BUF_LITERAL(&b, ": ");
    wr_buf_slice_append(&b, e.value);
    WR_BUF_LITERAL(&b, "\r\n\r\n");
    each_reading(wr_buf_slice(&b), check_as_expected, &e);
}

static void scan__name_and_value__may_have_any_length(void **state)
{
    (void)state;
    for (size_t n = 0; n <= LENGTHS; n++) {
        check_lengths(1, n);
        check_lengths(7, n);
        if (n > 0)
            check_lengths(n, 5);
        if (n > 0)
            check_lengths(n, 0);
    }
}

/* A line of `n` octets that begins with `start` and goes on with "vvv…", with `octet` at `at`. */
static void check_octet_behind(const char *start, size_t n, size_t at, int octet)
{
    char text[512];
    struct wr_buf b = wr_buf_on(text, sizeof text);
    char line[LENGTHS + 1];
    struct expected e = {.target = WR_SLICE("/")};

    memset(line, 'v', sizeof line);
    memcpy(line, start, strlen(start));
    line[at] = (char)octet;
    WR_BUF_LITERAL(&b, RL);
    wr_buf_append(&b, line, n);
    WR_BUF_LITERAL(&b, "\r\n\r\n");
    if (octet == '\n')
        e.reason = WR_H1_BARE_LF;
    else if (octet == '\r')
        e.reason = WR_H1_BARE_CR;
    else if ((octet < 0x20 && octet != '\t') || octet == 0x7F)
        e.reason = WR_H1_FIELD_VALUE;
    e.name = wr_slice(line, 1);
    e.value = wr_slice_trim(wr_slice(line + 2, n - 2));
    each_reading(wr_buf_slice(&b), check_as_expected, &e);
}

/* With the blank that nearly everybody writes, and without. */
static void check_octet_of_value(size_t n, size_t at, int octet)
{
    check_octet_behind("x:", n, at, octet);
    check_octet_behind("x: ", n, at, octet);
}

static void scan__special_octet_at_each_place_of_a_value__is_told(void **state)
{
    static const int octets[] = {0, '\t', '\n', '\r', 0x1F, ' ', ':', 0x7F, 0x80, 0xFF, '~'};

    (void)state;
    for (size_t at = 2; at < LENGTHS; at++)
        for (size_t i = 0; i < WR_COUNT(octets); i++)
            check_octet_of_value(LENGTHS, at, octets[i]);
    for (size_t n = 3; n < LENGTHS; n += 7)
        for (size_t i = 0; i < WR_COUNT(octets); i++)
            check_octet_of_value(n, n - 1, octets[i]);
}

static void check_octet_of_name(size_t at, int octet, enum wr_h1_reason reason)
{
    char text[512];
    struct wr_buf b = wr_buf_on(text, sizeof text);
    const struct expected e = {.reason = reason};

    WR_BUF_LITERAL(&b, RL);
    for (size_t i = 0; i < LENGTHS; i++)
        wr_buf_char(&b, i == at ? (char)octet : 'n');
    WR_BUF_LITERAL(&b, ": v\r\n\r\n");
    each_reading(wr_buf_slice(&b), check_as_expected, &e);
}

/* All that is no tchar (RFC 9110 5.6.2), but ':' and those that have a reason of their own. */
static void scan__special_octet_at_each_place_of_a_name__is_refused(void **state)
{
    static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    (void)state;
    for (size_t at = 1; at < LENGTHS; at += at % 32 < 30 ? 3 : 1) {
        for (int octet = 0; octet < 256; octet++) {
            enum wr_h1_reason reason = WR_H1_FIELD_NAME;

            if (octet == ':')
                continue;
            if (octet == '\n')
                reason = WR_H1_BARE_LF;
            else if (octet == ' ' || octet == '\t')
                reason = WR_H1_FIELD_COLON;
            else if (octet > 0 && strchr(tchars, octet))
                continue; /* taken, as the next shows */
            check_octet_of_name(at, octet, reason);
        }
    }
}

static void scan__name__may_be_of_any_tchar(void **state)
{
    static const char all[] = "!#$%&'*+-.^_`|~0123456789"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const struct expected e = {
        .name = wr_slice_of(all), .value = WR_SLICE(""), .target = WR_SLICE("/")};

    (void)state;
    for (unsigned i = 0; wr_h1_scan_at(i); i++) {
        struct reading r;
        static const char head[] =
            RL "!#$%&'*+-.^_`|~0123456789"
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:\r\n\r\n";

        read_all(&r, wr_h1_scan_at(i), wr_slice_of(head), WR_H1_SLACK, 0);
        check_as_expected(&r, &e);
        free(r.memory);
    }
}

static void scan__empty_name__is_refused(void **state)
{
    const struct expected e = {.reason = WR_H1_FIELD_NAME};

    (void)state;
    each_reading(WR_SLICE(RL ": v\r\n\r\n"), check_as_expected, &e);
}

/* ---- known names ---- */

static void check_name(struct wr_slice name, enum wr_field_id id)
{
    char text[128];
    struct wr_buf b = wr_buf_on(text, sizeof text);
    const struct wr_h1_scan *scan;

    WR_BUF_LITERAL(&b, RL);
    wr_buf_slice_append(&b, name);
    WR_BUF_LITERAL(&b, ": v\r\n\r\n");
    for (unsigned i = 0; (scan = wr_h1_scan_at(i)) != NULL; i++) {
        struct reading r;

        read_all(&r, scan, wr_buf_slice(&b), WR_H1_SLACK, 0);
        assert_int_equal(r.result, WR_H1_DONE);
        assert_int_equal(r.fields.n, 1);
        assert_int_equal(r.v[0].id, id);
        free(r.memory);
    }
}

/* In either case; and with each octet another one, one at either end more, or the last one less. */
static void check_name_and_others(struct wr_slice name, enum wr_field_id id)
{
    char other[64];

    check_name(name, id);
    for (size_t i = 0; i < name.n; i++)
        other[i] = (char)(name.p[i] == '-' ? '-' : name.p[i] - 'a' + 'A');
    check_name(wr_slice(other, name.n), id);
    for (size_t i = 0; i < name.n; i++) {
        memcpy(other, name.p, name.n);
        other[i] = '1';
        check_name(wr_slice(other, name.n), WR_FIELD_OTHER);
    }
    memcpy(other, name.p, name.n);
    other[name.n] = 's';
    check_name(wr_slice(other, name.n + 1), WR_FIELD_OTHER);
    check_name(wr_slice(name.p, name.n - 1), WR_FIELD_OTHER);
    memcpy(other + 1, name.p, name.n);
    other[0] = 'x';
    check_name(wr_slice(other, name.n + 1), WR_FIELD_OTHER);
}

static void scan__known_name__has_its_id_and_no_other_has(void **state)
{
    (void)state;
#define X(id, name) check_name_and_others(WR_SLICE(name), WR_FIELD_##id);
    WR_FIELDS(X)
#undef X
    for (size_t n = 1; n < 64; n++)
        check_name(wr_slice("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", n),
                   WR_FIELD_OTHER);
}

static void check_mixed(const struct reading *r, const void *arg)
{
    static const enum wr_field_id ids[] = {WR_FIELD_HOST, WR_FIELD_OTHER, WR_FIELD_COOKIE,
                                           WR_FIELD_COOKIE};

    (void)arg;
    assert_int_equal(r->result, WR_H1_DONE);
    assert_int_equal(r->fields.n, WR_COUNT(ids));
    for (size_t i = 0; i < WR_COUNT(ids); i++)
        assert_int_equal(r->v[i].id, ids[i]);
    assert_int_equal(r->fields.present,
                     wr_fields_bit(WR_FIELD_HOST) | wr_fields_bit(WR_FIELD_COOKIE));
    assert_int_equal(r->fields.repeated, wr_fields_bit(WR_FIELD_COOKIE));
    assert_int_equal(r->fields.first[WR_FIELD_HOST], 0);
    assert_int_equal(r->fields.first[WR_FIELD_COOKIE], 2);
}

/* Lines with unusual blanks, a tab or a name that begins with no letter are read in another way. */
static void scan__usual_and_rare_lines__are_one_list(void **state)
{
    (void)state;
    each_reading(WR_SLICE(RL "Host: a\r\n1st:b\r\nCookie:  c\r\nCookie: d\r\n\r\n"), check_mixed,
                 NULL);
    each_reading(WR_SLICE(RL "Host:\ta\r\n!: b\r\nCookie: c\r\nCookie: d \r\n\r\n"), check_mixed,
                 NULL);
}

/* ---- targets ---- */

static void check_plain(const struct reading *r, const void *arg)
{
    const struct expected *e = arg;

    check_as_expected(r, arg);
    /* Without what may be loaded behind it, nobody says that it is plain; it must not be more. */
    if (r->head.plain_path > 0)
        assert_int_equal(r->head.plain_path, e->plain_path);
}

static void check_target(struct wr_slice target, uint32_t plain_path)
{
    static const char *const methods[] = {"GET ", "POST ", "OPTIONS "};
    const struct expected e = {.target = target, .plain_path = plain_path};
    struct reading r;

    for (size_t i = 0; i < WR_COUNT(methods); i++) {
        char text[512];
        struct wr_buf b = wr_buf_on(text, sizeof text);
        const struct wr_h1_scan *scan;

        wr_buf_slice_append(&b, wr_slice_of(methods[i]));
        wr_buf_slice_append(&b, target);
        WR_BUF_LITERAL(&b, " HTTP/1.1\r\n\r\n");
        each_reading(wr_buf_slice(&b), check_plain, &e);
        for (unsigned k = 0; (scan = wr_h1_scan_at(k)) != NULL; k++) {
            read_all(&r, scan, wr_buf_slice(&b), WR_H1_SLACK, '/');
            assert_int_equal(r.head.plain_path, plain_path);
            free(r.memory);
        }
    }
}

/* By hand: RFC 3986 5.2.4 and 2.1, and "a run of '/' becomes one"; what merely might be a dot segment
 * is left to who knows. */
static const struct {
    const char *target;
    uint32_t plain_path;
} targets[] = {
    {"/", 1},      {"/a", 2},         {"/hello", 6},    {"/hello?a=b", 6},    {"/?", 1},
    {"/a/b/", 5},  {"/a//b", 0},      {"//", 0},        {"/a/./b", 0},        {"/a/../b", 0},
    {"/.", 0},     {"/..", 0},        {"/.a", 0},       {"/a.b", 4},          {"/a..", 4},
    {"/%41", 0},   {"/a?%41", 2},     {"/a?//", 2},     {"/a?/..", 2},        {"/a/?/.", 3},
    {"/a;b=c", 6}, {"/a?b?c", 2},     {"/\xc3\xbc", 3}, {"/a\\b", 4},         {"/a/?.", 3},
    {"*", 0},      {"http://a/b", 0}, {"a", 0},         {"/a~!$&'()*+,", 12},
};

static void scan__path__is_plain_when_it_needs_no_decoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(targets); i++)
        check_target(wr_slice_of(targets[i].target), targets[i].plain_path);
}

static void scan__mark_at_each_place_of_a_path__is_found(void **state)
{
    static const char *const marks[] = {"%", "//", "/.", "?", "/"};
    char target[LENGTHS + 2];

    (void)state;
    for (size_t n = 3; n <= LENGTHS; n++) {
        for (size_t i = 0; i < WR_COUNT(marks); i++) {
            size_t at = n - strlen(marks[i]);

            memset(target, 'p', sizeof target);
            target[0] = '/';
            memcpy(target + at, marks[i], strlen(marks[i]));
            if (at == 1 && i != 3) /* a '/' behind the first: not what this is about */
                continue;
            check_target(wr_slice(target, n), i < 3 && (at > 0) ? 0
                                              : i == 3          ? (uint32_t)at
                                                                : (uint32_t)n);
            check_target(wr_slice(target, sizeof target), i < 3    ? 0
                                                          : i == 3 ? (uint32_t)at
                                                                   : (uint32_t)sizeof target);
        }
    }
}

static void scan__special_octet_at_each_place_of_a_target__is_refused(void **state)
{
    static const int octets[] = {0, '\t', '\n', '\r', 0x1F, ' ', '#', 0x7F};
    static const enum wr_h1_reason reasons[] = {WR_H1_TARGET_CHAR, WR_H1_TARGET_CHAR, WR_H1_BARE_LF,
                                                WR_H1_VERSION,     WR_H1_TARGET_CHAR, WR_H1_VERSION,
                                                WR_H1_TARGET_CHAR, WR_H1_TARGET_CHAR};

    (void)state;
    for (size_t at = 1; at < LENGTHS; at++) {
        for (size_t i = 0; i < WR_COUNT(octets); i++) {
            char text[512];
            struct wr_buf b = wr_buf_on(text, sizeof text);
            const struct expected e = {.reason = reasons[i]};

            WR_BUF_LITERAL(&b, "GET /");
            for (size_t k = 1; k < LENGTHS; k++)
                wr_buf_char(&b, k == at ? (char)octets[i] : 'p');
            WR_BUF_LITERAL(&b, " HTTP/1.1\r\n\r\n");
            each_reading(wr_buf_slice(&b), check_as_expected, &e);
        }
    }
}

/* ---- what a plain path becomes ---- */

static void scan__plain_path__is_what_the_target_is_split_into(void **state)
{
    static const struct {
        const char *head;
        enum wr_h1_reason reason;
        const char *query; /* NULL: none */
    } rows[] = {
        {"GET /a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", WR_H1_OK, "c"},
        {"GET /a/b? HTTP/1.1\r\nHost: a\r\n\r\n", WR_H1_OK, ""},
        {"OPTIONS /a/b HTTP/1.1\r\nHost: a\r\n\r\n", WR_H1_OK, NULL},
        {"CONNECT /a/b HTTP/1.1\r\nHost: a\r\n\r\n", WR_H1_TARGET_FORM, NULL}, /* RFC 9112 3.2.3 */
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct wr_h1_scan *scan;

        for (unsigned k = 0; (scan = wr_h1_scan_at(k)) != NULL; k++) {
            struct wr_h1_message m;
            struct reading r;

            read_all(&r, scan, wr_slice_of(rows[i].head), WR_H1_SLACK, 0);
            assert_int_equal(r.result, WR_H1_DONE);
            assert_int_equal(wr_h1_interpret(&r.head, false, &m), rows[i].reason);
            if (rows[i].reason == WR_H1_OK) {
                assert_true(m.has_plain_path && m.target.form == WR_TARGET_ORIGIN);
                assert_true(wr_slice_eq(m.target.raw_path, WR_SLICE("/a/b")));
                assert_true(!m.target.query.p == !rows[i].query);
                if (rows[i].query)
                    assert_true(wr_slice_eq(m.target.query, wr_slice_of(rows[i].query)));
            }
            free(r.memory);
        }
    }
}

WR_TESTS(cmocka_unit_test(scan__first_choice__is_there_and_plain_is_the_last),
         cmocka_unit_test(scan__name_and_value__may_have_any_length),
         cmocka_unit_test(scan__special_octet_at_each_place_of_a_value__is_told),
         cmocka_unit_test(scan__special_octet_at_each_place_of_a_name__is_refused),
         cmocka_unit_test(scan__name__may_be_of_any_tchar),
         cmocka_unit_test(scan__empty_name__is_refused),
         cmocka_unit_test(scan__known_name__has_its_id_and_no_other_has),
         cmocka_unit_test(scan__usual_and_rare_lines__are_one_list),
         cmocka_unit_test(scan__path__is_plain_when_it_needs_no_decoding),
         cmocka_unit_test(scan__mark_at_each_place_of_a_path__is_found),
         cmocka_unit_test(scan__special_octet_at_each_place_of_a_target__is_refused),
         cmocka_unit_test(scan__plain_path__is_what_the_target_is_split_into));
