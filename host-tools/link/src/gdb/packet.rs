//! Packets of gdb's protocol: `$…#xx`, each acknowledged.

use std::io::{self, BufRead, Write};

use super::StubError;

/// Attempts to receive a damaged packet again, or to retransmit one.
const TRIES: usize = 5;
/// Longest packet in bytes.
const LONGEST: usize = 1 << 20;
/// More bytes than this between packets mean that the peer is not a stub.
const MOST_NOISE: usize = 1 << 18;

/// What is known about a line with acknowledgements.
#[derive(Default)]
pub struct Habits {
    /// The stub acknowledges packets. Then an answer without an acknowledgement belongs to an earlier
    /// request, and must be dropped.
    acknowledges: bool,
    /// A packet was damaged: late bytes may precede the next answer.
    pub is_disturbed: bool,
}

/// Sends a request and receives the answer, with escapes and run lengths decoded.
pub fn exchange(
    reader: &mut impl BufRead,
    writer: &mut impl Write,
    question: &[u8],
    habits: &mut Habits,
) -> Result<Vec<u8>, StubError> {
    let packet = framed(question);
    let (mut noise, mut damaged) = (0, 0);
    for _ in 0..TRIES {
        writer.write_all(&packet).map_err(StubError::Line)?;
        let mut is_acknowledged = false;
        // A negative acknowledgement requests a retransmission.
        while noise < MOST_NOISE && damaged < TRIES {
            match next(reader)? {
                b'-' => {
                    habits.is_disturbed = true;
                    break;
                }
                b'+' => {
                    is_acknowledged = true;
                    noise += 1;
                }
                b'$' => match take(reader)? {
                    Some(answer) => {
                        writer.write_all(b"+").map_err(StubError::Line)?;
                        if is_acknowledged || !habits.acknowledges {
                            habits.acknowledges = is_acknowledged;
                            return Ok(answer);
                        }
                        // The stub would have acknowledged the retransmission if it had received the request.
                        habits.is_disturbed = true;
                        damaged += 1;
                        break;
                    }
                    None => {
                        habits.is_disturbed = true;
                        damaged += 1;
                        writer.write_all(b"-").map_err(StubError::Line)?;
                    }
                },
                // Bytes between packets.
                _ => noise += 1,
            }
        }
    }
    Err(match damaged {
        0 => StubError::NoStub,
        _ => StubError::Damaged,
    })
}

/// Whether an answer is a stop reply: `T05thread:01;`, `S05`.
pub fn is_stop(answer: &[u8]) -> bool {
    let digits = answer.get(1..3);
    matches!(answer.first(), Some(b'T' | b'S'))
        && digits.is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit))
}

/// A request with its framing and checksum.
pub fn framed(question: &[u8]) -> Vec<u8> {
    let mut packet = vec![b'$'];
    packet.extend(question);
    packet.push(b'#');
    packet.extend(format!("{:02x}", sum(question)).bytes());
    packet
}

/// Sends a request on a line without acknowledgements.
pub fn send(writer: &mut impl Write, question: &[u8]) -> Result<(), StubError> {
    writer.write_all(&framed(question)).map_err(StubError::Line)
}

/// Receives the next answer. Without acknowledgements, a damaged answer cannot be attributed to a request,
/// and neither can those after it: the line is given up.
pub fn receive(reader: &mut impl BufRead) -> Result<Vec<u8>, StubError> {
    for _ in 0..MOST_NOISE {
        match next(reader)? {
            b'$' => return take(reader)?.ok_or(StubError::Damaged),
            b'-' => return Err(StubError::Damaged),
            _ => {}
        }
    }
    Err(StubError::NoStub)
}

/// Receives the rest of a packet; `None` if its checksum is wrong.
fn take(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, StubError> {
    let mut raw = Vec::new();
    loop {
        match next(reader)? {
            b'#' => break,
            _ if raw.len() == LONGEST => return Err(StubError::NoStub),
            byte => raw.push(byte),
        }
    }
    let told = [next(reader)?, next(reader)?];
    let is_whole = told == format!("{:02x}", sum(&raw)).as_bytes();
    let answer = is_whole.then(|| plain(&raw));
    match answer.as_ref().is_some_and(|answer| answer.len() > LONGEST) {
        true => Err(StubError::NoStub),
        false => Ok(answer),
    }
}

fn next(reader: &mut impl BufRead) -> Result<u8, StubError> {
    let mut byte = [0];
    reader.read_exact(&mut byte).map_err(|error| {
        match error.kind() {
            // The peer closed the connection, as a stub with another gdb does.
            io::ErrorKind::UnexpectedEof => StubError::NoStub,
            _ => StubError::Line(error),
        }
    })?;
    Ok(byte[0])
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Decodes escapes (`}` and the byte xor 0x20) and run lengths (`*` and the count plus 29), up to slightly
/// more than the longest answer.
fn plain(raw: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while out.len() <= LONGEST
        && let Some(&byte) = bytes.next()
    {
        match byte {
            b'}' => out.extend(bytes.next().map(|byte| byte ^ 0x20)),
            b'*' => {
                let count = bytes.next().map_or(0, |count| count.saturating_sub(29));
                if let Some(&last) = out.last() {
                    out.extend(std::iter::repeat_n(last, count.into()));
                }
            }
            _ => out.push(byte),
        }
    }
    out
}

/// Decodes pairs of hexadecimal digits; `None` for anything else.
pub fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8);
    text.chunks(2).map(pair).collect()
}

