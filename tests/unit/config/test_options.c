#include "config/options.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct wr_options *read_all(const char *text, const struct wr_options_set *sets, size_t n)
{
    const struct wr_options_source source = {
        .label = "w", .text = text, .n = text ? strlen(text) : 0, .folder = "/etc/weir"};
    struct wr_errors errors = {0};
    struct wr_options *o = wr_options_read(text ? &source : NULL, sets, n, &errors);

    if (!o)
        fail_msg("%s", errors.text);
    assert_int_equal(errors.count, 0);
    assert_null(errors.text);
    return o;
}

/* ---- defaults ---- */

static void options__schema_of_an_editor__says_nothing(void **state)
{
    struct wr_options *o =
        read_all("{\"$schema\": \"./weir.schema.json\", \"threads\": 3}", NULL, 0);

    (void)state;
    assert_int_equal(wr_options_root(o)->threads, 3);
    wr_options_free(o);
}

static void check_defaults(const struct wr_root_options *r)
{
    assert_int_equal(r->listen.n, 1);
    assert_string_equal(r->listen.v[0], "127.0.0.1:8080");
    assert_int_equal(r->unix_mode, -1);
    assert_int_equal(r->loops, 0);
    assert_int_equal(r->threads, 8);
    assert_int_equal(r->queue, 1024);
    assert_int_equal(r->coroutines, 16384);
    assert_null(r->user);
    assert_null(r->plugin_folder_path);
    assert_int_equal(r->limits.head_bytes_max, 32768);
    assert_int_equal(r->limits.target_bytes_max, 8192);
    assert_int_equal(r->limits.field_bytes_max, 16384);
    assert_int_equal(r->limits.fields_max, 100);
    assert_int_equal(r->limits.body_bytes_max, 104857600);
    assert_int_equal(r->limits.discard_bytes_max, 262144);
    assert_int_equal(r->limits.request_memory_bytes_max, 4194304);
    assert_int_equal(r->limits.app_queue_bytes, 262144);
    assert_int_equal(r->timeouts.head_ms, 15000);
    assert_int_equal(r->timeouts.body_idle_ms, 30000);
    assert_int_equal(r->timeouts.keep_alive_ms, 75000);
    assert_int_equal(r->timeouts.write_idle_ms, 30000);
    assert_int_equal(r->timeouts.linger_ms, 5000);
    assert_int_equal(r->timeouts.stop_ms, 10000);
    assert_null(r->log.file);
    assert_int_equal(r->log.level, 2); /* error, warning, info, debug */
    assert_int_equal(r->log.format, 0);
    assert_null(r->access_log.file);
    assert_int_equal(r->access_log.format, 0);
    assert_int_equal(r->error_pages.n + r->routes.n + r->hosts.n, 0);
}

static void options__defaults__are_those_of_the_manual(void **state)
{
    struct wr_options *o = read_all(NULL, NULL, 0);

    (void)state;
    check_defaults(wr_options_root(o));
    wr_options_free(o);
    o = read_all("{}", NULL, 0);
    check_defaults(wr_options_root(o));
    wr_options_free(o);
}

static void options__text_of_the_defaults__reads_back(void **state)
{
    char *text = wr_options_format(NULL);
    struct wr_options *o = read_all(text, NULL, 0);

    (void)state;
    check_defaults(wr_options_root(o));
    assert_non_null(strstr(text, "// Bytes of a request's head, or 431. From 1024 to 1048576. "
                                 "Default: 32768."));
    assert_non_null(strstr(text, "Or from 16384 to\n        //     // 67108864. Default: 0."));
    assert_non_null(strstr(text, "//             // 403. Default: false.\n"
                                 "        //             \"deny\": false\n"
                                 "        //         }\n        //     ],"));
    assert_non_null(strstr(text, "//     \"redirect\": null,"));
    wr_options_free(o);
    free(text);
}

/* ---- values ---- */

