//! What a client of the benchmark in Rust shares with the others: it is told its work
//! by the environment, counts what it did, and prints one line of JSON. The README
//! of this directory says what the variables and the fields mean.

use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

pub struct Bench {
    pub workload: String,
    pub url: String,
    pub host: String,
    pub port: u16,
    pub path: String,
    pub tls: bool,
    pub count: usize,
    pub warmup: usize,
    pub size: usize,
    pub connections: usize,
    pub depth: usize,
    done: usize,
    started: Option<(Instant, Duration)>,
    last: Instant,
    laps: Vec<u32>,
    opening: Option<Opening>,
}

struct Opening {
    began: Instant,
    cpu: Duration,
    rss: u64,
    result: String,
}

/// How many connections are opened at a time.
pub const OPENING: usize = 64;

impl Bench {
    pub fn from_env() -> Bench {
        let url: String = variable("URL");
        Bench {
            workload: variable("WORKLOAD"),
            tls: url.starts_with("wss:"),
            url,
            host: variable("HOST"),
            port: variable("PORT"),
            path: variable("PATH"),
            count: variable("COUNT"),
            warmup: variable("WARMUP"),
            size: variable("SIZE"),
            connections: variable("CONNECTIONS"),
            depth: variable("DEPTH"),
            done: 0,
            started: None,
            last: Instant::now(),
            laps: Vec::new(),
            opening: None,
        }
    }

    pub fn total(&self) -> usize {
        self.warmup + self.count
    }

    /// Begins the opening of many connections.
    pub fn open(&mut self) {
        self.opening = Some(Opening {
            began: Instant::now(),
            cpu: cpu(),
            rss: status("VmRSS:"),
            result: String::new(),
        });
    }

    /// All connections are open: what follows is measured.
    pub fn opened(&mut self) {
        let opening = self.opening.as_mut().expect("opened() follows open()");
        opening.result = format!(
            ",\"open_wall_ns\":{},\"open_cpu_ns\":{},\"open_rss_kib\":{},\"threads\":{}",
            opening.began.elapsed().as_nanos(),
            (cpu() - opening.cpu).as_nanos(),
            status("VmRSS:") as i64 - opening.rss as i64,
            status("Threads:"),
        );
        self.start();
    }

    /// The warm-up is over.
    pub fn start(&mut self) {
        if self.workload == "echo" {
            self.laps.reserve(self.count);
        }
        self.last = Instant::now();
        self.started = Some((self.last, cpu()));
    }

    /// One more operation is complete; true when it was the last.
    #[inline]
    pub fn step(&mut self) -> bool {
        self.done += 1;
        if self.laps.capacity() > 0 {
            let now = Instant::now();
            self.laps.push((now - self.last).as_nanos() as u32);
            self.last = now;
        }
        if self.done == self.warmup {
            self.start();
        }
        self.done == self.total()
    }

    /// Checks what came in.
    #[inline]
    pub fn check(&self, len: usize) {
        assert_eq!(len, self.size, "a message of the wrong size");
    }

    /// Prints the result, now that the work is done.
    pub fn report(mut self) {
        let (wall, used) = self.started.expect("report() follows start()");
        let wall = wall.elapsed().as_nanos();
        let used = (cpu() - used).as_nanos();
        let mut more = self
            .opening
            .map(|opening| opening.result)
            .unwrap_or_default();
        if !self.laps.is_empty() {
            self.laps.sort_unstable();
            let at = |share: f64| self.laps[((self.laps.len() - 1) as f64 * share) as usize];
            more += &format!(",\"p50_ns\":{},\"p99_ns\":{}", at(0.50), at(0.99));
        }
        println!(
            "{{\"operations\":{},\"wall_ns\":{wall},\"cpu_ns\":{used},\"rss_kib\":{}{more}}}",
            self.count,
            status("VmRSS:"),
        );
    }
}

fn variable<T: FromStr>(name: &str) -> T {
    let value = std::env::var(format!("BENCH_{name}")).unwrap_or_default();
    value
        .parse()
        .unwrap_or_else(|_| panic!("BENCH_{name} is not set, or wrong"))
}

/// Of all threads of the process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A number from the kernel's account of the process.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap_or_default();
    value
        .split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}
