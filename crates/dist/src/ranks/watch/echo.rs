//! Whether another rank can be reached over the network, asked apart from MPI, which cannot be asked while it waits.
//!
//! Each rank answers datagrams on a port of its own. A network may carry MPI and no datagrams, or the other way round; what counts
//! is therefore only that a rank has answered before and does not any more.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How often a rank that does not answer is asked, and how long each time.
const ROUNDS: u32 = 6;
const ROUND: Duration = Duration::from_millis(250);

/// The longest wait in one call of the operating system.
const SLICE: Duration = Duration::from_secs(1);

const QUESTION: &[u8; 8] = b"tessera?";
const ANSWER: &[u8; 8] = b"tessera!";

/// A port at which a rank answers.
pub(super) struct Echo {
    rank: usize,
    socket: UdpSocket,
    /// In questions of this rank and their answers, in no other datagram.
    token: [u8; 8],
}

/// Why listening ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// The time is over.
    Nothing,
    /// An empty datagram.
    Call,
    /// An answer by this rank.
    Answer(usize),
}

impl Echo {
    /// A port for rank `rank`, over version 4 of the internet protocol.
    pub(super) fn open(rank: usize) -> io::Result<Echo> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        // Each `RandomState` is seeded at random.
        let token = RandomState::new().build_hasher().finish().to_le_bytes();
        Ok(Echo { rank, socket, token })
    }

    /// Where other machines can find it: its port at every address of this machine.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let port = self.socket.local_addr()?.port();
        let interfaces = if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip());
        Ok(interfaces.filter(IpAddr::is_ipv4).map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Answers whoever asks, until `time` is over or somebody on this machine has called [`call`].
    pub(super) fn answer(&self, time: Duration) {
        let until = Instant::now() + time;
        while matches!(self.listen(until), Heard::Answer(_)) {}
    }

    /// Asks `ranks` with their addresses, and returns those that answer within a second or two.
    pub(super) fn ask(&self, ranks: &[(usize, Vec<SocketAddr>)]) -> BTreeSet<usize> {
        let question = [*QUESTION, self.token].concat();
        let mut answered = BTreeSet::new();
        for _ in 0..ROUNDS {
            let silent = ranks.iter().filter(|(rank, _)| !answered.contains(rank));
            for address in silent.flat_map(|(_, addresses)| addresses) {
                // One that cannot be sent to does not answer.
                let _ = self.socket.send_to(&question, address);
            }
            let until = Instant::now() + ROUND;
            while answered.len() < ranks.len() {
                match self.listen(until) {
                    Heard::Answer(rank) => drop(answered.insert(rank)),
                    Heard::Nothing => break,
                    Heard::Call => return answered,
                }
            }
        }
        answered
    }

    /// Waits for something to be heard, and answers questions meanwhile.
    fn listen(&self, until: Instant) -> Heard {
        let mut bytes = [0; 64];
        loop {
            let left = until.saturating_duration_since(Instant::now()).min(SLICE);
            if left.is_zero() {
                return Heard::Nothing;
            }
            let received =
                self.socket.set_read_timeout(Some(left)).and_then(|()| self.socket.recv_from(&mut bytes));
            let (length, from) = match received {
                Ok(received) => received,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => {
                    std::thread::sleep(left);
                    continue;
                }
            };
            match bytes[..length].split_first_chunk() {
                None if length == 0 => return Heard::Call,
                Some((QUESTION, token)) => {
                    let answer = [ANSWER, token, &(self.rank as u64).to_le_bytes()].concat();
                    let _ = self.socket.send_to(&answer, from);
                }
                Some((ANSWER, rest)) => match rest.split_first_chunk() {
                    Some((token, rank)) if *token == self.token => {
                        let rank = rank.try_into().map_or(u64::MAX, u64::from_le_bytes);
                        return Heard::Answer(usize::try_from(rank).unwrap_or(usize::MAX));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

/// Ends the waiting of the [`Echo`] of this machine that has one of `addresses`.
pub(super) fn call(addresses: &[SocketAddr]) {
    // If this fails, the wait ends by itself.
    if let (Ok(socket), Some(address)) = (UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)), addresses.first()) {
        let _ = socket.send_to(&[], (Ipv4Addr::LOCALHOST, address.port()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_that_answer_are_told_from_those_that_do_not() {
        let [asks, answers] = [0, 5].map(|rank| Echo::open(rank).unwrap());
        let there = answers.addresses().unwrap();
        let thread = std::thread::spawn(move || answers.answer(Duration::from_secs(600)));
        // A port at which nobody answers, and a rank that is not the one that was asked for.
        let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let asked = [(5, there.clone()), (6, vec![nobody.local_addr().unwrap()])];
        assert_eq!(asks.ask(&asked), BTreeSet::from([5]));
        call(&there);
        thread.join().unwrap();
    }

    #[test]
    fn foreign_datagrams_are_ignored() {
        let echo = Echo::open(0).unwrap();
        let port = echo.socket.local_addr().unwrap().port();
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let foreign = [b"tessera!".as_slice(), &[0; 16]].concat();
        for bytes in [b"x".as_slice(), b"tessera!", &foreign, &[0; 64]] {
            stranger.send_to(bytes, (Ipv4Addr::LOCALHOST, port)).unwrap();
        }
        stranger.send_to(&[], (Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_eq!(echo.listen(Instant::now() + Duration::from_secs(60)), Heard::Call);
    }
}
