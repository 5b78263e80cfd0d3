/* Two loops in two threads, a third with a thread of its own: each carries its own
 * connections, and none is told of another's. */
#include "check.h"

enum { MESSAGES = 300 };

struct host {
    const char *url;
    wsc_callbacks_t mode;
    pthread_t thread; /* where callbacks are to run, for a loop that is dispatched */
    int sent;
    int received;
    struct flag closed;
};

static void send_next(struct host *host, wsc_conn_t *conn)
{
    char text[32];

    CHECK(snprintf(text, sizeof text, "%p %d", (void *)host, host->sent) > 0);
    host->sent += 1;
    send_text(conn, text);
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    char text[32];

    if (host->mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK(pthread_equal(host->thread, pthread_self()));
    }
    switch (event->type) {
    case WSC_EVENT_HANDSHAKE:
        send_next(host, conn);
        break;
    case WSC_EVENT_MESSAGE:
        CHECK(snprintf(text, sizeof text, "%p %d", (void *)host, host->received) > 0);
        CHECK(is_text(event, text));
        host->received += 1;
        if (host->received < MESSAGES) {
            send_next(host, conn);
        } else {
            close_normally(conn);
        }
        break;
    default:
        CHECK(event->type == WSC_EVENT_CLOSE && event->clean == 1);
        flag_raise(&host->closed);
    }
}

static void *drive(void *userdata)
{
    struct host *host = (struct host *)userdata;
    wsc_loop_t *loop = new_loop(host->mode);
    wsc_conn_t *conn = new_conn(loop, host->url);

    host->thread = pthread_self();
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, host));
    CHECK_OK(wsc_conn_on_message(conn, on_event, host));
    CHECK_OK(wsc_conn_on_close(conn, on_event, host));
    CHECK_OK(wsc_conn_connect(conn));
    CHECK_OK(wsc_loop_run(loop));
    flag_take(&host->closed);
    CHECK(host->received == MESSAGES);
    wsc_conn_free(conn);
    wsc_loop_free(loop);
    return NULL;
}

int main(int argc, char **argv)
{
    const wsc_callbacks_t modes[] = { WSC_CALLBACKS_ON_DISPATCH, WSC_CALLBACKS_ON_DISPATCH,
                                      WSC_CALLBACKS_ON_THREAD };
    struct host hosts[3];
    pthread_t threads[3];
    int i;

    memset(hosts, 0, sizeof hosts);
    for (i = 0; i < 3; i += 1) {
        hosts[i].url = server(argc, argv);
        hosts[i].mode = modes[i];
        flag_init(&hosts[i].closed);
        CHECK(pthread_create(&threads[i], NULL, drive, &hosts[i]) == 0);
    }
    for (i = 0; i < 3; i += 1) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        flag_destroy(&hosts[i].closed);
    }
    return 0;
}