static const char full[] =
    "// all there is\n"
    "{\"listen\": [\":0\", \"unix:run/w.sock\", \"unix:/w\"], \"unix_mode\": \"0660\", \"loops\": "
    "2,\n"
    " \"user\": \"www\", \"plugin_folder\": \"./plugins\", \"queue\": 7, \"coroutines\": 1,\n"
    " \"limits\": {\"fields_max\": 9}, \"timeouts\": {\"stop_ms\": 0},\n"
    " \"log\": {\"file\": \"x/w.log\", \"level\": \"error\", \"format\": \"json\"},\n"
    " \"access_log\": {\"file\": \"off\", \"format\": \"extended\"},\n"
    " \"error_pages\": {\"404\": \"404.html\", \"5xx\": \"/e\"},\n"
    " \"routes\": [{\"path\": \"/s\", \"static\": \"site\", \"exact\": true, \"host\": \"A.b\"},\n"
    "  /* \xc3\xa9 */ {\"path\": \"/p\", \"plugin\": \"hello\", \"runs\": \"thread\", "
    "\"threads\": 3, \"queue\": 4,\n   \"config\": /*\xc3\xa9*/ {\"a\": /* no\n */ [1.50, "
    "\"//\"]}},\n"
    "  {\"path\": \"/q\", \"plugin\": \"x/y.so\"},\n"
    "  {\"path\": \"/co\", \"plugin\": \"x\", \"runs\": \"coroutine\", \"coroutines\": 1000000, "
    "\"stack_bytes\": 16384},\n"
    "  {\"path\": \"/big\", \"plugin\": \"x\", \"stack_bytes\": 67108864, \"coroutines\": 0},\n"
    "  {\"path\": \"/none\", \"plugin\": \"x\", \"stack_bytes\": 0},\n"
    "  {\"path\": \"/r\", \"redirect\": \"https://x/y?z\", \"status\": 308, \"metrics\": false},\n"
    "  {\"path\": \"/m\", \"metrics\": true}],\n"
    " \"hosts\": [{\"names\": [\"c\", \"[::1]\", \"*.C\"], \"routes\": [{\"static\": "
    "\"/c\\\"\\\\\"}],\n"
    "  \"error_pages\": {\"4xx\": \"c.html\"}}]}";

static void check_routes(const struct wr_root_options *r)
{
    const struct wr_route_options *v = r->routes.v;

    assert_int_equal(r->routes.n, 8);
    assert_string_equal(v[0].path, "/s");
    assert_string_equal(v[0].static_path, "/etc/weir/site");
    assert_string_equal(v[0].host, "A.b");
    assert_true(v[0].exact && !v[1].exact);
    assert_null(v[0].plugin);
    assert_null(v[0].config.text);
    assert_string_equal(v[1].plugin, "hello");
    assert_int_equal(v[1].runs, 2);
    assert_int_equal(v[1].threads, 3);
    assert_int_equal(v[1].queue, 4);
    assert_string_equal(v[2].plugin, "/etc/weir/x/y.so");
    assert_int_equal(v[2].runs + v[2].threads + v[2].queue, 0);
    assert_int_equal(v[2].coroutines + v[2].stack_bytes, 0);
    assert_int_equal(v[3].runs, 3);
    assert_int_equal(v[3].coroutines, 1000000);
    assert_int_equal(v[3].stack_bytes, 16384);
    assert_int_equal(v[4].coroutines, 0);
    assert_int_equal(v[4].stack_bytes, 67108864);
    assert_int_equal(v[5].stack_bytes, 0);
    assert_string_equal(v[6].redirect, "https://x/y?z");
    assert_int_equal(v[6].status, 308);
    assert_true(v[7].metrics && !v[0].metrics && !v[6].metrics);
    assert_int_equal(r->hosts.n, 1);
    assert_int_equal(r->hosts.v[0].names.n, 3);
    assert_string_equal(r->hosts.v[0].names.v[1], "[::1]");
    assert_string_equal(r->hosts.v[0].names.v[2], "*.C");
    assert_int_equal(r->hosts.v[0].error_pages.n, 1);
    assert_int_equal(r->hosts.v[0].error_pages.v[0].status, 4);
    assert_string_equal(r->hosts.v[0].error_pages.v[0].path, "/etc/weir/c.html");
    assert_string_equal(r->hosts.v[0].routes.v[0].static_path, "/c\"\\");
    assert_string_equal(r->hosts.v[0].routes.v[0].path, "/");
}

