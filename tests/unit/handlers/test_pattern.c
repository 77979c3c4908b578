#include "handlers/pattern.h"

#include <stdlib.h>

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* ---- patterns ---- */

static const struct {
    struct wr_slice pattern, path;
    bool want;
    const char *why;
} matches[] = {
    /* without '/': the last segment */
    {S("*.css"), S("/a.css"), true, "in the root"},
    {S("*.css"), S("/x/y/a.css"), true, "in any folder"},
    {S("*.css"), S("/.css"), true, "no characters"},
    {S("*.css"), S("/a.css/b"), false, "a folder"},
    {S("*.css"), S("/a.css/"), false, "a folder"},
    {S("*.css"), S("/a.cssx"), false, "more behind"},
    {S("*.css"), S("/a.CSS"), false, "case matters"},
    {S("*.css"), S("/acss"), false, "the dot is a dot"},
    {S("robots.txt"), S("/robots.txt"), true, "no star"},
    {S("robots.txt"), S("/a/robots.txt"), true, "no star, in a folder"},
    {S("robots.txt"), S("/arobots.txt"), false, "more in front"},
    {S("robots.txt"), S("/robots.tx"), false, "less"},
    {S("*"), S("/"), true, "the address of a folder has an empty last segment"},
    {S("*"), S("/a"), true, "any"},
    {S("**"), S("/a/b"), true, "any"},
    {S("?"), S("/a"), true, "one"},
    {S("?"), S("/"), false, "none"},
    {S("?"), S("/ab"), false, "two"},
    {S("?"), S("/\xc3\xa9"), false, "a character of two bytes"},
    {S("??"), S("/\xc3\xa9"), true, "a character of two bytes"},
    {S("a?c"), S("/abc"), true, "within"},
    {S("a*c"), S("/ac"), true, "none"},
    {S("a*c"), S("/abbbc"), true, "many"},
    {S("a*c"), S("/abcbc"), true, "not the first c"},
    {S("a*c"), S("/abcb"), false, "no c at the end"},
    {S("*a*b*"), S("/xaxbx"), true, "three stars"},
    {S("*a*b*"), S("/xbxax"), false, "three stars, in another order"},
    {S("*.min.*"), S("/a.min.js"), true, "two stars"},
    {S(".*"), S("/.htaccess"), true, "a dot in front"},
    {S("*"), S("/.htaccess"), true, "a dot in front is not special"},
    {S("[ab]"), S("/a"), false, "a bracket is not special"},
    {S("[ab]"), S("/[ab]"), true, "a bracket is not special"},
    {S("!a"), S("/!a"), true, "nor an exclamation mark"},
    {S("#a"), S("/#a"), true, "nor a number sign"},
    {S("{a,b}"), S("/{a,b}"), true, "nor braces"},
    {S("\xc3\xa9*"), S("/\xc3\xa9t\xc3\xa9"), true, "UTF-8"},
    {S("*\xff"), S("/\xfe\xff"), true, "other bytes"},
    {S("a*"), S("/a\nb"), true, "a control character"},
    {S("*"), S("/a\0b"), true, "NUL"},
    {S("a"), S("/a\0b"), false, "NUL"},
    /* escapes */
    {S("\\*"), S("/*"), true, "a star"},
    {S("\\*"), S("/a"), false, "a star"},
    {S("\\?"), S("/?"), true, "a question mark"},
    {S("\\?"), S("/a"), false, "a question mark"},
    {S("\\\\"), S("/\\"), true, "a backslash"},
    {S("\\a"), S("/a"), true, "of what is not special"},
    {S("\\**"), S("/*abc"), true, "then a star"},
    {S("\\**"), S("/abc"), false, "then a star"},
    {S("*\\*"), S("/ab*"), true, "behind a star"},
    {S("*\\**"), S("/ab*cd"), true, "between stars"},
    {S("*\\**"), S("/abcd"), false, "between stars"},
    {S("/\\**/b"), S("/*a/b"), true, "not two stars"},
    {S("/\\**/b"), S("/*/c/b"), false, "not two stars"},
    /* '/' in front: the whole path */
    {S("/a"), S("/a"), true, "the path"},
    {S("/a"), S("/a/"), false, "a folder"},
    {S("/a"), S("/a/b"), false, "beneath"},
    {S("/a"), S("/b/a"), false, "in another folder"},
    {S("/a"), S("/ab"), false, "more"},
    {S("/a"), S("/A"), false, "case matters"},
    {S("/a/b"), S("/a/b"), true, "two segments"},
    {S("/*"), S("/a"), true, "any in the root"},
    {S("/*"), S("/"), true, "the root"},
    {S("/*"), S("/a/b"), false, "'*' stops at '/'"},
    {S("/*.css"), S("/a.css"), true, "in the root"},
    {S("/*.css"), S("/x/a.css"), false, "not in a folder"},
    {S("/a/*.css"), S("/a/b.css"), true, "in a folder"},
    {S("/a/*.css"), S("/a/b/c.css"), false, "not beneath it"},
    {S("/a/*/c"), S("/a/b/c"), true, "one folder"},
    {S("/a/*/c"), S("/a/b/b/c"), false, "two"},
    {S("/a/*/c"), S("/a/c"), false, "none"},
    {S("/a/?/c"), S("/a/b/c"), true, "one character"},
    {S("/a?c"), S("/a/c"), false, "'?' is no '/'"},
    {S("/*/*/*"), S("/a/b/c"), true, "three"},
    {S("/*/*/*"), S("/a/b"), false, "two"},
    /* two stars */
    {S("/a/**"), S("/a/b"), true, "beneath"},
    {S("/a/**"), S("/a/b/c.d"), true, "beneath, deeper"},
    {S("/a/**"), S("/a/"), true, "the address of the folder"},
    {S("/a/**"), S("/a"), false, "not the folder without '/'"},
    {S("/a/**"), S("/ab/c"), false, "another folder"},
    {S("/a/***"), S("/a/b/c"), true, "three"},
    {S("/a\\**"), S("/a*b"), true, "the first is a star"},
    {S("/a\\**"), S("/a*b/c"), false, "the second stops at '/'"},
    {S("/a\\**"), S("/ab"), false, "the first is a star"},
    {S("/a\\***"), S("/a*b/c"), true, "the others are two"},
    {S("/a\\***"), S("/ab/c"), false, "the others are two"},
    {S("/a**"), S("/ab/c"), true, "not behind a '/'"},
    {S("/**"), S("/"), true, "all"},
    {S("/**"), S("/a/b/c"), true, "all"},
    {S("/**.css"), S("/a/b.css"), true, "in any folder"},
    {S("/**/b"), S("/b"), true, "no folder"},
    {S("/**/b"), S("/a/b"), true, "one folder"},
    {S("/**/b"), S("/a/a/b"), true, "two"},
    {S("/**/b"), S("/ab"), false, "'/' has to be there"},
    {S("/**/b"), S("/a/ab"), false, "'/' has to be there"},
    {S("/**/b"), S("/b/c"), false, "more behind"},
    {S("/a/**/b"), S("/a/b"), true, "no folder"},
    {S("/a/**/b"), S("/a/x/y/b"), true, "two"},
    {S("/a/**/b"), S("/a/xb"), false, "'/' has to be there"},
    {S("/a/**/b"), S("/axb"), false, "both '/' have to be there"},
    {S("/a**/b"), S("/a/b"), true, "not behind a '/': no characters"},
    {S("/a**/b"), S("/ab"), false, "not behind a '/': the '/' has to be there"},
    {S("/**/a/**/b"), S("/a/b"), true, "twice none"},
    {S("/**/a/**/b"), S("/x/a/y/b"), true, "twice"},
    {S("/**/**/b"), S("/b"), true, "one behind the other"},
    {S("/**/*.css"), S("/a.css"), true, "then a star"},
    {S("/**/*.css"), S("/x/y/a.css"), true, "then a star"},
    {S("/***/b"), S("/a/c/b"), true, "three stars are two"},
    {S("/***/b"), S("/b"), true, "three stars are two"},
    {S("/**a**b"), S("/x/a/y/b"), true, "over folders"},
    {S("/a**/*.js"), S("/ab/c/d.js"), true, "one of each"},
    {S("/a**x*y"), S("/a/x/b/xzy"), true, "the star is tried in a later folder"},
    {S("/a**x*y"), S("/a/x/b/y"), false, "the star stops at '/'"},
    /* '/' at the end: a folder and all beneath */
    {S("/a/"), S("/a"), true, "the folder"},
    {S("/a/"), S("/a/"), true, "its address"},
    {S("/a/"), S("/a/b/c"), true, "beneath"},
    {S("/a/"), S("/ab"), false, "another"},
    {S("/a/"), S("/ab/c"), false, "another"},
    {S("/a/"), S("/b/a/c"), false, "the same name deeper"},
    {S("/"), S("/"), true, "all"},
    {S("/"), S("/a/b"), true, "all"},
    {S("/*/a/"), S("/x/a/b"), true, "a star"},
    {S("/*/a/"), S("/x/y/a/b"), false, "a star"},
    {S("/**/a/"), S("/x/y/a/b"), true, "two stars"},
    {S("/**/a/"), S("/a"), true, "two stars for no folder"},
    {S("/**/a/"), S("/x/ab/c"), false, "another"},
    {S("/a*/"), S("/abc/d"), true, "a star at the end"},
    {S("/a/*/"), S("/a/b"), true, "each in the folder"},
    {S("/a/*/"), S("/a"), false, "not the folder itself"},
    /* '/' at the end alone: a folder of that name anywhere */
    {S("a/"), S("/a"), true, "in the root"},
    {S("a/"), S("/a/b"), true, "beneath"},
    {S("a/"), S("/x/y/a/b/c"), true, "beneath, deeper"},
    {S("a/"), S("/x/a"), true, "the folder"},
    {S("a/"), S("/x/ab/c"), false, "another"},
    {S("a/"), S("/x/ba"), false, "another"},
    {S(".git/"), S("/x/.git/config"), true, "a dot"},
    {S("*.d/"), S("/x/a.d/b"), true, "a star"},
    {S("*.d/"), S("/x/ad/b"), false, "a star"},
    {S("*/"), S("/"), false, "the root has no name"},
    {S("*/"), S("/a"), true, "all but the root"},
    /* what wr_pattern_check() refuses */
    {S(""), S("/"), false, "empty"},
    {{NULL, 0}, S("/"), false, "absent"},
    {S("a/b"), S("/a/b"), false, "a '/' inside"},
    {S("\\"), S("/\\"), true, "a backslash at the end"},
    {S("//"), S("/a"), false, "two '/'"},
    {S("/a\\"), S("/a\\"), true, "a backslash at the end"},
};

