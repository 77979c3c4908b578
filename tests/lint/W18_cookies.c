/* W18: two cookies in one field, of which a client sees one. */
#include <weir/app.h>

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(
        env, 200,
        WEIR_HEADERS({"Content-Type", "text/plain"}, {"Set-Cookie", "a=1; Path=/, b=2; Path=/"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w18_cookies", .app = app, .runs = WEIR_ON_LOOP);
