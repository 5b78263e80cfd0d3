// Boost.Beast's blocking calls.
#include "beast.hpp"

template <class Stream> static void run(Stream &stream)
{
    beast::flat_buffer buffer;
    open(stream);
    if (bench_is(BENCH_SEND)) {
        for (long i = 0; i < bench_total(); i++) {
            if (i == bench.warmup)
                bench_start();
            stream.write(payload(i));
        }
        stream.read(buffer);
        bench_stop();
        return;
    }
    for (long i = 0; bench_is(BENCH_ECHO) && i < bench.depth; i++)
        stream.write(payload(i));
    for (;;) {
        buffer.clear();
        stream.read(buffer);
        bench_check(buffer.size());
        if (bench_step())
            return;
        if (bench_is(BENCH_ECHO))
            stream.write(payload(bench.done));
    }
}

int main()
{
    bench_init();
    asio::io_context io(1);
    if (bench.tls) {
        auto context = trusting_context();
        tls_stream stream(io, context);
        run(stream);
    } else {
        plain_stream stream(io);
        run(stream);
    }
    bench_report();
}
