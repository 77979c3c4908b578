/*
 * main.c — what runs every cmocka group: a watchdog, and a count of descriptors before and after.
 *
 * A test program defines `const struct wr_test_group wr_tests` by WR_TESTS(...).
 */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WATCHDOG_S 110 /* below ctest's own limit, so that the core shows where it hung */

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    if (!d)
        return -1;
    while (readdir(d)) /* NOLINT(concurrency-mt-unsafe): no second thread yet, or any more */
        n++;
    closedir(d);
    return n;
}

int main(void)
{
    int before = open_descriptors(), failed, after;

    alarm(WATCHDOG_S);
    failed = wr_tests.run();
    after = open_descriptors();
    if (after != before) {
        fprintf(stderr, "descriptors leaked: %d before, %d after\n", before, after);
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
