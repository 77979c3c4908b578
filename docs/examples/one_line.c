/*
 * one_line.c — a folder on a port, in one line.
 *
 *     cc -o one_line one_line.c $(pkg-config --cflags --libs weir)
 *     ./one_line 8080 ./site
 *
 * weir_serve() answers until the process ends, so it comes back only with an error; what it was is
 * on standard error by then. Port 0 takes a free one.
 */
#include <weir/server.h>

#include <stdlib.h>

int main(int argc, char **argv)
{
    const unsigned long port = argc > 1 ? strtoul(argv[1], NULL, 10) : 8080;

    if (port > UINT16_MAX)
        return 2;
    return weir_serve((uint16_t)port, argc > 2 ? argv[2] : ".") < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
