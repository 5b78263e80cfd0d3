module libwsc/bench

go 1.19
