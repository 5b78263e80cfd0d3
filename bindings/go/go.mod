module libwsc/wsc

go 1.19