static void check_full(const struct wr_root_options *r)
{
    assert_int_equal(r->listen.n, 3);
    assert_string_equal(r->listen.v[0], ":0");
    assert_string_equal(r->listen.v[1], "unix:/etc/weir/run/w.sock");
    assert_string_equal(r->listen.v[2], "unix:/w");
    assert_int_equal(r->unix_mode, 0660);
    assert_int_equal(r->loops, 2);
    assert_int_equal(r->threads, 8);
    assert_int_equal(r->queue, 7);
    assert_int_equal(r->coroutines, 1);
    assert_string_equal(r->user, "www");
    assert_string_equal(r->plugin_folder_path, "/etc/weir/plugins");
    assert_int_equal(r->limits.fields_max, 9);
    assert_int_equal(r->limits.head_bytes_max, 32768);
    assert_int_equal(r->timeouts.stop_ms, 0);
    assert_string_equal(r->log.file, "/etc/weir/x/w.log");
    assert_int_equal(r->log.level, 0);
    assert_int_equal(r->log.format, 1);
    assert_string_equal(r->access_log.file, "off");
    assert_int_equal(r->access_log.format, 1);
    assert_int_equal(r->error_pages.n, 2);
    assert_int_equal(r->error_pages.v[0].status, 404);
    assert_string_equal(r->error_pages.v[0].path, "/etc/weir/404.html");
    assert_int_equal(r->error_pages.v[1].status, 5);
    assert_string_equal(r->error_pages.v[1].path, "/e");
    check_routes(r);
}

static void options__values__are_read_and_read_back(void **state)
{
    struct wr_options *o = read_all(full, NULL, 0), *again;
    char *text = wr_options_format(o), *same;

    (void)state;
    check_full(wr_options_root(o));
    again = read_all(text, NULL, 0);
    check_full(wr_options_root(again));
    same = wr_options_format(again);
    assert_string_equal(text, same);
    wr_options_free(o);
    wr_options_free(again);
    free(text);
    free(same);
}

/* ---- folders ---- */

static const char folder[] =
    "{\"routes\": [{\"static\": \"a\"}, {\"path\": \"/b\", \"static\": \"b\",\n"
    " \"index\": [\"a.htm\", \"b\"], \"try\": [\"{path}\", \"{path}.html\", \"/x{path}\", "
    "\"/404.html\"],\n"
    " \"fallback\": \"/index.html\", \"listing\": true, \"dot_files\": true,\n"
    " \"compress\": \"siblings\", \"types\": {\"wat\": \"text/plain; charset=\\\"a b\\\"\", "
    "\"x-1\": \"a/b;c=d\"},\n"
    " \"rules\": [{\"match\": [\"*.css\", \"/a/\"], \"hashed\": true,\n"
    "             \"cache_control\": \"private=\\\"x, y\\\" ,max-age=0, foo=bar\"},\n"
    "            {\"fields\": {\"X-A\": \"b\\tc \xc3\xa9\", \"Server\": null, \"Vary\": "
    "\"Origin\"}, "
    "\"deny\": true},\n"
    "            {\"cache_control\": \"immutable\", \"type\": \"image/x-y\", \"download\": "
    "true}]}]}";

static void check_plain_folder(const struct wr_route_options *route)
{
    assert_int_equal(route->index.n, 1);
    assert_string_equal(route->index.v[0], "index.html");
    assert_int_equal(route->try.n + route->types.n + route->rules.n, 0);
    assert_null(route->fallback);
    assert_false(route->listing || route->dot_files);
    assert_int_equal(route->compress, 2); /* off, siblings, on */
}