static void pattern__path__is_matched(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(matches); i++)
        if (wr_pattern_matches(matches[i].pattern, matches[i].path) != matches[i].want)
            fail_msg("\"%s\" with \"%s\" (%s)", matches[i].pattern.p, matches[i].path.p,
                     matches[i].why);
}

#define N 8192

/* Patterns that take exponential or cubic time when choices are taken back. */
static void pattern__stars__are_matched_in_no_time(void **state)
{
    static const char *const patterns[] = {"/**a**a**a**a**a**a**a**a**a**b",
                                           "/*a*a*a*a*a*a*a*a*a*a*a*a*b",
                                           "/**a*a*a*a*a*a*a*a*b",
                                           "/**/**/**/**/**/**/**/**/**/b",
                                           "/**/*a*/*a*/*a*/*b",
                                           "*a*a*a*a*a*a*a*a*b",
                                           "/***a***a***a***b",
                                           "a*a*a*a*a*a*a*b/",
                                           "/**/*/**/*/**/*/b"};
    char *path = malloc(N);

    (void)state;
    assert_non_null(path);
    for (size_t folder = 2; folder <= N; folder *= 16) { /* a '/' after so many bytes */
        for (size_t i = 0; i < N; i++)
            path[i] = i % folder == 0 ? '/' : 'a';
        for (size_t i = 0; i < WR_COUNT(patterns); i++)
            assert_false(wr_pattern_matches(wr_slice_of(patterns[i]), wr_slice(path, N)));
        path[N - 1] = 'b';
        assert_true(wr_pattern_matches(WR_SLICE("/**a**a**a**b"), wr_slice(path, N)));
    }
    free(path);
}

