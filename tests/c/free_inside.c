/* wsc_conn_free, wsc_loop_free and both inside each callback, in both modes: no callback
 * follows but on_free, which runs once and last. */
#include "check.h"

/* What is freed inside the callback, in this order. */
enum what { CONN, LOOP, CONN_AND_LOOP, LOOP_AND_CONN, WHATS };

struct test {
    wsc_event_type_t where;
    enum what what;
    wsc_loop_t *loop;
    int freed;
    struct flag done;     /* the callback is through, and the connection is left */
    struct flag released; /* on_free ran */
};

/* Makes the event happen in which the connection is to be freed. */
static void provoke(wsc_conn_t *conn, wsc_event_type_t where)
{
    switch (where) {
    case WSC_EVENT_MESSAGE: send_text(conn, "hello"); break;
    case WSC_EVENT_PING: send_text(conn, "ping me"); break;
    case WSC_EVENT_PONG: CHECK_OK(wsc_conn_ping(conn, NULL, 0)); break;
    case WSC_EVENT_ERROR:
    case WSC_EVENT_RECONNECT: send_text(conn, "reset me"); break;
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

static void free_inside(struct test *test, wsc_conn_t *conn)
{
    test->freed = 1;
    if (test->what == CONN || test->what == CONN_AND_LOOP) {
        wsc_conn_free(conn);
    }
    if (test->what != CONN) {
        wsc_loop_free(test->loop);
    }
    if (test->what == LOOP) {
        CHECK_STATUS(wsc_conn_send_text(conn, "late", 4), WSC_ERR_STATE);
        flag_raise(&test->done);
    }
    if (test->what == LOOP_AND_CONN) {
        wsc_conn_free(conn);
    }
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct test *test = (struct test *)userdata;
    CHECK(!test->freed);
    if (event->type == (int32_t)test->where) {
        free_inside(test, conn);
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

static void run(wsc_callbacks_t mode, wsc_event_type_t where, enum what what, const char *url)
{
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    struct test test;

    memset(&test, 0, sizeof test);
    test.where = where;
    test.what = what;
    test.loop = loop;
    flag_init(&test.done);
    flag_init(&test.released);
    CHECK_OK(wsc_loop_set_standby_grace(loop, WSC_FOREVER));
    CHECK_OK(wsc_conn_set_send_queue_limit(conn, 1));
    if (where == WSC_EVENT_RECONNECT) {
        CHECK_OK(wsc_conn_set_auto_reconnect(conn, true));
        CHECK_OK(wsc_conn_set_reconnect_delay(conn, 1, 1));
    }
    CHECK_OK(wsc_conn_on_connect(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_message(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_ping(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_pong(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_buffer_full(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_buffer_drain(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_error(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_close(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_reconnect(conn, on_event, &test));
    CHECK_OK(wsc_conn_on_free(conn, on_free, &test));
    CHECK_OK(wsc_conn_connect(conn));
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK_OK(wsc_loop_run(loop));
        CHECK(test.freed);
    }
    if (what == LOOP) {
        flag_take(&test.done);
        CHECK(!test.released.is_up);
        wsc_conn_free(conn);
    }
    flag_take(&test.released);
    if (what == CONN) {
        wsc_loop_free(loop);
    }
    await_other_threads();
    CHECK(!test.released.is_up); /* not a second time */
    flag_destroy(&test.done);
    flag_destroy(&test.released);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    int where;
    int what;

    for (where = WSC_EVENT_CONNECT; where <= WSC_EVENT_RECONNECT; where += 1) {
        for (what = CONN; what < WHATS; what += 1) {
            run(WSC_CALLBACKS_ON_DISPATCH, (wsc_event_type_t)where, (enum what)what, url);
            run(WSC_CALLBACKS_ON_THREAD, (wsc_event_type_t)where, (enum what)what, url);
        }
    }
    return 0;
}
