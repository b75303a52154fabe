//! What a child gives up before it reads a byte: memory and processor time beyond its limits, files, other processes, the network.
//!
//! Limits on memory and time come from `setrlimit`. On Linux a system call that decoding does not need then fails (seccomp), so that
//! code which a file took over can reach nothing but its two pipes, and the child dies with its parent.

use std::{io, os::fd::RawFd};

use nix::sys::resource::{Resource, setrlimit};

/// Gives up everything.
///
/// # Errors
/// When the system does not let go of something.
pub(super) fn confine(seconds: u64, memory: u64) -> io::Result<()> {
    close_all_but_standard();
    let most = system::most_addresses(memory)?;
    let none = [Resource::RLIMIT_CORE, Resource::RLIMIT_FSIZE, Resource::RLIMIT_NOFILE];
    for resource in none {
        setrlimit(resource, 0, 0)?;
    }
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds + 1)?;
    system::confine(most)
}

/// Whatever a library of the parent left open for its children.
fn close_all_but_standard() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<RawFd> = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The folder's own is closed by now; that it cannot be closed again is no news.
        nix::unistd::close(descriptor).ok();
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::{collections::BTreeMap, io};

    use nix::sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::Signal,
    };
    use seccompiler::{SeccompAction, SeccompFilter};

    /// What decoding needs once its threads are started: its pipes, memory, locks, a clock, chance for hash tables, an end; and what a
    /// thread does first.
    const ALLOWED: [i64; 28] = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// The limit counts addresses, and the program itself takes some.
    pub(super) fn most_addresses(memory: u64) -> io::Result<u64> {
        // In pages, which are 4 KB or larger; on a machine of larger pages the child has less room than it might.
        let statm = std::fs::read_to_string("/proc/self/statm")?;
        let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).ok_or_else(|| io::Error::other("statm"))?;
        Ok(memory.saturating_add(pages * 4096))
    }

    pub(super) fn confine(most: u64) -> io::Result<()> {
        prctl::set_pdeathsig(Some(Signal::SIGKILL))?;
        setrlimit(Resource::RLIMIT_AS, most, most)?;
        setrlimit(Resource::RLIMIT_NPROC, 0, 0)?;
        prctl::set_no_new_privs()?;
        let rules: BTreeMap<_, _> = ALLOWED.into_iter().map(|call| (call, Vec::new())).collect();
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let machine = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
        let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, machine).map_err(io::Error::other)?;
        let program: seccompiler::BpfProgram = filter.try_into().map_err(io::Error::other)?;
        seccompiler::apply_filter_all_threads(&program).map_err(io::Error::other)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use nix::sys::resource::{Resource, setrlimit};

    pub(super) fn most_addresses(memory: u64) -> io::Result<u64> {
        Ok(memory)
    }

    pub(super) fn confine(most: u64) -> io::Result<()> {
        Ok(setrlimit(Resource::RLIMIT_AS, most, most)?)
    }
}