/// The hexadecimal number after `name` in a list separated by semicolons.
pub fn field(list: &[u8], name: &str) -> Option<usize> {
    let list = std::str::from_utf8(list).ok()?;
    let value = list.split(';').find_map(|part| part.strip_prefix(name))?;
    usize::from_str_radix(value, 16).ok()
}

/// The process id in a stop reply, as text: `1` in `T05thread:p1.3;`.
pub fn process(stopped: &[u8]) -> Option<String> {
    let stopped = std::str::from_utf8(stopped).ok()?;
    let (_, thread) = stopped.split_once("thread:p")?;
    let (process, _) = thread.split_once('.')?;
    let is_number = !process.is_empty() && process.bytes().all(|it| it.is_ascii_hexdigit());
    is_number.then(|| process.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(said: &[u8]) -> (Result<Vec<u8>, StubError>, Vec<u8>) {
        let mut told = Vec::new();
        let answer = exchange(&mut &*said, &mut told, b"?", &mut Habits::default());
        (answer, told)
    }

    #[test]
    fn an_answer_comes_with_runs_and_escapes_resolved() {
        let (answer, told) = ask(b"+$0* }\x03#fa");
        assert_eq!(answer.unwrap(), b"0000#");
        assert_eq!(told, b"$?#3f+");
    }

    #[test]
    fn a_damaged_answer_is_asked_for_again_and_so_is_a_damaged_question() {
        let (answer, told) = ask(b"+$OK#00$OK#9a");
        assert_eq!(
            (answer.unwrap(), told),
            (b"OK".to_vec(), b"$?#3f-+".to_vec())
        );
        let (answer, told) = ask(b"-+$OK#9a");
        assert_eq!(answer.unwrap(), b"OK");
        assert_eq!(told, b"$?#3f$?#3f+");
    }

    #[test]
    fn the_process_is_named_where_there_are_processes() {
        assert_eq!(process(b"T05thread:p01.02;").as_deref(), Some("01"));
        assert_eq!(process(b"T05thread:02;"), None);
        assert_eq!(process(b"S05"), None);
        assert_eq!(process(b"T05thread:p#.1;"), None);
    }

    #[test]
    fn what_hangs_up_is_no_stub() {
        assert!(matches!(ask(b"").0, Err(StubError::NoStub)));
        assert!(matches!(ask(b"HTTP/1.1 400\r\n").0, Err(StubError::NoStub)));
        assert!(matches!(ask(b"-----").0, Err(StubError::NoStub)));
    }

    #[test]
    fn an_answer_that_was_sent_again_is_not_the_next_questions() {
        let mut habits = Habits::default();
        let mut told = Vec::new();
        let mut line = &b"+$one#42$one#42+$two#5a"[..];
        let first = exchange(&mut line, &mut told, b"1", &mut habits).unwrap();
        let second = exchange(&mut line, &mut told, b"2", &mut habits).unwrap();
        assert_eq!((&*first, &*second), (&b"one"[..], &b"two"[..]));
        assert!(habits.is_disturbed);
        // A stub that never acknowledges works too.
        let mut habits = Habits::default();
        let mut line = &b"$one#42$two#5a"[..];
        for answer in [&b"one"[..], b"two"] {
            let said = exchange(&mut line, &mut told, b"1", &mut habits).unwrap();
            assert_eq!(said, answer);
        }
    }

    #[test]
    fn a_question_that_came_damaged_loses_a_line_of_many() {
        assert!(matches!(
            receive(&mut &b"+-+$two#5a"[..]),
            Err(StubError::Damaged)
        ));
        assert!(matches!(
            receive(&mut &b"+$two#56"[..]),
            Err(StubError::Damaged)
        ));
    }

    #[test]
    fn a_line_that_never_ends_is_given_up() {
        // Only acknowledgements, and only damaged packets.
        for endless in [&b"+"[..], b"$OK#00", b"$OK"] {
            let forever = || endless.iter().copied().cycle().take(8 * MOST_NOISE);
            let said: Vec<u8> = forever().collect();
            let mut rest = &said[..];
            let mut told = Vec::new();
            let answer = exchange(&mut rest, &mut told, b"?", &mut Habits::default());
            assert!(matches!(
                answer,
                Err(StubError::NoStub | StubError::Damaged)
            ));
            assert!(!rest.is_empty(), "it stopped listening");
            let answer = receive(&mut &said[..]);
            assert!(matches!(
                answer,
                Err(StubError::NoStub | StubError::Damaged)
            ));
        }
    }

    #[test]
    fn runs_make_no_answer_longer_than_any() {
        let raw = [b"0".to_vec(), b"*~".repeat(LONGEST / 80)].concat();
        let said = [b"$", &raw[..], format!("#{:02x}", sum(&raw)).as_bytes()].concat();
        assert!(raw.len() < LONGEST);
        assert!(matches!(ask(&said).0, Err(StubError::NoStub)));
    }

    proptest! {
        #[test]
        fn noise_does_no_harm(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = ask(&noise);
            let _ = bytes(&noise);
            let _ = field(&noise, "PacketSize=");
        }
    }
}
