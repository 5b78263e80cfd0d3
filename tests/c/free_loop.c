/* wsc_loop_free inside a callback, and before the connections are freed. */
#include "check.h"

struct host {
    wsc_loop_t *loop;
    int freed; /* the loop was freed */
    struct flag done;
    struct flag released;
};

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    CHECK(!host->freed && is_text(event, "hello"));
    host->freed = 1;
    wsc_loop_free(host->loop);
    CHECK(is_text(event, "hello"));
    CHECK_STATUS(wsc_conn_reconnect(conn, 0), WSC_ERR_STATE);
    flag_raise(&host->done);
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn, (void)event, (void)userdata;
    CHECK(0 && "no event follows wsc_loop_free");
}

static void on_free(void *userdata)
{
    flag_raise(&((struct host *)userdata)->released);
}

static void run(wsc_callbacks_t mode, const char *url)
{
    struct host host;
    wsc_conn_t *conn;

    memset(&host, 0, sizeof host);
    flag_init(&host.done);
    flag_init(&host.released);
    host.loop = new_loop(mode);
    conn = new_conn(host.loop, url);
    CHECK_OK(wsc_conn_on_message(conn, on_message, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_close, &host));
    CHECK_OK(wsc_conn_on_free(conn, on_free, &host));
    CHECK_OK(wsc_conn_connect(conn));
    send_text(conn, "hello");
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        while (!host.freed) {
            CHECK_OK(wsc_loop_dispatch(host.loop, LIMIT_MS));
        }
    }
    flag_take(&host.done);
    CHECK(!host.released.is_up);
    wsc_conn_free(conn);
    flag_take(&host.released);
    flag_destroy(&host.done);
    flag_destroy(&host.released);
    await_other_threads();
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);

    wsc_loop_free(loop); /* never used */
    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    return 0;
}
