/* A process ends, or becomes another program, with connections open: by exit in the
 * main thread, by exit in another one, by exit inside a callback, by _exit and by
 * exec. Nothing hangs and nothing crashes. */
#include "check.h"

#include <sys/wait.h>

enum ending { BY_EXIT, BY_THREAD, BY_CALLBACK, BY_ATEXIT_FREE, BY_IMMEDIATE_EXIT, BY_EXEC, ENDINGS };

enum { ENDED = 7 };

static wsc_loop_t *the_loop;
static wsc_conn_t *the_conn;

struct host {
    enum ending ending;
    int is_open;
    struct flag opened;
};

/* So that the ending meets traffic. It may have freed the connection already. */
static void keep_busy(wsc_conn_t *conn, enum ending ending)
{
    wsc_status_t status = wsc_conn_send_text(conn, "hello", 5);

    CHECK(status == WSC_OK || (ending == BY_ATEXIT_FREE && status == WSC_ERR_STATE));
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;

    if (event->type == WSC_EVENT_HANDSHAKE) {
        send_text(conn, "hello");
        return;
    }
    if (host->ending == BY_CALLBACK) {
        exit(ENDED);
    }
    keep_busy(conn, host->ending);
    host->is_open = 1;
    flag_raise(&host->opened);
}

static void *ends(void *unused)
{
    (void)unused;
    exit(ENDED);
}

/* What a destructor of the host might do. */
static void free_at_exit(void)
{
    wsc_conn_free(the_conn);
    wsc_loop_free(the_loop);
}

static void end(enum ending ending)
{
    char program[] = "/bin/sh";
    char option[] = "-c";
    char command[] = "exit 7";
    char *arguments[] = { program, option, command, NULL };
    pthread_t thread;

    switch (ending) {
    case BY_THREAD:
        CHECK(pthread_create(&thread, NULL, ends, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0); /* never returns */
        break;
    case BY_IMMEDIATE_EXIT: _exit(ENDED);
    case BY_EXEC: execv(program, arguments); break;
    case BY_ATEXIT_FREE: CHECK(atexit(free_at_exit) == 0); exit(ENDED);
    default: exit(ENDED);
    }
    abort();
}

static void child(wsc_callbacks_t mode, enum ending ending, const char *url)
{
    struct host host;

    memset(&host, 0, sizeof host);
    host.ending = ending;
    flag_init(&host.opened);
    the_loop = new_loop(mode);
    the_conn = new_conn(the_loop, url);
    CHECK_OK(wsc_conn_on_handshake(the_conn, on_event, &host));
    CHECK_OK(wsc_conn_on_message(the_conn, on_event, &host));
    CHECK_OK(wsc_conn_connect(the_conn));
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        while (!host.is_open) {
            CHECK_OK(wsc_loop_dispatch(the_loop, LIMIT_MS));
        }
    } else {
        flag_take(&host.opened);
    }
    end(ending);
}

static void run(wsc_callbacks_t mode, enum ending ending, const char *url)
{
    int status = 0;
    pid_t process = fork();

    CHECK(process >= 0);
    if (process == 0) {
        alarm(LIMIT_S); /* the parent's is not inherited */
        child(mode, ending, url);
    }
    CHECK(waitpid(process, &status, 0) == process);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != ENDED) {
        fprintf(stderr, "mode %d, ending %d: status %#x\n", (int)mode, (int)ending, (unsigned)status);
        abort();
    }
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    int ending;

    for (ending = BY_EXIT; ending < ENDINGS; ending += 1) {
        run(WSC_CALLBACKS_ON_DISPATCH, (enum ending)ending, url);
        run(WSC_CALLBACKS_ON_THREAD, (enum ending)ending, url);
    }
    return 0;
}
