//! Tests in a network of their own, whose links lose packets.

use std::process::{Command, Output};

use super::{bounded, skip};

/// Between both names of a pair nothing answers: packets to these networks are lost.
const DEAD_LINK: &str = "
    ip link set lo up
    ip link add v0 type veth peer name v1
    ip address add 192.0.2.1/24 dev v0
    ip address add 2001:db8::1/64 dev v0 nodad
    ip address add fe80::1/64 dev v0 nodad
    ip link set v0 arp off up
    ip link set v1 arp off up";

/// Files that a test has in the place of the system's.
pub type Files<'a> = &'a [(&'a str, &'a str)];

/// Runs a test in a process with networks and mounts of its own, where 192.0.2.0/24 and
/// 2001:db8::/64 are dead. `name` is the test's own. Where the system does not allow
/// that, the test says so and is skipped.
pub fn apart(name: &str, files: Files<'_>, test: impl FnOnce() + Send + 'static) {
    const MARK: &str = "WSC_TEST_NAMESPACE";
    if std::env::var(MARK).is_ok_and(|apart| apart == name) {
        for (path, contents) in files {
            put(path, contents);
        }
        return bounded(test);
    }
    let probe = format!("{DEAD_LINK}\nmount --bind /etc/hosts /etc/hosts");
    let probe = unshare(&probe).output().unwrap();
    if !probe.status.success() {
        return skip(name, "no namespaces here", &probe);
    }
    let output = unshare(&format!("{DEAD_LINK}\nexec \"$@\""))
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MARK, name)
        .output()
        .unwrap();
    let Output { status, .. } = output;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "no test is named {name}: {out}");
}

/// Runs a command in this network.
pub fn run(command: &str) {
    let status = Command::new("sh").args(["-ec", command]).status().unwrap();
    assert!(status.success(), "{command}: {status}");
}

/// A shell in namespaces of its own, as root of them.
fn unshare(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]);
    // SAFETY: no arguments, cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-ec", script]);
    command
}

/// Lays a file over the system's, for this process and its children.
fn put(path: &str, contents: &str) {
    let name = path.replace('/', "-");
    let file = std::env::temp_dir().join(format!("wsc{name}-{}", std::process::id()));
    std::fs::write(&file, contents).unwrap();
    run(&format!("mount --bind {} {path}", file.display()));
    std::fs::remove_file(file).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
