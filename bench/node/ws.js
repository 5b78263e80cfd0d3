// ws for Node.
'use strict'

const fs = require('fs')
const WebSocket = require('ws')

// How many connections are opened at a time.
const OPENING = 64

// How much may be queued before the socket is given time to take it.
const QUEUE_LIMIT = 1 << 20

const number = (name) => Number(process.env[`BENCH_${name}`])
const workload = process.env.BENCH_WORKLOAD
const [count, warmup, size] = ['COUNT', 'WARMUP', 'SIZE'].map(number)
const [connections, depth] = ['CONNECTIONS', 'DEPTH'].map(number)
const total = warmup + count
const deflate = 'BENCH_DEFLATE' in process.env
const payloads = deflate
  ? fs.readFileSync(process.env.BENCH_MESSAGES, 'utf8').trim().split('\n')
  : [Buffer.alloc(size, 'x')]

const sockets = []
let started = 0
let sent = 0
let done = 0
let wall, cpu, before
let last = process.hrtime.bigint()
let laps = []
let opening = {}

const now = () => process.hrtime.bigint()

const cpuTime = () => {
  const { user, system } = process.cpuUsage()
  return BigInt(user + system) * 1000n
}

// A number from the kernel's account of the process.
function status (field) {
  const line = fs.readFileSync('/proc/self/status', 'utf8').split('\n').find((line) => line.startsWith(field))
  return parseInt(line.slice(field.length))
}

function startClocks () {
  laps = []
  wall = last = now()
  cpu = cpuTime()
}

function openNext () {
  started++
  const socket = new WebSocket(process.env.BENCH_URL, { perMessageDeflate: deflate && { threshold: 0 }, maxPayload: 64 << 20 })
  socket.on('open', () => onOpen(socket))
  socket.on('message', (data) => onMessage(socket, data))
  socket.on('error', (error) => { throw error })
}

function onOpen (socket) {
  sockets.push(socket)
  while (started < connections && started - sockets.length < OPENING) openNext()
  if (sockets.length < connections) return
  if (connections > 1) opened()
  if (workload === 'send') sendAll(socket)
  if (workload === 'fan') socket.send('go')
  if (workload === 'echo') {
    for (const socket of sockets) {
      for (let i = 0; i < depth; i++) socket.send(payloads[0])
    }
  }
}

function opened () {
  opening = {
    open_wall_ns: Number(now() - before.wall),
    open_cpu_ns: Number(cpuTime() - before.cpu),
    open_rss_kib: status('VmRSS:') - before.rss,
    threads: status('Threads:')
  }
  startClocks()
}

function onMessage (socket, data) {
  if (workload === 'send') return finish()
  if (data.length !== size) throw new Error(`a message has the wrong size: ${data.length}`)
  done++
  if (workload === 'echo') {
    const time = now()
    laps.push(Number(time - last))
    last = time
  }
  if (done === warmup) startClocks()
  if (done === total) return finish()
  if (workload === 'echo') socket.send(payloads[0])
}

function sendAll (socket) {
  while (sent < total && socket.bufferedAmount < QUEUE_LIMIT) {
    if (sent === warmup) startClocks()
    socket.send(payloads[sent % payloads.length])
    sent++
  }
  if (sent < total) setImmediate(sendAll, socket)
}

function finish () {
  const result = {
    operations: count,
    wall_ns: Number(now() - wall),
    cpu_ns: Number(cpuTime() - cpu),
    rss_kib: status('VmRSS:'),
    ...opening
  }
  if (laps.length > 0) {
    laps.sort((a, b) => a - b)
    result.p50_ns = laps[Math.floor((laps.length - 1) / 2)]
    result.p99_ns = laps[Math.floor((laps.length - 1) * 99 / 100)]
  }
  console.log(JSON.stringify(result))
  process.exit()
}

before = { wall: now(), cpu: cpuTime(), rss: status('VmRSS:') }
openNext()
