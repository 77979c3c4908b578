#include "base/utf8.h"

#include "support.h"

#define NONE 0xffffffff

/* RFC 3629 3 and 4, by hand; "n" bytes of "in" are there to be read. */
static const struct {
    struct wr_slice in;
    size_t n;
    uint32_t code;
} rows[] = {
    {{"\0", 1}, 1, 0},
    {{"a\xff", 2}, 1, 'a'},
    {{"\x7f", 1}, 1, 0x7f},
    {{"\xc2\x80", 2}, 2, 0x80},
    {{"\xdf\xbf", 2}, 2, 0x7ff},
    {{"\xe0\xa0\x80", 3}, 3, 0x800},
    {{"\xe2\x82\xac", 3}, 3, 0x20ac},
    {{"\xed\x9f\xbf", 3}, 3, 0xd7ff},
    {{"\xee\x80\x80", 3}, 3, 0xe000},
    {{"\xef\xbf\xbf", 3}, 3, 0xffff},
    {{"\xf0\x90\x80\x80", 4}, 4, 0x10000},
    {{"\xf0\x9f\x98\x80", 4}, 4, 0x1f600},
    {{"\xf4\x8f\xbf\xbf", 4}, 4, 0x10ffff},
    {{"\x80", 1}, 0, NONE},
    {{"\xbf", 1}, 0, NONE},
    {{"\xc0\x80", 2}, 0, NONE},
    {{"\xc1\xbf", 2}, 0, NONE},
    {{"\xe0\x9f\xbf", 3}, 0, NONE},
    {{"\xed\xa0\x80", 3}, 0, NONE},
    {{"\xed\xbf\xbf", 3}, 0, NONE},
    {{"\xf0\x8f\xbf\xbf", 4}, 0, NONE},
    {{"\xf4\x90\x80\x80", 4}, 0, NONE},
    {{"\xf5\x80\x80\x80", 4}, 0, NONE},
    {{"\xf8\x88\x80\x80\x80", 5}, 0, NONE},
    {{"\xff", 1}, 0, NONE},
    {{"\xe2\x82\xac", 2}, 0, NONE},
    {{"\xc3", 1}, 0, NONE},
    {{"\xc3(", 2}, 0, NONE},
    {{"\xf0\x9f\x98 ", 4}, 0, NONE},
};

static void utf8__bytes__are_a_character_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        uint32_t code = NONE;
        size_t n = wr_utf8_read(rows[i].in, &code);

        if (n != rows[i].n || code != rows[i].code)
            fail_msg("row %zu: %zu bytes, U+%04X", i, n, code);
    }
}

WR_TESTS(cmocka_unit_test(utf8__bytes__are_a_character_or_none));
