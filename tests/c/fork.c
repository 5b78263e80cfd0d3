/* A child gets WSC_ERR_FORKED and may free what it inherited, make a loop of its
 * own and use it; the parent's connection does not notice. */
#include "check.h"

#include <sys/wait.h>

struct host {
    wsc_loop_t *loop;
    int handshakes;
    int messages;
    int closes;
    int frees;
    pid_t process;
    struct flag changed;
};

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    (void)conn;
    host->handshakes += event->type == WSC_EVENT_HANDSHAKE;
    host->messages += event->type == WSC_EVENT_MESSAGE;
    host->closes += event->type == WSC_EVENT_CLOSE;
    if (event->type == WSC_EVENT_CLOSE) {
        CHECK(event->clean == 1);
    }
    flag_raise(&host->changed);
}

static void on_free(void *userdata)
{
    struct host *host = (struct host *)userdata;
    CHECK(getpid() == host->process); /* what a child inherited is not told */
    host->frees += 1;
}

static wsc_conn_t *open_conn(struct host *host, wsc_callbacks_t mode, const char *url)
{
    wsc_conn_t *conn;

    memset(host, 0, sizeof *host);
    flag_init(&host->changed);
    host->process = getpid();
    host->loop = new_loop(mode);
    conn = new_conn(host->loop, url);
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, host));
    CHECK_OK(wsc_conn_on_message(conn, on_event, host));
    CHECK_OK(wsc_conn_on_close(conn, on_event, host));
    CHECK_OK(wsc_conn_on_free(conn, on_free, host));
    CHECK_OK(wsc_conn_connect(conn));
    return conn;
}

static void wait_for(struct host *host, wsc_callbacks_t mode, const int *count, int target)
{
    while (*count < target) {
        if (mode == WSC_CALLBACKS_ON_DISPATCH) {
            CHECK_OK(wsc_loop_dispatch(host->loop, LIMIT_MS));
        } else {
            flag_take(&host->changed);
        }
    }
}

static void exchange(struct host *host, wsc_conn_t *conn, wsc_callbacks_t mode)
{
    int target = host->messages + 1;
    send_text(conn, "hello");
    wait_for(host, mode, &host->messages, target);
}

static void close_and_free(struct host *host, wsc_conn_t *conn, wsc_callbacks_t mode)
{
    close_normally(conn);
    wait_for(host, mode, &host->closes, 1);
    wsc_conn_free(conn);
    wsc_loop_free(host->loop);
    CHECK(host->frees == 1);
    flag_destroy(&host->changed);
}

static void in_child(struct host *inherited, wsc_conn_t *conn, int frees, const char *url)
{
    struct host own;
    wsc_conn_t *own_conn;
    wsc_conn_t *refused = conn;

    CHECK_STATUS(wsc_loop_dispatch(inherited->loop, 0), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_loop_run(inherited->loop), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_loop_wake(inherited->loop), WSC_ERR_FORKED);
    CHECK(wsc_loop_fd(inherited->loop) == -1);
    CHECK_STATUS(wsc_conn_send_text(conn, "child", 5), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_conn_close(conn, 1000, NULL, 0), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_conn_abort(conn), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_conn_new(inherited->loop, url, &refused), WSC_ERR_FORKED);
    CHECK(refused == NULL);
    if (frees) {
        wsc_conn_free(conn);
        wsc_loop_free(inherited->loop);
    }
    own_conn = open_conn(&own, WSC_CALLBACKS_ON_DISPATCH, url);
    exchange(&own, own_conn, WSC_CALLBACKS_ON_DISPATCH);
    close_and_free(&own, own_conn, WSC_CALLBACKS_ON_DISPATCH);
}

static void fork_once(struct host *host, wsc_conn_t *conn, int frees, const char *url)
{
    int ends[2];
    char result = 'x';
    pid_t child;

    CHECK(pipe(ends) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(LIMIT_S); /* not inherited */
        in_child(host, conn, frees, url);
        result = 'k';
        CHECK(write(ends[1], &result, 1) == 1);
        /* What the child inherited and may not touch is lost to it on purpose; the
         * result goes through the pipe, as valgrind turns a leak into an exit code. */
        _exit(0);
    }
    CHECK(close(ends[1]) == 0);
    CHECK(read(ends[0], &result, 1) == 1);
    CHECK(result == 'k');
    CHECK(close(ends[0]) == 0);
    CHECK(waitpid(child, NULL, 0) == child);
}

static void run(wsc_callbacks_t mode, const char *url)
{
    struct host host;
    wsc_conn_t *conn = open_conn(&host, mode, url);
    int round;

    wait_for(&host, mode, &host.handshakes, 1);
    for (round = 0; round < 4; round += 1) {
        exchange(&host, conn, mode);
        fork_once(&host, conn, round % 2, url);
        exchange(&host, conn, mode);
    }
    CHECK(host.closes == 0);
    close_and_free(&host, conn, mode);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);

    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    return 0;
}
