#include "check.hpp"

#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3) {
        for (const auto &[name, test] : tests()) {
            std::puts(name.c_str());
        }
        return 0;
    }
    url() = argv[1];
    const auto test = tests().find(argv[2]);
    CHECK(test != tests().end());
    alarm(100); // one that hangs is ended by SIGALRM
    test->second();
    return 0;
}
