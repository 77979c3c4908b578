#include "http/status.h"

#include <limits.h>

#include "support.h"

/* All of the IANA HTTP Status Code Registry but what it calls unused or temporary. */
static const struct {
    int status;
    const char *reason;
    const char *source;
} registry[] = {
    {100, "Continue", "RFC 9110 15.2.1"},
    {101, "Switching Protocols", "RFC 9110 15.2.2"},
    {102, "Processing", "RFC 2518 10.1"},
    {103, "Early Hints", "RFC 8297 2"},
    {200, "OK", "RFC 9110 15.3.1"},
    {201, "Created", "RFC 9110 15.3.2"},
    {202, "Accepted", "RFC 9110 15.3.3"},
    {203, "Non-Authoritative Information", "RFC 9110 15.3.4"},
    {204, "No Content", "RFC 9110 15.3.5"},
    {205, "Reset Content", "RFC 9110 15.3.6"},
    {206, "Partial Content", "RFC 9110 15.3.7"},
    {207, "Multi-Status", "RFC 4918 11.1"},
    {208, "Already Reported", "RFC 5842 7.1"},
    {226, "IM Used", "RFC 3229 10.4.1"},
    {300, "Multiple Choices", "RFC 9110 15.4.1"},
    {301, "Moved Permanently", "RFC 9110 15.4.2"},
    {302, "Found", "RFC 9110 15.4.3"},
    {303, "See Other", "RFC 9110 15.4.4"},
    {304, "Not Modified", "RFC 9110 15.4.5"},
    {305, "Use Proxy", "RFC 9110 15.4.6"},
    {307, "Temporary Redirect", "RFC 9110 15.4.8"},
    {308, "Permanent Redirect", "RFC 9110 15.4.9"},
    {400, "Bad Request", "RFC 9110 15.5.1"},
    {401, "Unauthorized", "RFC 9110 15.5.2"},
    {402, "Payment Required", "RFC 9110 15.5.3"},
    {403, "Forbidden", "RFC 9110 15.5.4"},
    {404, "Not Found", "RFC 9110 15.5.5"},
    {405, "Method Not Allowed", "RFC 9110 15.5.6"},
    {406, "Not Acceptable", "RFC 9110 15.5.7"},
    {407, "Proxy Authentication Required", "RFC 9110 15.5.8"},
    {408, "Request Timeout", "RFC 9110 15.5.9"},
    {409, "Conflict", "RFC 9110 15.5.10"},
    {410, "Gone", "RFC 9110 15.5.11"},
    {411, "Length Required", "RFC 9110 15.5.12"},
    {412, "Precondition Failed", "RFC 9110 15.5.13"},
    {413, "Content Too Large", "RFC 9110 15.5.14"},
    {414, "URI Too Long", "RFC 9110 15.5.15"},
    {415, "Unsupported Media Type", "RFC 9110 15.5.16"},
    {416, "Range Not Satisfiable", "RFC 9110 15.5.17"},
    {417, "Expectation Failed", "RFC 9110 15.5.18"},
    {421, "Misdirected Request", "RFC 9110 15.5.20"},
    {422, "Unprocessable Content", "RFC 9110 15.5.21"},
    {423, "Locked", "RFC 4918 11.3"},
    {424, "Failed Dependency", "RFC 4918 11.4"},
    {425, "Too Early", "RFC 8470 5.2"},
    {426, "Upgrade Required", "RFC 9110 15.5.22"},
    {428, "Precondition Required", "RFC 6585 3"},
    {429, "Too Many Requests", "RFC 6585 4"},
    {431, "Request Header Fields Too Large", "RFC 6585 5"},
    {451, "Unavailable For Legal Reasons", "RFC 7725 3"},
    {500, "Internal Server Error", "RFC 9110 15.6.1"},
    {501, "Not Implemented", "RFC 9110 15.6.2"},
    {502, "Bad Gateway", "RFC 9110 15.6.3"},
    {503, "Service Unavailable", "RFC 9110 15.6.4"},
    {504, "Gateway Timeout", "RFC 9110 15.6.5"},
    {505, "HTTP Version Not Supported", "RFC 9110 15.6.6"},
    {506, "Variant Also Negotiates", "RFC 2295 8.1"},
    {507, "Insufficient Storage", "RFC 4918 11.5"},
    {508, "Loop Detected", "RFC 5842 7.2"},
    {510, "Not Extended", "RFC 2774 7"},
    {511, "Network Authentication Required", "RFC 6585 6"},
};

static void status__registered_code__has_the_registered_phrase(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(registry); i++) {
        struct wr_slice got = wr_status_reason(registry[i].status);

        if (!wr_slice_eq(got, wr_slice_of(registry[i].reason)))
            fail_msg("%d: \"%.*s\" (%s)", registry[i].status, (int)got.n, got.p,
                     registry[i].source);
    }
}

static bool is_registered(int status)
{
    for (size_t i = 0; i < WR_COUNT(registry); i++)
        if (registry[i].status == status)
            return true;
    return false;
}

static void status__every_other_code__has_an_empty_phrase(void **state)
{
    static const int far[] = {INT_MIN, -200, -1, 0, 1, 99, 1000, 65536 + 200, INT_MAX};

    (void)state;
    for (int status = 0; status <= 1000; status++)
        if (!is_registered(status) && wr_status_reason(status).n > 0)
            fail_msg("%d has a phrase", status);
    for (size_t i = 0; i < WR_COUNT(far); i++)
        if (wr_status_reason(far[i]).n > 0)
            fail_msg("%d has a phrase", far[i]);
}

static void status__phrase_of_an_unregistered_code__is_empty_and_not_absent(void **state)
{
    (void)state;
    assert_non_null(wr_status_reason(299).p);
}

static const struct {
    int status;
    bool is_bodiless;
} contents[] = {
    /* RFC 9110 6.4.1 */
    {100, true},  {101, true},  {103, true},  {199, true},  {200, false}, {203, false},
    {204, true},  {205, false}, {206, false}, {303, false}, {304, true},  {305, false},
    {400, false}, {404, false}, {416, false}, {500, false}, {599, false},
};

static void status__1xx_204_and_304__are_bodiless(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(contents); i++)
        if (wr_status_is_bodiless(contents[i].status) != contents[i].is_bodiless)
            fail_msg("%d", contents[i].status);
}

WR_TESTS(cmocka_unit_test(status__registered_code__has_the_registered_phrase),
         cmocka_unit_test(status__every_other_code__has_an_empty_phrase),
         cmocka_unit_test(status__phrase_of_an_unregistered_code__is_empty_and_not_absent),
         cmocka_unit_test(status__1xx_204_and_304__are_bodiless));
