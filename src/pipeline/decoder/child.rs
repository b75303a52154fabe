//! The child's side: gives up everything it does not need, reads one file, answers, ends.

use std::io::{self, Read};

use super::{Decoder, Here, Undecoded, confine::confine, wire};

/// The hidden subcommand under which the program is a child. Its one argument is what to do.
pub const COMMAND: &str = "decode-child";

/// Does one request: the file comes on standard input, the answer goes to standard output.
///
/// # Errors
/// When the request is none, or nobody listens to the answer.
pub fn run(request: &str) -> io::Result<()> {
    let request: wire::Request = serde_json::from_str(request)?;
    // A panic is caught and becomes a refusal; nobody reads what it would print.
    std::panic::set_hook(Box::new(|_| {}));
    let here = Here::default();
    here.prepare(request.format, &request.limits);
    let answer = match confine(request.seconds, request.memory) {
        Ok(()) => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes)?;
            here.decode(&bytes.into(), request.format, &request.limits)
        }
        Err(error) => Err(Undecoded::Failed(format!("the child process could not give up its rights: {error}"))),
    };
    wire::write(&answer, &mut io::stdout().lock())
}
