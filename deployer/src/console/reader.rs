//! Whether somebody still reads our output. A command that goes on until it is stopped must notice `| head` going away
//! also while it has nothing to write; the others are told by their next write.

use std::future::Future;

/// Resolves once nobody reads stdout any more; never where that cannot be told (a file, a platform that is not Unix).
pub(super) fn gone() -> impl Future<Output = ()> + Send + 'static {
    #[cfg(unix)]
    return of(std::io::stdout());
    #[cfg(not(unix))]
    std::future::pending()
}

/// The same of any stream that is written to. Nothing is written, and its mode stays what it is.
#[cfg(unix)]
async fn of(stream: impl std::os::fd::AsFd + Send + 'static) {
    use rustix::event::{PollFd, PollFlags, poll};

    let (tell, told) = tokio::sync::oneshot::channel();
    // A thread of its own, which ends with the process: the runtime would wait for one of its own at the end.
    std::thread::spawn(move || {
        // No event is asked for: that the other end is closed is told in any case.
        let mut watched = [PollFd::new(&stream, PollFlags::empty())];
        while let Err(rustix::io::Errno::INTR) = poll(&mut watched, None) {}
        if watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            // Nobody may be waiting any more.
            let _ = tell.send(());
        }
    });
    if told.await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        io::{Read, Write},
        time::Duration,
    };

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn it_is_noticed_without_a_write_that_the_reader_of_a_pipe_is_gone() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"line\n").unwrap();
        let mut gone = Box::pin(of(writer));
        assert_eq!((&mut gone).now_or_never(), None);
        reader.read_exact(&mut [0; 5]).unwrap();
        assert_eq!((&mut gone).now_or_never(), None, "it still reads");
        drop(reader);
        // Where it is not noticed, nothing else would end the wait.
        tokio::time::timeout(Duration::from_mins(1), gone).await.unwrap();
    }
}
