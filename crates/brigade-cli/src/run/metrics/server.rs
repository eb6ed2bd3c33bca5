//! Metrics by HTTP, as Prometheus asks for them.
//!
//! One thread accepts connections, a few answer one request each. All that whoever connects can take up is bounded: the
//! connections at a time, the length of a request, and the time until it is there and the answer is taken.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use brigade::Pool;
use httparse::{EMPTY_HEADER, Request, Status};

use super::Source;

/// How many are answered at once; those who say nothing hold up others only if they are so many.
const AT_ONCE: usize = 4;

/// How many more may wait. Further ones are hung up on.
const WAITING: usize = 16;

/// How long a request may be.
const LONGEST_REQUEST: usize = 8 * 1024;

/// How long one connection may last.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait after the system could not accept a connection, mostly because too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

/// Begins to answer whoever connects to the address, until the process ends; returns the address with its port.
///
/// # Errors
/// If the address cannot be had, or the system refuses a thread.
pub(crate) fn serve(address: SocketAddr, source: Source) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    let pool = Pool::builder("brigade-metrics")
        .workers(1..=AT_ONCE)
        .queue_capacity(WAITING)
        .build()
        .map_err(io::Error::other)?;
    let source = Arc::new(source);
    let accept = move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                thread::sleep(PAUSE);
                continue;
            };
            // The wait for its turn counts too, lest those who say nothing make each other's waits longer.
            let until = Instant::now() + PATIENCE;
            let source = Arc::clone(&source);
            // If it is refused, this closes the connection.
            drop(pool.try_execute(move || {
                // Whoever asked may be gone, or be too slow.
                let _ = converse(Limited { stream, until }, &source);
            }));
        }
    };
    thread::Builder::new()
        .name("brigade-accept".to_owned())
        .spawn(accept)?;
    Ok(bound)
}

/// Answers one request.
fn converse(mut stream: Limited, source: &Source) -> io::Result<()> {
    let answer = answer(&mut stream, source)?;
    stream.write_all(answer.as_bytes())?;
    stream.stream.shutdown(Shutdown::Write)?;
    // To close it with something unread would take back the answer, though that may be on its way.
    let rest = &mut stream.take(8 * LONGEST_REQUEST as u64);
    io::copy(rest, &mut io::sink()).map(drop)
}

/// Reads a request, and returns the answer to it.
fn answer(stream: &mut impl Read, source: &Source) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        let mut block = [0; 1024];
        let length = stream.read(&mut block)?;
        text.extend_from_slice(&block[..length]);
        let mut headers = [EMPTY_HEADER; 64];
        let mut request = Request::new(&mut headers);
        match request.parse(&text) {
            Ok(Status::Complete(_)) => return Ok(respond(&request, source)),
            Ok(Status::Partial) if length > 0 && text.len() < LONGEST_REQUEST => {}
            Ok(Status::Partial) | Err(_) => {
                return Ok(response("400 Bad Request", "", "this is no HTTP request\n"));
            }
        }
    }
}

fn respond(request: &Request<'_, '_>, source: &Source) -> String {
    let target = request.path.unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    if !["/metrics", "/"].contains(&path) {
        return response("404 Not Found", "", "there is only /metrics\n");
    }
    match request.method {
        Some("GET") => {
            let version = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
            response("200 OK", version, &source.text(false))
        }
        _ => response("405 Method Not Allowed", "Allow: GET\r\n", ""),
    }
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A connection that ends in time.
struct Limited {
    stream: TcpStream,
    until: Instant,
}

impl Limited {
    /// How much time is left.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Limited {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
