//go:build wsc_static

package wsc

// The directory of libwsc.a comes from CGO_LDFLAGS if the linker does not know it.

// #cgo LDFLAGS: -l:libwsc.a -lssl -lcrypto -lgcc_s -lutil -lrt -lpthread -lm -ldl
import "C"