static void pattern__longest__is_matched(void **state)
{
    char pattern[WR_PATTERN_MAX + 2], path[WR_PATTERN_MAX + 1];

    (void)state;
    memset(pattern, 'a', sizeof pattern);
    memset(path, 'a', sizeof path);
    pattern[0] = path[0] = '/';
    assert_true(
        wr_pattern_matches(wr_slice(pattern, WR_PATTERN_MAX), wr_slice(path, WR_PATTERN_MAX)));
    assert_false(wr_pattern_matches(wr_slice(pattern, WR_PATTERN_MAX + 1),
                                    wr_slice(path, WR_PATTERN_MAX + 1)));
    assert_false(
        wr_pattern_matches(wr_slice(pattern, WR_PATTERN_MAX), wr_slice(path, WR_PATTERN_MAX + 1)));
    pattern[WR_PATTERN_MAX] = '\0';
    assert_null(wr_pattern_check(pattern));
    pattern[WR_PATTERN_MAX] = 'a';
    pattern[WR_PATTERN_MAX + 1] = '\0';
    assert_string_equal(wr_pattern_check(pattern), "a pattern of at most 255 bytes");
}

static const struct {
    const char *pattern, *want;
} checks[] = {
    {"*.css", NULL},
    {"*", NULL},
    {"a", NULL},
    {"/", NULL},
    {"/a", NULL},
    {"/a/", NULL},
    {"/a/**", NULL},
    {"/**/a/*.js", NULL},
    {"a/", NULL},
    {".git/", NULL},
    {"/.well-known/", NULL},
    {"/...", NULL},
    {"\\*", NULL},
    {"/a\\\\/b", NULL}, /* a backslash, then '/' */
    {"/posts/\\[id].js", NULL},
    {"\\{a}", NULL},
    {"a]", NULL},
    {"*.{bak,old}", "a pattern without [ab] and {a,b}, or '\\' in front of the bracket"},
    {"/[ab]/", "a pattern without [ab] and {a,b}, or '\\' in front of the bracket"},
    {"", "a pattern"},
    {"a/b", "a pattern that begins with '/', or has none but at its end"},
    {"a/b/", "a pattern that begins with '/', or has none but at its end"},
    {"**/a", "a pattern that begins with '/', or has none but at its end"},
    {"a//", "a pattern that begins with '/', or has none but at its end"},
    {"//", "a pattern without \"//\""},
    {"/a//b", "a pattern without \"//\""},
    {"/a//", "a pattern without \"//\""},
    {"/./a", "a pattern without \".\" and \"..\""},
    {"/a/../b", "a pattern without \".\" and \"..\""},
    {"/a/..", "a pattern without \".\" and \"..\""},
    {"..", "a pattern without \".\" and \"..\""},
    {"./", "a pattern without \".\" and \"..\""},
    {"\\", "a character that '\\' stands in front of, and not '/'"},
    {"/a\\", "a character that '\\' stands in front of, and not '/'"},
    {"\\\\\\", "a character that '\\' stands in front of, and not '/'"},
    {"/a\\/b", "a character that '\\' stands in front of, and not '/'"},
};

