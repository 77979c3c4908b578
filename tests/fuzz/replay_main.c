/*
 * replay_main.c — runs a fuzz target on stored inputs, with any compiler: an ordinary test.
 *
 * The arguments are files and folders, which are not searched deeper. It fails when there was
 * nothing to run: a corpus that got lost must not look like one that passed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define INPUT_MAX 1048576 /* bytes; libFuzzer writes none above it */

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *whole = malloc(INPUT_MAX), *data;
    size_t n = f && whole ? fread(whole, 1, INPUT_MAX, f) : 0;

    data = malloc(n > 0 ? n : 1); /* of the exact size, so that a sanitizer sees a read behind it */
    if (f && whole && data && !ferror(f)) {
        for (size_t i = 0; i < n; i++)
            data[i] = whole[i];
        LLVMFuzzerTestOneInput(data, n);
    } else {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fclose(f);
    free(whole);
    free(data);
    return 1;
}

static int run_folder(DIR *folder, const char *path)
{
    char name[4096];
    int runs = 0;

    for (struct dirent *e; (e = readdir(folder));) { /* NOLINT(concurrency-mt-unsafe) */
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        runs += run_file(name);
    }
    return runs;
}

int main(int argc, char **argv)
{
    int runs = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);

        runs += folder ? run_folder(folder, argv[i]) : run_file(argv[i]);
        if (folder)
            closedir(folder);
    }
    printf("%d inputs\n", runs);
    return runs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