static void check_rules(const struct wr_rule_list *rules)
{
    const struct wr_rule_options *v = rules->v;

    assert_int_equal(rules->n, 3);
    assert_int_equal(v[0].match.n, 2);
    assert_string_equal(v[0].match.v[1], "/a/");
    assert_true(v[0].hashed && !v[0].deny && !v[0].download);
    assert_string_equal(v[0].cache_control, "private=\"x, y\" ,max-age=0, foo=bar");
    assert_null(v[0].type);
    assert_int_equal(v[0].fields.n + v[1].match.n, 0);
    assert_int_equal(v[1].fields.n, 3);
    assert_string_equal(v[1].fields.v[0].name, "X-A");
    assert_string_equal(v[1].fields.v[0].value, "b\tc \xc3\xa9");
    assert_string_equal(v[1].fields.v[1].name, "Server");
    assert_null(v[1].fields.v[1].value);
    assert_string_equal(v[1].fields.v[2].value, "Origin");
    assert_true(v[1].deny && !v[1].hashed);
    assert_null(v[1].cache_control);
    assert_string_equal(v[2].cache_control, "immutable");
    assert_string_equal(v[2].type, "image/x-y");
    assert_true(v[2].download);
}

static void check_folders(const struct wr_root_options *r)
{
    const struct wr_route_options *b = &r->routes.v[1];

    assert_int_equal(r->routes.n, 2);
    check_plain_folder(&r->routes.v[0]);
    assert_int_equal(b->index.n, 2);
    assert_string_equal(b->index.v[1], "b");
    assert_int_equal(b->try.n, 4);
    assert_string_equal(b->try.v[1], "{path}.html");
    assert_string_equal(b->fallback, "/index.html");
    assert_true(b->listing && b->dot_files);
    assert_int_equal(b->compress, 1);
    assert_int_equal(b->types.n, 2);
    assert_string_equal(b->types.v[0].name, "wat");
    assert_string_equal(b->types.v[0].value, "text/plain; charset=\"a b\"");
    assert_string_equal(b->types.v[1].value, "a/b;c=d");
    check_rules(&b->rules);
}

static void options__keys_of_folders__are_read_and_read_back(void **state)
{
    struct wr_options *o = read_all(folder, NULL, 0), *again;
    char *text = wr_options_format(o), pointer[64];

    (void)state;
    check_folders(wr_options_root(o));
    wr_json_pointer(wr_options_root(o)->routes.v[1].rules.v[1].fields.v[2].at, pointer,
                    sizeof pointer);
    assert_string_equal(pointer, "/routes/1/rules/1/fields/Vary");
    wr_options_free(o);
    again = read_all(text, NULL, 0);
    check_folders(wr_options_root(again));
    wr_options_free(again);
    free(text);
}

static void check_limits(const struct wr_root_options *r)
{
    const struct wr_route_options *v = r->routes.v;

    assert_int_equal(r->routes.n, 3);
    assert_int_equal(r->limits.app_queue_bytes, 1);
    assert_int_equal(v[0].body_bytes_max, 0);
    assert_int_equal(v[0].request_ms, 0);
    assert_int_equal(v[0].on_half_close, 1); /* serve, cancel */
    assert_true(v[0].lint);
    assert_int_equal(v[1].body_bytes_max, -1);
    assert_int_equal(v[1].request_ms, -1);
    assert_int_equal(v[1].on_half_close, 0);
    assert_false(v[1].lint);
    assert_int_equal(v[2].request_ms, 86400000);
    assert_int_equal(v[2].on_half_close, 1);
}

static void options__limits_of_routes__are_read_and_read_back(void **state)
{
    static const char text[] =
        "{\"limits\": {\"app_queue_bytes\": 1}, \"routes\": [\n"
        " {\"path\": \"/p\", \"plugin\": \"p\", \"body_bytes_max\": 0, \"request_ms\": 0,\n"
        "  \"on_half_close\": \"cancel\", \"lint\": true},\n"
        " {\"path\": \"/q\", \"plugin\": \"q\"},\n"
        " {\"static\": \"a\", \"request_ms\": 86400000, \"on_half_close\": \"cancel\"}]}";
    struct wr_options *o = read_all(text, NULL, 0);
    char *again;

    (void)state;
    check_limits(wr_options_root(o));
    again = wr_options_format(o);
    assert_non_null(again);
    wr_options_free(o);
    o = read_all(again, NULL, 0);
    check_limits(wr_options_root(o));
    wr_options_free(o);
    free(again);
}

