module libwsc/bench/gorilla

go 1.19

require (
	github.com/gorilla/websocket v0.0.0
	libwsc/bench v0.0.0
)

// What Debian installs: nothing is downloaded.
replace (
	github.com/gorilla/websocket => /usr/share/gocode/src/github.com/gorilla/websocket
	libwsc/bench => ../bench
)