static void pattern__check__says_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(checks); i++) {
        const char *got = wr_pattern_check(checks[i].pattern);

        if (checks[i].want ? !got || strcmp(got, checks[i].want) != 0 : got != NULL)
            fail_msg("\"%s\": %s", checks[i].pattern, got ? got : "nothing");
    }
}

/* ---- names with a hash ---- */

static const char *const hashed[] = {
    /* webpack, Vue, CRA, Parcel, MkDocs, Propshaft: 8 hexadecimal digits */
    "/app.3f2a9c1b.js",
    "/static/js/main.8d1c2f3a.chunk.js",
    "/assets/javascripts/bundle.8fd75fb4.min.js",
    "/assets/stylesheets/palette.06af60db.min.css",
    "/index.4f7fa8b2.js",
    "/style-3f2a9c1b.css",
    "/fonts/inter_3f2a9c1b.woff2",
    "/app.3F2A9C1B.js",
    /* shorter and longer */
    "/main.8d1c2f.chunk.css",
    "/logo.4f7fa8b2c0.svg",
    "/static/base.27e20196a850.css", /* Django */
    "/main.3f2a9c1b4d5e6f70.js",     /* Angular */
    "/_next/static/chunks/117-8a7b6c5d4e3f2a1b.js",
    "/main.0a1b2c3d4e5f6a7b8c9d.js",               /* webpack's own */
    "/0a1b2c3d4e5f6a7b8c9d.png",                   /* its assets */
    "/vendor-d41d8cd98f00b204e9800998ecf8427e.js", /* MD5 */
    "/app-da39a3ee5e6b4b0d3255bfef95601890afd80709.css",
    "/style-5f2b8e1c3a4d6f7081929394a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e.min.css",
    "/style.min.e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.css", /* Hugo */
    "/e3b0c44298fc1c149afbf4c8996fb924.wasm",
    /* Vite and Rollup: 8 of base64url, from Vite's own templates and by hand */
    "/assets/index-BqW9xk3z.js",
    "/assets/index-f40OySzR.js",
    "/assets/react-CHdo91hT.svg",
    "/assets/index-DVoHNO1Y.js",
    "/assets/index-n_ryQ3BS.css",
    "/assets/index-B-W9xk3z.js",
    "/assets/index-legacy-BqW9xk3z.js",
    "/_app/immutable/entry/start.BqW9xk3z.js", /* SvelteKit */
    "/assets/guide_index.md.BqW9xk3z.lean.js", /* VitePress */
    "/assets/my-app-aZbYcXdW.js",
    /* esbuild */
    "/chunk-M4KX7QZ2.js",
    "/main-A2BC3DE4.js",
    /* many endings */
    "/app.3f2a9c1b.js.map",
    "/app-3f2a9c1b.tar.gz",
    "/a.b.c.3f2a9c1b.d.e.f",
    "/.app.3f2a9c1b.js",
};

