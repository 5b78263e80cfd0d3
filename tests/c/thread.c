/* Callbacks on the background thread: one thread, not this one, with all signals
 * blocked; the loop cannot be dispatched. */
#include "check.h"

#include <signal.h>

struct host {
    struct flag closed;
    pthread_t main;
    pthread_t callbacks; /* valid once `events` is not 0 */
    int events;
};

static void note(struct host *host)
{
    sigset_t blocked;

    if (host->events == 0) {
        host->callbacks = pthread_self();
    }
    host->events += 1;
    CHECK(!pthread_equal(host->main, pthread_self()));
    CHECK(pthread_equal(host->callbacks, pthread_self()));
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
    CHECK(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGALRM) == 1);
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn, (void)event;
    note((struct host *)userdata);
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    note((struct host *)userdata);
    CHECK(is_text(event, "hello"));
    close_normally(conn);
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    (void)conn;
    note(host);
    CHECK(event->clean == 1);
    flag_raise(&host->closed);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_THREAD);
    wsc_conn_t *conn = new_conn(loop, url);
    struct host host;
    wsc_event_t event;
    size_t count = 0;

    memset(&host, 0, sizeof host);
    flag_init(&host.closed);
    host.main = pthread_self();
    CHECK_OK(wsc_conn_on_connect(conn, on_event, &host));
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, &host));
    CHECK_OK(wsc_conn_on_message(conn, on_message, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_close, &host));
    CHECK_STATUS(wsc_loop_dispatch(loop, 0), WSC_ERR_MODE);
    CHECK_OK(wsc_loop_run(loop)); /* nothing is under way, so it does not wait */
    CHECK_STATUS(wsc_loop_poll(loop, &event, 1, 0, &count), WSC_ERR_MODE);
    CHECK_OK(wsc_conn_connect(conn));
    send_text(conn, "hello");
    flag_take(&host.closed);
    wsc_loop_free(loop); /* joins the thread: no callback runs any more */
    CHECK(host.events == 4);
    CHECK_STATUS(wsc_conn_connect(conn), WSC_ERR_STATE);
    wsc_conn_free(conn);
    flag_destroy(&host.closed);
    return 0;
}
