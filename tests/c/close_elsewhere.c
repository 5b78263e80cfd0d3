/* Another thread closes a connection while its owner waits in wsc_loop_run, and
 * wakes and stops a loop that has nothing to do. */
#include "check.h"

struct host {
    wsc_loop_t *loop;
    wsc_conn_t *conn;
    struct flag open;
    int closed;
};

static void on_handshake(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn, (void)event;
    flag_raise(&((struct host *)userdata)->open);
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn;
    CHECK(event->clean == 1 && event->code == 1000);
    ((struct host *)userdata)->closed += 1;
}

static void *closes(void *userdata)
{
    struct host *host = (struct host *)userdata;
    flag_take(&host->open);
    close_normally(host->conn);
    return NULL;
}

static void *stops(void *userdata)
{
    struct host *host = (struct host *)userdata;
    flag_take(&host->open);
    CHECK_OK(wsc_loop_stop(host->loop));
    return NULL;
}

static void *wakes(void *userdata)
{
    CHECK_OK(wsc_loop_wake(((struct host *)userdata)->loop));
    return NULL;
}

static void run_with(struct host *host, void *(*other)(void *))
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, other, host) == 0);
    CHECK_OK(wsc_loop_run(host->loop));
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    struct host host;
    pthread_t thread;

    memset(&host, 0, sizeof host);
    flag_init(&host.open);
    host.loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);
    host.conn = new_conn(host.loop, url);
    CHECK_OK(wsc_conn_on_handshake(host.conn, on_handshake, &host));
    CHECK_OK(wsc_conn_on_close(host.conn, on_close, &host));

    CHECK_OK(wsc_conn_connect(host.conn));
    run_with(&host, closes);
    CHECK(host.closed == 1);

    CHECK_OK(wsc_conn_connect(host.conn));
    run_with(&host, stops);
    CHECK(host.closed == 1); /* the connection is still open */
    CHECK(wsc_conn_state(host.conn) == WSC_STATE_OPEN);

    CHECK(pthread_create(&thread, NULL, wakes, &host) == 0);
    CHECK_OK(wsc_loop_dispatch(host.loop, LIMIT_MS));
    CHECK(pthread_join(thread, NULL) == 0);

    wsc_conn_free(host.conn);
    wsc_loop_free(host.loop);
    flag_destroy(&host.open);
    return 0;
}