static void options__own_object__has_its_place_and_no_comments(void **state)
{
    struct wr_options *o = read_all(full, NULL, 0);
    const struct wr_object *config = &wr_options_root(o)->routes.v[1].config;
    char pointer[64];

    (void)state;
    assert_int_equal(config->place.line, 10);
    assert_int_equal(config->place.column, 20);
    assert_string_equal(config->text, "{\"a\":      \n    [1.50, \"//\"]}");
    wr_json_pointer(config->at, pointer, sizeof pointer);
    assert_string_equal(pointer, "/routes/1/config");
    wr_options_free(o);
}

static void options__byte_order_mark__is_no_text(void **state)
{
    struct wr_options *o = read_all("\xef\xbb\xbf{\"loops\":3}", NULL, 0);

    (void)state;
    assert_int_equal(wr_options_root(o)->loops, 3);
    wr_options_free(o);
}

/* ---- what was given ---- */

static void options__has__says_what_was_given(void **state)
{
    const struct wr_options_set set = {"log.level", "\"info\"", NULL};
    struct wr_options *o = read_all("{\"log\":{\"file\":null},\"queue\":1024}", &set, 1);

    (void)state;
    assert_true(wr_options_has(o, "log.file") && wr_options_has(o, "log.level"));
    assert_true(wr_options_has(o, "log") && wr_options_has(o, "queue"));
    assert_false(wr_options_has(o, "log.format") || wr_options_has(o, "threads"));
    assert_false(wr_options_has(o, "access_log.file") || wr_options_has(o, "access_log"));
    assert_false(wr_options_has(o, "log.") || wr_options_has(o, "") || wr_options_has(o, "nope"));
    assert_string_equal(wr_options_label(o), "w");
    wr_options_free(o);
}

static void options__sets__go_before_the_text(void **state)
{
    const struct wr_options_set sets[] = {
        {"limits.head_bytes_max", "2048", NULL},
        {"limits.head_bytes_max", "4096 // the later", NULL},
        {"log", "{\"level\": \"debug\"}", NULL},
        {"listen", "[\":1\"]", NULL},
        {"plugin_folder", "\"p\"", "/cwd"},
        {"access_log.file", "\"p\"", NULL},
        {"user", "null", NULL},
    };
    struct wr_options *o = read_all("{\"limits\":{\"head_bytes_max\":1024,\"fields_max\":9},"
                                    "\"log\":{\"format\":\"json\"},\"user\":\"x\"}",
                                    sets, WR_COUNT(sets));
    const struct wr_root_options *r = wr_options_root(o);

    (void)state;
    assert_int_equal(r->limits.head_bytes_max, 4096);
    assert_int_equal(r->limits.fields_max, 9);
    assert_int_equal(r->log.level, 3);
    assert_int_equal(r->log.format, 1);
    assert_int_equal(r->listen.n, 1);
    assert_string_equal(r->listen.v[0], ":1");
    assert_string_equal(r->plugin_folder_path, "/cwd/p");
    assert_string_equal(r->access_log.file, "p");
    assert_null(r->user);
    wr_options_free(o);
}

static const struct {
    const char *key, *json, *error;
} bad_sets[] = {
    {"limits.head_bytes_max", "5",
     "limits.head_bytes_max: expected an integer from 1024 to 1048576, found 5"},
    {"limits.head_byte_max", "5",
     "limits.head_byte_max: this key is not known; did you mean \"limits.head_bytes_max\"?"},
    {"head_bytes", "5", "head_bytes: this key is not known"},
    {"logs.level", "5", "logs.level: this key is not known; did you mean \"log.level\"?"},
    {"loops.x", "5", "loops.x: this key is not known; did you mean \"loops\"?"},
    {"", "5", ": this key is not known"},
    {"routes", "[]", "routes: expected a key that can be set by itself; routes and hosts cannot"},
    {"hosts", "[]", "hosts: expected a key that can be set by itself; routes and hosts cannot"},
    {"log", "{\"levl\":1}", "log: /levl: this key is not known; did you mean \"level\"?"},
    {"log", "{\"level\":1,\n\"level\":\"info\"}",
     "log: /level: expected \"error\", \"warning\", \"info\" or \"debug\", found 1\n"
     "log: /level: this key was already given"},
    {"listen", "[\":1\",\":1\"]", "listen: /1: this address was already given"},
    {"loops", "1 /*",
     "loops: expected a value in JSON: expected \"*/\" at the end of this comment, "
     "found none"},
};

