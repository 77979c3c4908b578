/*
 * test_upload.c — the example upload, called as the server calls it, but without a server.
 */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES 200000

extern const weir_plugin weir_plugin_v1;

struct place {
    weir_test *t;
    char folder[32];
};

static int mount(void **state)
{
    static struct place place;
    char config[128];

    snprintf(place.folder, sizeof place.folder, "/tmp/weir-upload-XXXXXX");
    if (!mkdtemp(place.folder))
        return -1;
    snprintf(config, sizeof config, "{\"folder\": \"%s\", \"max_bytes\": %d}", place.folder,
             MAX_BYTES);
    place.t = weir_test_new(&weir_plugin_v1, "/upload", config);
    *state = &place;
    return place.t && !weir_test_error(place.t) ? 0 : -1;
}

/* The path of a file in the folder. */
static void path_of(const struct place *p, const char *name, char path[static 320])
{
    snprintf(path, 320, "%s/%s", p->folder, name);
}

/* Files in the folder, also hidden ones; they are removed when `removes` is set. */
static int count_files(const struct place *p, int removes)
{
    DIR *d = opendir(p->folder);
    const struct dirent *entry;
    char path[320];
    int n = 0;

    assert_non_null(d);
    while ((entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n++;
        path_of(p, entry->d_name, path);
        if (removes)
            assert_int_equal(remove(path), 0);
    }
    closedir(d);
    return n;
}

static int unmount(void **state)
{
    struct place *p = *state;

    weir_test_free(p->t);
    count_files(p, 1);
    return rmdir(p->folder);
}

static const weir_test_response *put(struct place *p, const char *target, const char *body,
                                     size_t n, size_t piece)
{
    const weir_test_response *r = weir_test_call(
        p->t, &(weir_test_request){
                  .method = "PUT", .target = target, .body = body, .body_size = n, .piece = piece});

    assert_non_null(r);
    assert_int_equal(r->is_cut, 0);
    return r;
}

static void check_file(const struct place *p, const char *name, const char *wanted, size_t n)
{
    char path[320], *got = malloc(n + 1);
    FILE *f;

    path_of(p, name, path);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_non_null(got);
    assert_int_equal(fread(got, 1, n + 1, f), n);
    assert_memory_equal(got, wanted, n);
    fclose(f);
    free(got);
}

static void upload__new_file__is_there_and_has_a_location(void **state)
{
    struct place *p = *state;
    const weir_test_response *r = put(p, "/upload/a-1_B.txt", "up\0down", 7, 0);

    assert_int_equal(r->status, 201);
    assert_string_equal(weir_test_field(r, "Location"), "/upload/a-1_B.txt");
    check_file(p, "a-1_B.txt", "up\0down", 7);
    assert_int_equal(count_files(p, 0), 1);
}

static void upload__second_of_a_name__takes_its_place(void **state)
{
    struct place *p = *state;

    assert_int_equal(put(p, "/upload/a", "first", 5, 0)->status, 201);
    assert_int_equal(put(p, "/upload/a", "2nd", 3, 2)->status, 204);
    check_file(p, "a", "2nd", 3);
    assert_int_equal(count_files(p, 0), 1);
}

static void upload__no_content__is_an_empty_file(void **state)
{
    struct place *p = *state;

    assert_int_equal(put(p, "/upload/empty", NULL, 0, 0)->status, 201);
    check_file(p, "empty", "", 0);
}

static void upload__up_to_its_limit__is_taken(void **state)
{
    static char content[MAX_BYTES + 1];
    struct place *p = *state;

    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i % 251);
    assert_int_equal(put(p, "/upload/a", content, MAX_BYTES, 4999)->status, 201);
    check_file(p, "a", content, MAX_BYTES);
    assert_int_equal(put(p, "/upload/b", content, MAX_BYTES + 1, 4999)->status, 413);
    assert_int_equal(put(p, "/upload/a", content, MAX_BYTES + 1, 0)->status, 413);
    check_file(p, "a", content, MAX_BYTES);
    assert_int_equal(count_files(p, 0), 1);
}

static void upload__names_that_lead_elsewhere__are_refused(void **state)
{
    static const char *const targets[] = {
        "/upload",       "/upload/",       "/upload/.",     "/upload/.hidden", "/upload/a/b",
        "/upload/a%2fb", "/upload/%2e%2e", "/upload/a%20b", "/upload/a%0ab",   "/upload/\xc3\xa9",
    };
    char target[160] = "/upload/";
    struct place *p = *state;

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const weir_test_response *r = weir_test_call(
            p->t, &(weir_test_request){
                      .method = "PUT", .target = targets[i], .body = "x", .body_size = 1});

        if (r) /* else it is no request at all, or one for another route */
            assert_in_range(r->status, 400, 404);
    }
    memset(target + 8, 'x', 128);
    assert_int_equal(put(p, target, "x", 1, 0)->status, 400);
    assert_int_equal(count_files(p, 0), 0);
    target[8 + 127] = '\0';
    assert_int_equal(put(p, target, "x", 1, 0)->status, 201);
}

static void upload__folder_in_the_place_of_the_file__is_a_500(void **state)
{
    struct place *p = *state;
    char path[320];

    path_of(p, "a", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(put(p, "/upload/a", "x", 1, 0)->status, 500);
    assert_non_null(strstr(weir_test_log(p->t), "cannot store a: "));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(count_files(p, 0), 0);
}

static void upload__other_methods__are_not_allowed(void **state)
{
    struct place *p = *state;
    const weir_test_response *r = weir_test_get(p->t, "/upload/a");

    assert_non_null(r);
    assert_int_equal(r->status, 405);
    assert_string_equal(weir_test_field(r, "Allow"), "PUT");
}

static void upload__without_a_folder__is_not_loaded(void **state)
{
    static const char *const configs[] = {NULL, "{}", "{\"folder\": \"\"}",
                                          "{\"folder\": \"/nowhere/at/all\"}",
                                          "{\"folder\": \"/tmp\", \"max_bytes\": 0}"};

    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        weir_test *t = weir_test_new(&weir_plugin_v1, "/upload", configs[i]);

        assert_non_null(t);
        assert_non_null(weir_test_error(t));
        weir_test_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(upload__new_file__is_there_and_has_a_location, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(upload__second_of_a_name__takes_its_place, mount, unmount),
        cmocka_unit_test_setup_teardown(upload__no_content__is_an_empty_file, mount, unmount),
        cmocka_unit_test_setup_teardown(upload__up_to_its_limit__is_taken, mount, unmount),
        cmocka_unit_test_setup_teardown(upload__names_that_lead_elsewhere__are_refused, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(upload__folder_in_the_place_of_the_file__is_a_500, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(upload__other_methods__are_not_allowed, mount, unmount),
        cmocka_unit_test(upload__without_a_folder__is_not_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
