// Package bench is what a client of the benchmark in Go shares with the others: it is
// told its work by the environment, counts what it did, and prints one line of JSON. The
// README of the benchmark says what the variables and the fields mean.
package bench

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Conn is a connection of the library that is measured.
type Conn interface {
	// Receive gives the messages to take, one after the other, until it returns false.
	Receive(take func(message []byte) bool) error
	Send(payload []byte) error
}

// ReceiveAll is Receive for a library that is asked for each message.
func ReceiveAll(next func() ([]byte, error), take func(message []byte) bool) error {
	for {
		message, err := next()
		if err != nil {
			return err
		}
		if !take(message) {
			return nil
		}
	}
}

// Opening is how many connections are opened at a time.
const Opening = 64

// Bench is one run.
type Bench struct {
	Workload, URL                           string
	Deflate                                 bool
	Count, Warmup, Size, Connections, Depth int

	payloads [][]byte
	done     int
	wall     time.Time
	last     time.Time
	cpu      time.Duration
	laps     []uint32
	opening  string
}

// Run does the work that the environment asks for, on connections that open makes.
func Run(open func(b *Bench) (Conn, error)) {
	b := fromEnvironment()
	mustOpen := func() Conn {
		conn, err := open(b)
		must(err)
		return conn
	}
	switch {
	case b.Connections > 1:
		b.many(mustOpen)
	case b.Workload == "echo":
		b.echo(mustOpen())
	case b.Workload == "flood":
		b.flood(mustOpen())
	case b.Workload == "send":
		b.send(mustOpen())
	default:
		log.Fatal("no such workload: ", b.Workload)
	}
	b.report()
}

func fromEnvironment() *Bench {
	b := &Bench{
		Workload:    os.Getenv("BENCH_WORKLOAD"),
		URL:         os.Getenv("BENCH_URL"),
		Deflate:     os.Getenv("BENCH_DEFLATE") != "",
		Count:       number("BENCH_COUNT"),
		Warmup:      number("BENCH_WARMUP"),
		Size:        number("BENCH_SIZE"),
		Connections: number("BENCH_CONNECTIONS"),
		Depth:       number("BENCH_DEPTH"),
	}
	if b.Workload == "echo" {
		b.laps = make([]uint32, 0, b.Count+b.Warmup)
	}
	b.payloads = [][]byte{bytes.Repeat([]byte("x"), b.Size)}
	if file := os.Getenv("BENCH_MESSAGES"); file != "" {
		lines, err := os.ReadFile(file)
		must(err)
		b.payloads = bytes.Split(bytes.TrimSpace(lines), []byte("\n"))
	}
	return b
}

func number(name string) int {
	value, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		log.Fatal(name, ": ", err)
	}
	return value
}

func (b *Bench) payload(number int) []byte {
	return b.payloads[number%len(b.payloads)]
}

func (b *Bench) echo(conn Conn) {
	for i := 0; i < b.Depth; i++ {
		must(conn.Send(b.payload(i)))
	}
	must(conn.Receive(func(message []byte) bool {
		if b.received(message) {
			return false
		}
		must(conn.Send(b.payload(b.done)))
		return true
	}))
}

func (b *Bench) flood(conn Conn) {
	must(conn.Receive(func(message []byte) bool { return !b.received(message) }))
}

func (b *Bench) send(conn Conn) {
	for i := 0; i < b.Warmup+b.Count; i++ {
		if i == b.Warmup {
			b.start()
		}
		must(conn.Send(b.payload(i)))
	}
	must(conn.Receive(func([]byte) bool { return false }))
}

// many has a goroutine for each connection, as Go programs do.
func (b *Bench) many(open func() Conn) {
	conns := b.openAll(open)
	var lock sync.Mutex
	finished := make(chan bool)
	for _, conn := range conns {
		go func(conn Conn) {
			echo := b.Workload == "echo"
			if echo {
				must(conn.Send(b.payload(0)))
			}
			must(conn.Receive(func(message []byte) bool {
				lock.Lock()
				if b.received(message) {
					close(finished)
					select {} // with the lock: the others wait for the end as well
				}
				lock.Unlock()
				if echo {
					must(conn.Send(b.payload(0)))
				}
				return true
			}))
		}(conn)
	}
	if b.Workload == "fan" {
		must(conns[0].Send([]byte("go")))
	}
	<-finished
}

func (b *Bench) openAll(open func() Conn) []Conn {
	rss, cpu, wall := status("VmRSS:"), cpuTime(), time.Now()
	conns := make([]Conn, b.Connections)
	var group sync.WaitGroup
	free := make(chan bool, Opening)
	for i := range conns {
		group.Add(1)
		free <- true
		go func(i int) {
			conns[i] = open()
			<-free
			group.Done()
		}(i)
	}
	group.Wait()
	b.opening = fmt.Sprintf(`,"open_wall_ns":%d,"open_cpu_ns":%d,"open_rss_kib":%d,"threads":%d`,
		time.Since(wall), cpuTime()-cpu, status("VmRSS:")-rss, status("Threads:"))
	b.start()
	return conns
}

// received counts a message, and tells whether it was the last.
func (b *Bench) received(message []byte) bool {
	if len(message) != b.Size {
		log.Fatal("a message has the wrong size: ", len(message))
	}
	return b.step()
}

func (b *Bench) start() {
	b.wall = time.Now()
	b.last = b.wall
	b.cpu = cpuTime()
}

// step counts one more operation, and tells whether it was the last.
func (b *Bench) step() bool {
	b.done++
	if b.laps != nil {
		now := time.Now()
		b.laps = append(b.laps, uint32(now.Sub(b.last)))
		b.last = now
	}
	if b.done == b.Warmup {
		b.start()
	}
	return b.done == b.Warmup+b.Count
}

func (b *Bench) report() {
	wall, cpu := time.Since(b.wall), cpuTime()-b.cpu
	laps := ""
	if b.laps != nil {
		measured := b.laps[b.Warmup:]
		sort.Slice(measured, func(i, j int) bool { return measured[i] < measured[j] })
		laps = fmt.Sprintf(`,"p50_ns":%d,"p99_ns":%d`,
			measured[(len(measured)-1)/2], measured[(len(measured)-1)*99/100])
	}
	fmt.Printf("{\"operations\":%d,\"wall_ns\":%d,\"cpu_ns\":%d,\"rss_kib\":%d%s%s}\n",
		b.Count, wall, cpu, status("VmRSS:"), b.opening, laps)
}

// cpuTime is that of all threads of the process.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// status is a number from the kernel's account of the process.
func status(field string) int {
	text, err := os.ReadFile("/proc/self/status")
	must(err)
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, field) {
			value, err := strconv.Atoi(strings.Fields(line)[1])
			must(err)
			return value
		}
	}
	return 0
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