static void options__sets_that_are_wrong__are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(bad_sets); i++) {
        const struct wr_options_set set = {bad_sets[i].key, bad_sets[i].json, NULL};
        struct wr_errors errors = {0};

        assert_false(wr_options_check_set(&set, &errors));
        assert_string_equal(errors.text, bad_sets[i].error);
        wr_errors_free(&errors);
    }
}

static void options__errors_of_sets__follow_those_of_the_text(void **state)
{
    const struct wr_options_source source = {.label = "w", .text = "{\"loops\":-1}", .n = 12};
    const struct wr_options_set sets[] = {{"user", "www", NULL}, {"queue", "0", NULL}};
    struct wr_errors errors = {0};

    (void)state;
    assert_null(wr_options_read(&source, sets, 2, &errors));
    assert_int_equal(errors.count, 3);
    assert_non_null(strstr(errors.text, "w:1:10: /loops: expected an integer from 0 to 1024, "
                                        "found -1\nuser: expected a value in JSON: "));
    assert_non_null(strstr(errors.text, "\nqueue: expected an integer from 1 to 1000000, found 0"));
    wr_errors_free(&errors);
}

/* ---- errors found later ---- */

static void options__later_errors__have_their_place(void **state)
{
    const struct wr_options_set sets[] = {{"log.file", "\"x\"", NULL}, {"user", "\"u\"", NULL}};
    struct wr_options *o = read_all(full, sets, 2);
    const struct wr_root_options *r = wr_options_root(o);
    struct wr_errors errors = {0};

    (void)state;
    wr_options_error(o, r->routes.v[1].at, "plugin", &errors, "no %s\nhere", "file");
    wr_options_error(o, r->routes.v[0].at, NULL, &errors, "a");
    wr_options_error(o, r->listen.at[1], NULL, &errors, "b");
    wr_options_error(o, r->error_pages.v[1].at, NULL, &errors, "c");
    wr_options_error(o, r->log.at, "file", &errors, "d");
    wr_options_error(o, r->log.at, "level", &errors, "e");
    wr_options_error(o, r->at, "user", &errors, "f");
    wr_options_error(o, r->at, "threads", &errors, "g");
    assert_string_equal(errors.text, "w:9:36: /routes/1/plugin: no file here\n"
                                     "w:8:13: /routes/0: a\n"
                                     "w:2:19: /listen/1: b\n"
                                     "w:7:44: /error_pages/5xx: c\n"
                                     "log.file: d\n"
                                     "w:5:38: /log/level: e\n"
                                     "user: f\n"
                                     "w:2:1: /threads: g");
    wr_errors_free(&errors);
    wr_options_free(o);
    o = read_all(NULL, NULL, 0);
    wr_options_error(o, wr_options_root(o)->listen.at[0], NULL, &errors, "h");
    assert_string_equal(errors.text, "(default):(default): /listen/0: h");
    wr_errors_free(&errors);
    wr_options_free(o);
}

static void errors__too_many__end_in_a_line_that_says_so(void **state)
{
    static char line[40001];
    struct wr_errors errors = {0};

    (void)state;
    memset(line, 'x', 40000);
    wr_errors_add(&errors, line);
    wr_errors_add(&errors, line);
    wr_errors_add(&errors, "y");
    assert_int_equal(errors.count, 3);
    assert_int_equal(errors.n, 40001 + strlen("(there are more errors)"));
    assert_string_equal(errors.text + 40000, "\n(there are more errors)");
    wr_errors_free(&errors);
    assert_null(errors.text);
}

/* ---- the schema ---- */