static const char *const not_hashed[] = {
    "/",
    "",
    "/index.html",
    "/app.js",
    "/favicon.ico",
    /* versions */
    "/jquery-3.7.1.min.js",
    "/bootstrap-5.3.3-dist.zip",
    "/d3.v7.min.js",
    "/three.r128.js",
    "/lodash-es2015.js",
    "/app-1.0.0-beta.10.js",
    "/linux-6.12.57.tar.xz",
    "/weir_0.1.0-1_amd64.deb",
    "/python3.11-minimal_3.11.2-6_arm64.deb",
    /* dates and numbers */
    "/report-20240131.pdf",
    "/report.20240131.pdf",
    "/report-2024-01-31.pdf",
    "/backup_20240131T101500Z.tar",
    "/photo-12345678.jpg",
    "/photo.12345678.jpg",
    "/IMG_20240131_101500.jpg",
    "/scan-2024-001.png",
    "/12345678901234567890.jpg",
    "/dump-01dec2023.sql",
    "/dump-feb2024.sql",
    "/dump.2024dec.sql",
    "/dump-20feb24.sql",
    "/dump.12feb24.sql",
    "/cafe2023.jpg",
    "/menu-cafe2023.pdf",
    "/part-a1234567.pdf",
    "/part-1234567a.pdf",
    "/part.abc123.stl",
    /* words */
    "/bootstrap.bundle.min.js",
    "/my-document.html",
    "/README.changelog.md",
    "/application-settings.js",
    "/the-facade.jpg",
    "/the.facade.jpg",
    "/the-deadbeef.jpg",
    "/effaced.png",
    "/face2face.mp4",
    "/user-Settings.js",
    "/my-Document.pdf",
    "/icon-HomePage.svg",
    "/component.UserList.js",
    "/app-iPhone14.png",
    "/logo-OpenSSL3.svg",
    "/jdk-JavaSE17.zip",
    "/my-App-v2-Beta1.js",
    "/holiday-IMG_1234.jpg",
    "/report-Final_v2.doc",
    "/icon-android8.png",
    "/api-version2.js",
    "/notes-FEATURES.txt",
    "/photo-DSC27364.jpg",
    "/README-IMPORTANT.txt",
    "/map-ABCDEF23.svg",
    /* colours, and a hash too short */
    "/swatch-1e90ff.png",
    "/app.3f2a9.js",
    "/app-3f2a9c1.js",
    /* of a length that no tool writes */
    "/app.3f2a9c1b4.js",
    "/app.3f2a9c1b4d5.js",
    /* in both cases, or with other letters */
    "/app.3F2a9c1b4d5e.js",
    "/app.3g2a9c1b.js",
    "/app.x3f2a9c1b.js",
    /* not where a hash is */
    "/3f2a9c1b.js",
    "/3f2a9c1b-app.js",
    "/BqW9xk3z.js",
    "/-BqW9xk3z.js",
    "/app.3f2a9c1b",
    "/app.3f2a9c1b.",
    "/3f2a9c1b/app.js",
    "/app.3f2a9c1b.js/",
    "/app.3f2a9c1b.js/readme.txt",
    "/objects/4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "/app_BqW9xk3z.js",
    /* pages */
    "/app.3f2a9c1b.html",
    "/app.3f2a9c1b.HTM",
    "/app-BqW9xk3z.xhtml",
    /* UUIDs */
    "/550e8400-e29b-41d4-a716-446655440000.jpg",
    "/avatar-1b4e28ba-2fa1-11d2-883f-0016d3cca427.png",
    "/file.6ba7b810-9dad-11d1-80b4-00c04fd430c8.bin",
};

static void pattern__names_of_bundlers__have_a_hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(hashed); i++)
        if (!wr_name_is_hashed(wr_slice_of(hashed[i])))
            fail_msg("%s", hashed[i]);
}

static void pattern__other_names__have_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(not_hashed); i++)
        if (wr_name_is_hashed(wr_slice_of(not_hashed[i])))
            fail_msg("%s", not_hashed[i]);
    assert_false(wr_name_is_hashed(wr_slice(NULL, 0)));
    assert_false(wr_name_is_hashed(WR_SLICE("/app.3f2a\0c1b.js")));
    assert_false(wr_name_is_hashed(wr_slice("/app.3f2a9c1b.js", 14)));
}

WR_TESTS(cmocka_unit_test(pattern__path__is_matched),
         cmocka_unit_test(pattern__stars__are_matched_in_no_time),
         cmocka_unit_test(pattern__longest__is_matched),
         cmocka_unit_test(pattern__check__says_what_was_expected),
         cmocka_unit_test(pattern__names_of_bundlers__have_a_hash),
         cmocka_unit_test(pattern__other_names__have_none));
