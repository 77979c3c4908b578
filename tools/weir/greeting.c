#include "greeting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

int greeting_report(const weir_server *s, int fd)
{
    const char *address;
    int n = 0, err = 0;

    for (uint32_t i = 0; (address = weir_server_address(s, i)) && n >= 0; i++) {
        n = dprintf(fd, "%s\n", address);
        err = errno;
    }
    if (n < 0)
        say("cannot write to --ready-fd %d: %s", fd, strerrordesc_np(err));
    if (fd > STDERR_FILENO)
        close(fd);
    return n < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void say_address(const char *address)
{
    static const char unix_[] = "unix:", every[] = "[::]:";

    if (strncmp(address, unix_, strlen(unix_)) == 0)
        say_plain("  %s", address);
    else if (strncmp(address, every, strlen(every)) == 0)
        say_plain("  http://localhost:%s/ and every other address of this machine",
                  address + strlen(every));
    else
        say_plain("  http://%s/", address);
}

void greeting_say(const weir_server *s, const struct options *o)
{
    const char *address;

    if (!o->config_file)
        say_plain("weir %s serves %s", weir_version(), o->folder);
    else if (o->folder)
        say_plain("weir %s serves %s, and what %s says", weir_version(), o->folder, o->config_file);
    else
        say_plain("weir %s serves what %s says", weir_version(), o->config_file);
    for (uint32_t i = 0; (address = weir_server_address(s, i)); i++)
        say_address(address);
    /* A configuration is for service managers, too, whose journals have no Ctrl-C. */
    if (!o->config_file || isatty(STDERR_FILENO))
        say_plain("Ctrl-C stops it.");
}

void greeting_list(const weir_server *s, char *out, size_t n)
{
    const char *address;
    size_t used = 0;

    out[0] = '\0';
    for (uint32_t i = 0; (address = weir_server_address(s, i)) && used < n; i++)
        used += (size_t)snprintf(out + used, n - used, "%s%s", i > 0 ? ", " : "", address);
}
