/* wsc_conn_free inside each callback, in both modes: no callback follows but
 * on_free, which runs once and last. */
#include "check.h"

struct test {
    wsc_event_type_t where;
    int freed;
    struct flag released; /* on_free ran */
};

/* Makes the event happen in which the connection is to be freed. */
static void provoke(wsc_conn_t *conn, wsc_event_type_t where)
{
    switch (where) {
    case WSC_EVENT_MESSAGE: send_text(conn, "hello"); break;
    case WSC_EVENT_PING: send_text(conn, "ping me"); break;
    case WSC_EVENT_PONG: CHECK_OK(wsc_conn_ping(conn, NULL, 0)); break;
    case WSC_EVENT_ERROR: send_text(conn, "reset me"); break;
    case WSC_EVENT_CLOSE: close_normally(conn); break;
    default: CHECK(0 && "freed before");
    }
}

/* A message that is sent before the handshake has to wait, and here the limit is
 * one byte. A callback keeps the loop from going on while it sends. */
static void provoke_full_queue(wsc_conn_t *conn, const wsc_event_t *event)
{
    if (event->attempt != 1) {
        return;
    }
    if (event->type == WSC_EVENT_HANDSHAKE) {
        CHECK_OK(wsc_conn_abort(conn));
    } else if (event->type == WSC_EVENT_CLOSE) {
        CHECK_OK(wsc_conn_reconnect(conn, 0));
        send_text(conn, "hello");
    }
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct test *test = (struct test *)userdata;
    CHECK(!test->freed);
    if (event->type == (int32_t)test->where) {
        test->freed = 1;
        wsc_conn_free(conn);
    } else if (test->where == WSC_EVENT_BUFFER_FULL || test->where == WSC_EVENT_BUFFER_DRAIN) {
        provoke_full_queue(conn, event);
    } else if (event->type == WSC_EVENT_HANDSHAKE) {
        provoke(conn, test->where);
    }
}

static void on_free(void *userdata)
{
    struct test *test = (struct test *)userdata;
    CHECK(test->freed);
    flag_raise(&test->released);
}

static void run(wsc_callbacks_t mode, wsc_event_type_t where, const char *url)
{
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    struct test test;

    memset(&test, 0, sizeof test);
    test.where = where;
    flag_init(&test.released);
    CHECK_OK(wsc_loop_set_standby_grace(loop, WSC_FOREVER));
    CHECK_OK(wsc_conn_set_send_queue_limit(conn, 1));
    CHECK_OK(wsc_conn_on_connect(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_message(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_ping(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_pong(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_buffer_full(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_buffer_drain(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_error(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_close(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_free(conn, on_free, &test));
    CHECK_OK(wsc_conn_connect(conn));
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK_OK(wsc_loop_run(loop));
        CHECK(test.released.is_up);
    }
    flag_take(&test.released);
    wsc_loop_free(loop);
    CHECK(!test.released.is_up); /* not a second time */
    flag_destroy(&test.released);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    int where;

    for (where = WSC_EVENT_CONNECT; where <= WSC_EVENT_CLOSE; where += 1) {
        run(WSC_CALLBACKS_ON_DISPATCH, (wsc_event_type_t)where, url);
        run(WSC_CALLBACKS_ON_THREAD, (wsc_event_type_t)where, url);
    }
    return 0;
}