static json_t *at(json_t *value, const char *keys)
{
    char copy[128], *rest = copy, *key;

    snprintf(copy, sizeof copy, "%s", keys);
    while ((key = strsep(&rest, " ")))
        value = json_object_get(value, key);
    if (!value)
        fail_msg("%s", keys);
    return value;
}

static void schema__is_json_with_what_the_table_says(void **state)
{
    char *text = wr_options_schema();
    json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    (void)state;
    assert_non_null(schema);
    assert_string_equal(json_string_value(at(schema, "$schema")),
                        "http://json-schema.org/draft-07/schema#");
    assert_true(json_is_false(at(schema, "additionalProperties")));
    assert_int_equal(json_object_size(at(schema, "properties")), 15 + 1); /* $schema */
    assert_int_equal(json_integer_value(at(schema, "properties loops maximum")), 1024);
    assert_int_equal(
        json_integer_value(at(schema, "definitions limits properties head_bytes_max minimum")),
        1024);
    assert_int_equal(
        json_integer_value(at(schema, "definitions limits properties head_bytes_max default")),
        32768);
    assert_string_equal(
        json_string_value(at(schema, "definitions limits properties fields_max description")),
        "Header fields of a request, or 431.");
    assert_int_equal(json_array_size(at(schema, "definitions log properties level enum")), 4);
    assert_int_equal(json_array_size(at(schema, "definitions route properties status enum")), 5);
    assert_int_equal(json_array_size(at(schema, "definitions route oneOf")), 4);
    assert_true(json_is_false(at(schema, "definitions route additionalProperties")));
    assert_true(json_is_null(at(schema, "properties unix_mode default")));
    json_decref(schema);
    free(text);
}

static void schema__of_folders__refuses_the_keys_of_others(void **state)
{
    char *text = wr_options_schema();
    json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *kinds;

    (void)state;
    assert_non_null(schema);
    kinds = at(schema, "definitions route oneOf");
    assert_null(json_object_get(json_object_get(json_array_get(kinds, 0), "properties"), "rules"));
    assert_true(json_is_false(at(json_array_get(kinds, 0), "properties config")));
    assert_true(json_is_false(at(json_array_get(kinds, 1), "properties rules")));
    assert_true(json_is_false(at(json_array_get(kinds, 2), "properties try")));
    assert_true(json_is_false(at(json_array_get(kinds, 3), "properties compress")));
    assert_null(json_object_get(at(schema, "definitions route properties try"), "minItems"));
    assert_int_equal(json_integer_value(at(schema, "definitions host properties names minItems")),
                     1);
    assert_string_equal(json_string_value(at(schema, "definitions route properties types "
                                                     "additionalProperties type")),
                        "string");
    assert_int_equal(json_array_size(at(schema, "definitions rule properties fields "
                                                "additionalProperties type")),
                     2);
    assert_int_equal(json_array_size(at(schema, "definitions rule anyOf")), 5);
    json_decref(schema);
    free(text);
}

WR_TESTS(cmocka_unit_test(options__defaults__are_those_of_the_manual),
         cmocka_unit_test(options__text_of_the_defaults__reads_back),
         cmocka_unit_test(options__values__are_read_and_read_back),
         cmocka_unit_test(options__keys_of_folders__are_read_and_read_back),
         cmocka_unit_test(options__limits_of_routes__are_read_and_read_back),
         cmocka_unit_test(options__own_object__has_its_place_and_no_comments),
         cmocka_unit_test(options__byte_order_mark__is_no_text),
         cmocka_unit_test(options__has__says_what_was_given),
         cmocka_unit_test(options__sets__go_before_the_text),
         cmocka_unit_test(options__sets_that_are_wrong__are_told),
         cmocka_unit_test(options__errors_of_sets__follow_those_of_the_text),
         cmocka_unit_test(options__later_errors__have_their_place),
         cmocka_unit_test(errors__too_many__end_in_a_line_that_says_so),
         cmocka_unit_test(options__schema_of_an_editor__says_nothing),
         cmocka_unit_test(schema__is_json_with_what_the_table_says),
         cmocka_unit_test(schema__of_folders__refuses_the_keys_of_others));
