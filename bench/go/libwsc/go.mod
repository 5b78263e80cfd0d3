module libwsc/bench/libwsc

go 1.19

require (
	libwsc/bench v0.0.0
	libwsc/wsc v0.0.0
)

replace (
	libwsc/bench => ../bench
	libwsc/wsc => ../../../bindings/go
)
