#include <iostream>
#include <wsc.hpp>

int main(int argc, char **argv)
try {
    int exit_code = 1;
    wsc::loop loop;
    wsc::connection ws(loop, argc > 1 ? argv[1] : "ws://127.0.0.1:1234");
    ws.on_handshake([&] { ws.send("hello"); });
    ws.on_message([&](wsc::message message) {
        std::cout << "recv: " << message.data() << '\n';
        exit_code = 0;
        ws.close(1000, "bye");
    });
    ws.on_error([](wsc::error_info info) { std::cerr << "error: " << info.text() << '\n'; });
    ws.connect();
    loop.run(); // returns when no connection is left; throws what a handler threw
    return exit_code;
} catch (const wsc::error &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
