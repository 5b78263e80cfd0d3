#include <iostream>
#include <wsc.hpp>

int main(int argc, char **argv)
try {
    using namespace std::chrono_literals;
    wsc::client ws(argc > 1 ? argv[1] : "ws://127.0.0.1:1234");
    ws.set_header("Cookie", "a=b");
    ws.connect(5s);
    ws.send("hello");
    ws.send("close me"); // some echo servers do
    while (const auto message = ws.receive(5s)) { // nothing after an orderly close
        std::cout << "recv: " << message->data << '\n';
        if (message->data == "close me") {
            ws.close();
        }
    }
    std::cout << "closed: " << ws.closed()->code << '\n';
} catch (const wsc::timeout_error &error) {
    std::cerr << error.what() << '\n';
    return 2;
} catch (const wsc::error &error) { // connection_error has the phase and the HTTP status
    std::cerr << error.what() << '\n';
    return 1;
}
