// Two connections whose events are taken in batches, without handlers.
#include <iostream>
#include <wsc.hpp>

int main(int argc, char **argv)
try {
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:1234";
    wsc::loop loop;
    wsc::connection one(loop, url);
    wsc::connection two(loop, url);
    for (const wsc::connection *ws : {&one, &two}) {
        ws->send("hello"); // waits for the handshake
        ws->connect();
    }
    wsc::event_batch batch(256);
    for (int open = 2; open > 0;) {
        for (const wsc::event event : loop.poll(batch)) {
            const wsc::connection &ws = event.connection_id() == one.id() ? one : two;
            if (event.type() == wsc::event_type::message) {
                std::cout << "recv: " << event.as<wsc::message>().data() << '\n';
                ws.close();
            } else if (event.type() == wsc::event_type::close) {
                open -= 1;
            }
        }
    }
} catch (const wsc::error &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
