/* Several threads send at once: nothing is lost, and each thread's messages keep
 * their order. */
#include "check.h"

enum { SENDERS = 4, MESSAGES = 200 };

struct host {
    wsc_conn_t *conn;
    int next[SENDERS]; /* the next message expected of each */
    int received;
    struct flag done;
};

struct sender {
    wsc_conn_t *conn;
    int number;
};

static void *sends(void *userdata)
{
    struct sender *sender = (struct sender *)userdata;
    char text[32];
    int message;
    for (message = 0; message < MESSAGES; message += 1) {
        CHECK(snprintf(text, sizeof text, "%d %d", sender->number, message) > 0);
        send_text(sender->conn, text);
    }
    return NULL;
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    char text[32];
    int number = -1;
    int message = -1;

    CHECK(event->len < sizeof text);
    memcpy(text, event->data, event->len);
    text[event->len] = '\0';
    CHECK(sscanf(text, "%d %d", &number, &message) == 2);
    CHECK(number >= 0 && number < SENDERS && message == host->next[number]);
    host->next[number] += 1;
    host->received += 1;
    if (host->received == SENDERS * MESSAGES) {
        close_normally(conn);
    }
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn;
    CHECK(event->clean == 1 && event->unsent == 0);
    flag_raise(&((struct host *)userdata)->done);
}

static void run(wsc_callbacks_t mode, const char *url)
{
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    struct host host;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    int i;

    memset(&host, 0, sizeof host);
    host.conn = conn;
    flag_init(&host.done);
    CHECK_OK(wsc_conn_on_message(conn, on_message, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_close, &host));
    CHECK_OK(wsc_conn_connect(conn));
    for (i = 0; i < SENDERS; i += 1) {
        senders[i].conn = conn;
        senders[i].number = i;
        CHECK(pthread_create(&threads[i], NULL, sends, &senders[i]) == 0);
    }
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK_OK(wsc_loop_run(loop));
    }
    flag_take(&host.done);
    for (i = 0; i < SENDERS; i += 1) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(host.next[i] == MESSAGES);
    }
    wsc_conn_free(conn);
    wsc_loop_free(loop);
    flag_destroy(&host.done);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);

    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    return 0;
}
