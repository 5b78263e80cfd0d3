/* on_free runs exactly once and last, in every way a connection can go. */
#include "check.h"

enum when { NEVER_CONNECTED, AT_ONCE, OPEN, AFTER_CLOSE, AFTER_THE_LOOP, INSIDE, WAYS };

struct host {
    enum when when;
    int events;
    int frees;
    struct flag seen;
    struct flag released;
};

static void on_free(void *userdata)
{
    struct host *host = (struct host *)userdata;
    host->frees += 1;
    flag_raise(&host->released);
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    (void)event;
    CHECK(host->frees == 0);
    if (host->when == INSIDE) {
        CHECK_OK(wsc_conn_on_free(conn, on_free, host));
        wsc_conn_free(conn);
        CHECK(host->frees == 0); /* this callback still runs */
    }
    host->events += 1;
    flag_raise(&host->seen);
}

static void never(void *userdata)
{
    (void)userdata;
    CHECK(0 && "it was replaced");
}

static void wait_for_event(struct host *host, wsc_loop_t *loop, wsc_callbacks_t mode)
{
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        int events = host->events;
        while (host->events == events) {
            CHECK_OK(wsc_loop_dispatch(loop, LIMIT_MS));
        }
    }
    flag_take(&host->seen);
}

static void run(wsc_callbacks_t mode, enum when when, const char *url)
{
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    struct host host;

    memset(&host, 0, sizeof host);
    host.when = when;
    flag_init(&host.seen);
    flag_init(&host.released);
    CHECK_OK(wsc_conn_on_free(conn, never, NULL));
    CHECK_OK(wsc_conn_on_free(conn, NULL, NULL));
    CHECK_OK(wsc_conn_on_free(conn, never, NULL));
    if (when != INSIDE) {
        CHECK_OK(wsc_conn_on_free(conn, on_free, &host));
    }
    if (when == OPEN || when == AFTER_THE_LOOP || when == INSIDE) {
        CHECK_OK(wsc_conn_on_handshake(conn, on_event, &host));
    } else {
        CHECK_OK(wsc_conn_on_close(conn, on_event, &host));
    }
    if (when != NEVER_CONNECTED) {
        CHECK_OK(wsc_conn_connect(conn));
    }
    if (when == AFTER_CLOSE) {
        CHECK_OK(wsc_conn_close(conn, 0, NULL, 0));
    }
    if (when == OPEN || when == AFTER_CLOSE || when == INSIDE) {
        wait_for_event(&host, loop, mode);
    }
    if (when == AFTER_THE_LOOP) {
        wait_for_event(&host, loop, mode);
        wsc_loop_free(loop);
        loop = NULL;
    }
    if (when != INSIDE) {
        CHECK(host.frees == 0);
        wsc_conn_free(conn);
    }
    flag_take(&host.released);
    wsc_loop_free(loop);
    CHECK(host.frees == 1);
    flag_destroy(&host.seen);
    flag_destroy(&host.released);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    int when;

    for (when = 0; when < WAYS; when += 1) {
        run(WSC_CALLBACKS_ON_DISPATCH, (enum when)when, url);
        run(WSC_CALLBACKS_ON_THREAD, (enum when)when, url);
    }
    return 0;
}
