/*
 * What a client of the benchmark in C or C++ shares with the others: it is told its
 * work by the environment, counts what it did, and prints one line of JSON. The README
 * of the directory above says what the variables and the fields mean.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How many connections are opened at a time. */
enum { BENCH_OPENING = 64 };

enum bench_workload { BENCH_ECHO, BENCH_FLOOD, BENCH_SEND, BENCH_FAN };

struct bench {
    enum bench_workload workload;
    const char *url, *host, *path;
    bool tls, deflate;
    long port, count, warmup, size, connections, depth;

    char *messages; /* as many payloads as `payloads` says, one behind the other */
    long payloads;

    long done;
    uint64_t wall, cpu, last;
    uint32_t *laps; /* only for an echo */
    char opening[256];
    long open_rss;
};

static struct bench bench;

static void bench_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    _Exit(1); /* on any thread */
}

static const char *bench_variable(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        bench_fail(name, "is not set");
    return value;
}

static uint64_t bench_clock(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* A number from the kernel's account of the process. */
static long bench_status(const char *field)
{
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, field, strlen(field)))
            value = atol(line + strlen(field));
    if (file)
        fclose(file);
    return value;
}

static enum bench_workload bench_find_workload(const char *name)
{
    static const char *const names[] = {"echo", "flood", "send", "fan"};
    int workload;
    for (workload = 0; workload < 4; workload++)
        if (!strcmp(names[workload], name))
            return (enum bench_workload)workload;
    bench_fail(name, "is no workload");
    return BENCH_ECHO;
}

static inline bool bench_is(enum bench_workload workload)
{
    return bench.workload == workload;
}

/* With BENCH_MESSAGES the payloads are its lines, else one of the letter x. */
static void bench_load_payloads(void)
{
    const char *name = getenv("BENCH_MESSAGES");
    FILE *file;
    if (!name) {
        bench.payloads = 1;
        bench.messages = (char *)malloc((size_t)bench.size + 1);
        memset(bench.messages, 'x', (size_t)bench.size);
        return;
    }
    file = fopen(name, "rb");
    if (!file)
        bench_fail(name, "cannot be read");
    do {
        bench.messages =
            (char *)realloc(bench.messages, (size_t)((bench.payloads + 1) * (bench.size + 1)));
    } while (fread(bench.messages + bench.payloads * bench.size, 1, (size_t)bench.size, file) ==
                 (size_t)bench.size &&
             ++bench.payloads && fgetc(file) == '\n');
    fclose(file);
}

static void bench_init(void)
{
    bench.workload = bench_find_workload(bench_variable("BENCH_WORKLOAD"));
    bench.url = bench_variable("BENCH_URL");
    bench.host = bench_variable("BENCH_HOST");
    bench.path = bench_variable("BENCH_PATH");
    bench.port = atol(bench_variable("BENCH_PORT"));
    bench.count = atol(bench_variable("BENCH_COUNT"));
    bench.warmup = atol(bench_variable("BENCH_WARMUP"));
    bench.size = atol(bench_variable("BENCH_SIZE"));
    bench.connections = atol(bench_variable("BENCH_CONNECTIONS"));
    bench.depth = atol(bench_variable("BENCH_DEPTH"));
    bench.tls = !strncmp(bench.url, "wss:", 4);
    bench.deflate = getenv("BENCH_DEFLATE") != NULL;
    bench_load_payloads();
    if (bench_is(BENCH_ECHO))
        bench.laps = (uint32_t *)calloc((size_t)(bench.count + bench.warmup), sizeof *bench.laps);
}

static inline long bench_total(void)
{
    return bench.warmup + bench.count;
}

static inline const char *bench_payload(long number)
{
    return bench.messages + number % bench.payloads * bench.size;
}

/* Begins the opening of many connections. */
static inline void bench_open(void)
{
    bench.open_rss = bench_status("VmRSS:");
    bench.wall = bench_clock(CLOCK_MONOTONIC);
    bench.cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* The warm-up is over. */
static inline void bench_start(void)
{
    bench.wall = bench.last = bench_clock(CLOCK_MONOTONIC);
    bench.cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* All connections are open: what follows is measured. */
static inline void bench_opened(void)
{
    snprintf(bench.opening, sizeof bench.opening,
             ",\"open_wall_ns\":%llu,\"open_cpu_ns\":%llu,\"open_rss_kib\":%ld,\"threads\":%ld",
             (unsigned long long)(bench_clock(CLOCK_MONOTONIC) - bench.wall),
             (unsigned long long)(bench_clock(CLOCK_PROCESS_CPUTIME_ID) - bench.cpu),
             bench_status("VmRSS:") - bench.open_rss, bench_status("Threads:"));
    bench_start();
}

/* The work is done. */
static inline void bench_stop(void)
{
    bench.wall = bench_clock(CLOCK_MONOTONIC) - bench.wall;
    bench.cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID) - bench.cpu;
}

/* One more operation is complete; true when it was the last. */
static inline bool bench_step(void)
{
    if (bench.laps) {
        uint64_t now = bench_clock(CLOCK_MONOTONIC);
        bench.laps[bench.done] = (uint32_t)(now - bench.last);
        bench.last = now;
    }
    bench.done += 1;
    if (bench.done == bench.warmup)
        bench_start();
    if (bench.done != bench_total())
        return false;
    bench_stop();
    return true;
}

static inline void bench_check(size_t len)
{
    if ((long)len != bench.size)
        bench_fail("a message", "has the wrong size");
}

static int bench_compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static void bench_report(void)
{
    printf("{\"operations\":%ld,\"wall_ns\":%llu,\"cpu_ns\":%llu,\"rss_kib\":%ld%s", bench.count,
           (unsigned long long)bench.wall, (unsigned long long)bench.cpu, bench_status("VmRSS:"),
           bench.opening);
    if (bench.laps) {
        uint32_t *laps = bench.laps + bench.warmup;
        qsort(laps, (size_t)bench.count, sizeof *laps, bench_compare);
        printf(",\"p50_ns\":%u,\"p99_ns\":%u", laps[(bench.count - 1) / 2],
               laps[(bench.count - 1) * 99 / 100]);
    }
    printf("}\n");
    fflush(stdout);
}

#endif
