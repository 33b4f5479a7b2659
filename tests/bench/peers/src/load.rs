//! Load where every request is another one: a list of tokens, each sent once.
//!
//! ```text
//! load PORT METHOD PATH TOKENS BODY CONNECTIONS closed         as fast as the connections allow
//! load PORT METHOD PATH TOKENS BODY CONNECTIONS open RATE      RATE requests a second, late ones counted from when they were due
//! ```
//!
//! `TOKENS` is a file with one token a line; `BODY` is a file, or `-` for none. `{n}` in a body is the number of the request.
//! Prints `{requests, seconds, per_second, statuses, p50_ms, p99_ms}`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Plan {
    port: u16,
    method: String,
    path: String,
    tokens: Vec<String>,
    body: Option<String>,
    interval: Option<Duration>,
}

struct Sample {
    status: u16,
    took: Duration,
}

pub(crate) fn run(arguments: &[&str]) {
    let [port, method, path, tokens, body, connections, how @ ..] = arguments else {
        panic!("load takes a port, a method, a path, a file of tokens, a file with a body and a number of connections");
    };
    let interval = match how {
        ["closed"] => None,
        ["open", rate] => Some(Duration::from_secs_f64(1.0 / rate.parse::<f64>().expect("a rate"))),
        _ => panic!("load is closed, or open with a rate"),
    };
    let plan = Plan {
        port: port.parse().expect("a port"),
        method: (*method).to_owned(),
        path: (*path).to_owned(),
        tokens: std::fs::read_to_string(tokens).expect("a file of tokens").lines().map(str::to_owned).collect(),
        body: (*body != "-").then(|| std::fs::read_to_string(body).expect("a file with a body")),
        interval,
    };
    let (samples, elapsed) = send(&plan, connections.parse().expect("a number of connections"));
    println!("{}", report(samples, elapsed));
}

fn send(plan: &Plan, connections: usize) -> (Vec<Sample>, Duration) {
    let next = AtomicUsize::new(0);
    let samples = Mutex::new(Vec::with_capacity(plan.tokens.len()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut own = Vec::new();
                let mut connection = connect(plan.port);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(token) = plan.tokens.get(at) else {
                        break;
                    };
                    let due = due(plan, began, at);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let status = exchange(&mut connection, plan, token, at).unwrap_or_else(|| {
                        connection = connect(plan.port);
                        0
                    });
                    own.push(Sample { status, took: due.elapsed() });
                }
                samples.lock().expect("no holder panics").extend(own);
            });
        }
    });
    (samples.into_inner().expect("no holder panics"), began.elapsed())
}

/// When a request should leave: now, or at its place in the schedule.
fn due(plan: &Plan, began: Instant, at: usize) -> Instant {
    match plan.interval {
        None => Instant::now(),
        Some(interval) => began + interval * u32::try_from(at).expect("fewer requests than that"),
    }
}

fn connect(port: u16) -> BufReader<TcpStream> {
    let connection = TcpStream::connect(("127.0.0.1", port)).expect("the proxy under test");
    let _ = connection.set_nodelay(true);
    let _ = connection.set_read_timeout(Some(Duration::from_secs(30)));
    BufReader::new(connection)
}

fn exchange(connection: &mut BufReader<TcpStream>, plan: &Plan, token: &str, at: usize) -> Option<u16> {
    let body = plan.body.as_deref().map(|body| body.replace("{n}", &at.to_string()));
    let mut request =
        format!("{} {} HTTP/1.1\r\nhost: bench.example\r\nauthorization: Bearer {token}\r\n", plan.method, plan.path);
    if let Some(body) = &body {
        request.push_str(&format!(
            "content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: {}\r\n",
            body.len()
        ));
    }
    request.push_str("\r\n");
    request.push_str(body.as_deref().unwrap_or_default());
    connection.get_mut().write_all(request.as_bytes()).ok()?;
    let mut line = String::new();
    connection.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    connection.read_exact(&mut vec![0; length]).ok()?;
    Some(status)
}

fn report(mut samples: Vec<Sample>, elapsed: Duration) -> serde_json::Value {
    samples.sort_by_key(|sample| sample.took);
    let quantile = |share: f64| {
        let at = (samples.len() as f64 * share) as usize;
        samples.get(at.min(samples.len().saturating_sub(1))).map_or(0.0, |sample| sample.took.as_secs_f64() * 1e3)
    };
    let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
    for sample in &samples {
        *statuses.entry(sample.status.to_string()).or_default() += 1;
    }
    serde_json::json!({
        "requests": samples.len(), "seconds": elapsed.as_secs_f64(),
        "per_second": samples.len() as f64 / elapsed.as_secs_f64(),
        "statuses": statuses, "p50_ms": quantile(0.5), "p99_ms": quantile(0.99),
    })
}
