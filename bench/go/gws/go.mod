module libwsc/bench/gws

go 1.19

require (
	github.com/klauspost/compress v1.17.9
	github.com/lxzan/gws v1.9.1
	libwsc/bench v0.0.0
)

// The Makefile puts GWS_DIR in the place of CHECKOUTS: nothing is downloaded.
replace (
	github.com/klauspost/compress => CHECKOUTS/compress
	github.com/lxzan/gws => CHECKOUTS/gws
	libwsc/bench => ../bench
)
