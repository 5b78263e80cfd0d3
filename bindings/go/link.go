//go:build !wsc_static

package wsc

// #cgo pkg-config: wsc
import "C"
