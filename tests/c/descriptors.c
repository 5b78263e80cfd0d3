/* The table of descriptors is made large before the library starts its first thread, and
 * nothing stays open for that. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

enum { DESCRIPTORS = 1000 };

/* How many descriptors the kernel has room for, without a larger table. */
static long table_size(void)
{
    static const char name[] = "FDSize:";
    FILE *status = fopen("/proc/self/status", "r");
    char line[200];
    long size = -1;

    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, name, sizeof name - 1) == 0) {
            size = strtol(line + sizeof name - 1, NULL, 10);
        }
    }
    CHECK(fclose(status) == 0);
    return size;
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    struct rlimit limit;
    wsc_loop_t *loop;
    wsc_conn_t *conn;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = DESCRIPTORS;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(table_size() < DESCRIPTORS);

    loop = new_loop(WSC_CALLBACKS_ON_THREAD);
    conn = new_conn(loop, url);
    CHECK_OK(wsc_conn_connect(conn));
    CHECK(table_size() >= DESCRIPTORS);
    CHECK(fcntl(DESCRIPTORS - 1, F_GETFD) == -1 && errno == EBADF);
    wsc_conn_free(conn);
    wsc_loop_free(loop);
    return 0;
}
