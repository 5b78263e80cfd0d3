/*
 * A program without an event loop: callbacks run on the loop's own thread, and the
 * main thread sends what it likes, when it likes.
 *
 *     thread ws://host:port/path
 *
 * It sends three messages, waits for as many answers, closes and ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wsc.h>

enum { WANTED = 3 };

/* What both threads touch. */
struct shared {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int received;
    bool is_over;
};

static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

/* The event dies with the callback: what is kept is copied, here into the count. */
static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct shared *shared = userdata;
    (void)ws;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    pthread_mutex_lock(&shared->mutex);
    shared->received += 1;
    pthread_cond_signal(&shared->changed);
    pthread_mutex_unlock(&shared->mutex);
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct shared *shared = userdata;
    (void)ws, (void)event;
    pthread_mutex_lock(&shared->mutex);
    shared->is_over = true;
    pthread_cond_signal(&shared->changed);
    pthread_mutex_unlock(&shared->mutex);
}

/* Whether all answers came before the end. */
static bool wait_for_answers(struct shared *shared)
{
    bool complete;
    pthread_mutex_lock(&shared->mutex);
    while (shared->received < WANTED && !shared->is_over) {
        pthread_cond_wait(&shared->changed, &shared->mutex);
    }
    complete = shared->received >= WANTED;
    pthread_mutex_unlock(&shared->mutex);
    return complete;
}

/* Runs when no callback of the connection can run any more, on whichever thread. */
static void on_free(void *userdata)
{
    struct shared *shared = userdata;
    pthread_cond_destroy(&shared->changed);
    pthread_mutex_destroy(&shared->mutex);
    free(shared);
}

static bool run(wsc_loop_t *loop, wsc_conn_t *ws, struct shared *shared)
{
    int i;
    bool complete = false;
    if (!ok(wsc_conn_on_message(ws, on_message, shared), "wsc_conn_on_message")
        || !ok(wsc_conn_on_error(ws, on_error, NULL), "wsc_conn_on_error")
        || !ok(wsc_conn_on_close(ws, on_close, shared), "wsc_conn_on_close")
        || !ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        return false;
    }
    for (i = 0; i < WANTED; i += 1) {
        /* From any thread, never blocks; before the handshake it waits for it. */
        ok(wsc_conn_send_text(ws, "hello", strlen("hello")), "wsc_conn_send_text");
    }
    complete = wait_for_answers(shared);
    if (complete) {
        ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
    }
    /* Dispatches nothing here: it waits until no connection is left. */
    return ok(wsc_loop_run(loop), "wsc_loop_run") && complete;
}

int main(int argc, char **argv)
{
    struct shared *shared = calloc(1, sizeof *shared);
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;
    bool complete = false;

    if (argc != 2 || shared == NULL) {
        fprintf(stderr, "usage: %s ws://host:port/path\n", argv[0]);
        free(shared);
        return 1;
    }
    pthread_mutex_init(&shared->mutex, NULL);
    pthread_cond_init(&shared->changed, NULL);
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_THREAD, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])
        && ok(wsc_conn_on_free(ws, on_free, shared), "wsc_conn_on_free")) {
        complete = run(loop, ws, shared);
        wsc_conn_free(ws); /* `shared` goes with it */
    } else {
        wsc_conn_free(ws);
        on_free(shared);
    }
    wsc_loop_free(loop);
    return complete ? 0 : 1;
}
