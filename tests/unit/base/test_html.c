#include "base/html.h"

#include "support.h"

static void html__what_means_something__is_a_reference(void **state)
{
    char memory[64];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_html_append(&b, WR_SLICE("<a b=\"c\" d='e'>&amp;\xc3\xa9"));
    wr_buf_char(&b, '\0');
    assert_string_equal(b.p, "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;\xc3\xa9");
}

static void html__growth__is_enough(void **state)
{
    char memory[5 * WR_HTML_GROWTH];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    (void)state;
    wr_html_append(&b, WR_SLICE("\"\"\"\"\""));
    assert_false(b.overflow);
    assert_int_equal(b.n, sizeof memory);
}

WR_TESTS(cmocka_unit_test(html__what_means_something__is_a_reference),
         cmocka_unit_test(html__growth__is_enough));
