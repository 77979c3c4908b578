#include "help.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <weir/server.h>

static const char help[] =
    "Weir, an HTTP server for Linux.\n"
    "\n"
    "  weir serve FOLDER [options]     serve the files of a folder\n"
    "  weir --config FILE [options]    serve what a configuration says\n"
    "  weir check FILE [--set ...]     is this configuration right?\n"
    "  weir config --defaults          print every key, its default and its meaning\n"
    "  weir config --effective FILE    print what holds with this configuration\n"
    "  weir config --schema            print the JSON Schema of configurations, for editors\n"
    "  weir lint PLUGIN [METHOD TARGET ...]  does this plugin keep the rules?\n"
    "  weir --help, weir --version\n"
    "\n"
    "Options of serve and --config; they go before what the configuration says:\n"
    "  --listen ADDRESS   where to listen, several times if you like:\n"
    "                       127.0.0.1:8080  this machine only (the default)\n"
    "                       :8080           every address of this machine\n"
    "                       [::1]:8080      IPv6, in brackets\n"
    "                       unix:/run/weir.sock\n"
    "                     Port 0 takes a free one.\n"
    "  --port N           short for --listen 127.0.0.1:N\n"
    "  --listing          a folder without index.html shows what is in it\n"
    "  --fallback PATH    for single-page applications: the file, as in /index.html, that\n"
    "                     answers a browser in place of a 404 for an address\n"
    "  --plugin ROUTE=FILE[:CONFIG]\n"
    "                     mount the handler plugin FILE (a shared object), may be given\n"
    "                     several times. ROUTE is /path and all below it, =/path alone,\n"
    "                     or either with a host in front: example.org/path. CONFIG is\n"
    "                     a JSON object: --plugin /a=./a.so:'{\"key\": 1}'\n"
    "  --threads N        threads of each plugin that runs in threads (default: 8)\n"
    "  --queue N          requests that may wait for them (default: 1024)\n"
    "  --loops N          event loops, a thread each (default: one a processor)\n"
    "  --set KEY=VALUE    one key of the configuration, its value in JSON or a plain word:\n"
    "                       --set limits.body_bytes_max=1000000 --set log.level=warning\n"
    "                       --set listen='[\":80\", \"unix:/run/weir.sock\"]'\n"
    "  --user NAME        become this user as soon as the addresses are bound\n"
    "  --quiet            no access log, no greeting; only warnings and errors\n"
    "  --ready-fd N       when connections are accepted, write the addresses to file\n"
    "                     descriptor N, one a line (127.0.0.1:34567), and close it\n"
    "\n"
    "Options of lint:\n"
    "  --config JSON      the plugin's configuration\n"
    "  --route ROUTE      where it is mounted (default: /)\n"
    "  --verbose          what it logs, too\n"
    "\n"
    "A folder is answered with its index.html. Names that begin with a dot are not\n"
    "served, except .well-known. The access log goes to standard output, everything\n"
    "else to standard error. Ctrl-C (SIGINT) or SIGTERM lets what is in flight finish,\n"
    "for ten seconds unless the configuration says otherwise; a second one ends at once.\n"
    "SIGHUP reads configuration and plugins anew, SIGUSR1 opens log files anew.\n"
    "\n"
    "Examples:\n"
    "  weir serve ./site\n"
    "  weir serve ./dist --fallback /index.html\n"
    "  weir serve . --listing\n"
    "  weir serve ./site --plugin /hello=./hello.so\n"
    "  weir serve ./site --listen :80 --listen unix:/run/weir.sock > access.log\n"
    "  weir config --defaults > weir.json     (then put routes in)\n"
    "  weir check weir.json && weir --config weir.json\n"
    "\n"
    "The manuals: man weir, man weir.conf. Exit status: 0 after a stop, 1 when it cannot\n"
    "serve, 2 for a command line that is not understood; of lint: 1 when it has found\n"
    "something, 2 when it cannot load the plugin.\n";

void help_print(void)
{
    fputs(help, stdout);
}

void version_print(void)
{
    struct utsname u;

    printf("weir %s (http/1.1, http/1.0; epoll)\n", weir_version());
    if (uname(&u) == 0)
        printf("%s %s %s\n", u.sysname, u.release, u.machine);
    printf("MIT licence\n");
}
