//! The parent's side: one child process a file. It is this program, started again, and whatever becomes of it is that file's affair.
//!
//! A child has an empty environment and pipes for everything; it is ended when its time is over or its answer is in hand, and always
//! waited for. No more children run at once than there are places; whoever needs one more waits.

use std::{
    io::{self, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{self, Command, ExitStatus, Stdio},
    sync::{Condvar, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use nix::sys::signal::Signal;
use touchstone_core::media::Format;

use super::{Decoder, Frame, Undecoded, child, wire};
use crate::{
    picture::Unreadable,
    settings::{self, Limits},
};

/// A child may take so many times its processor time by the clock: other work wants the processor too.
const PATIENCE: u32 = 3;

/// Decodes in child processes.
pub struct Children {
    program: PathBuf,
    seconds: u64,
    memory: u64,
    places: Places,
}

impl Children {
    /// Nothing is started before the first file comes.
    #[must_use]
    pub fn new(settings: &settings::Decoder, at_once: usize) -> Self {
        let program = if settings.program.as_os_str().is_empty() { this_program() } else { settings.program.clone() };
        let (seconds, memory) = (settings.seconds, settings.memory);
        Self { program, seconds, memory, places: Places { free: Mutex::new(at_once.max(1)), freed: Condvar::new() } }
    }

    fn start(&self, format: Format, limits: &Limits) -> io::Result<process::Child> {
        // The child's own limit is what bounds its memory.
        let limits = Limits { max_memory: self.memory, ..*limits };
        let request = wire::Request { format, limits, seconds: self.seconds, memory: self.memory };
        Command::new(&self.program)
            .arg0("touchstone")
            .args([child::COMMAND, &serde_json::to_string(&request)?])
            .env_clear()
            // Each further arena would take 64 MB of addresses out of the limit.
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    /// Feeds a child, hears its answer, ends it.
    fn talk(&self, mut process: process::Child, bytes: &[u8], limits: &Limits) -> io::Result<Heard> {
        let (Some(mut to), Some(mut from)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("the child has no pipes"));
        };
        let patience = Duration::from_secs(self.seconds) * PATIENCE;
        let (answered, answer_is_in) = mpsc::channel::<()>();
        let (answer, (in_time, status)) = thread::scope(|scope| {
            // A child that ends early hears the rest no more.
            scope.spawn(move || drop(to.write_all(bytes)));
            let ender = scope.spawn(move || {
                let in_time = answer_is_in.recv_timeout(patience) != Err(mpsc::RecvTimeoutError::Timeout);
                (in_time, ended(process))
            });
            let answer = wire::read(&mut from, limits);
            drop((from, answered));
            (answer, ender.join().unwrap_or_else(|_| (true, Err(io::Error::other("the child was lost")))))
        });
        Ok(Heard { answer, in_time, status: status? })
    }

    fn judged(&self, heard: Heard, format: Format) -> Result<Frame, Undecoded> {
        let Heard { answer, in_time, status } = heard;
        let error = match answer {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        tracing::warn!(format = format.name(), %status, %error, "a decoding child ended without an answer");
        let why = match status.signal().and_then(|signal| Signal::try_from(signal).ok()) {
            _ if !in_time => Unreadable::TooSlow { format, limit: self.seconds },
            Some(Signal::SIGXCPU) => Unreadable::TooSlow { format, limit: self.seconds },
            Some(_) => Unreadable::Broke { format, limit: self.memory },
            None => return Err(Undecoded::Failed(format!("{} answered with {status}: {error}", self.program.display()))),
        };
        Err(why.into())
    }
}

/// How a talk with a child went.
struct Heard {
    answer: io::Result<Result<Frame, Undecoded>>,
    in_time: bool,
    status: ExitStatus,
}

/// Ends a child that nobody listens to any more. One that ended before keeps its own status.
fn ended(mut process: process::Child) -> io::Result<ExitStatus> {
    process.kill()?;
    process.wait()
}

impl Decoder for Children {
    fn decode(&self, bytes: &Bytes, format: Format, limits: &Limits) -> Result<Frame, Undecoded> {
        let _place = self.places.take();
        let failed = |error: io::Error| Undecoded::Failed(format!("{}: {error}", self.program.display()));
        let process = self.start(format, limits).map_err(failed)?;
        let heard = self.talk(process, bytes, limits).map_err(failed)?;
        self.judged(heard, format)
    }
}

/// On Linux by the link that still holds after the file was replaced by a newer version.
fn this_program() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { link } else { std::env::current_exe().unwrap_or_default() }
}

/// How many children may still be started.
struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Place<'p>(&'p Places);

impl Places {
    fn take(&self) -> Place<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
