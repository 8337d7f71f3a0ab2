//! Packets: `$…#xx`, each acknowledged.

use std::io::{self, BufRead, Write};

use super::StubError;

/// How often a packet that came damaged is asked for again, or sent again.
const TRIES: usize = 5;
/// A longer packet is nobody's answer.
const LONGEST: usize = 1 << 20;
/// More than this around packets is no stub's line.
const MOST_NOISE: usize = 1 << 18;

/// What is known of a line whose packets are acknowledged.
#[derive(Default)]
pub struct Habits {
    /// The stub acknowledges what it takes, as the protocol has it. An answer without one is then
    /// an earlier question's, sent again: it must not be taken for the answer to this one.
    acknowledges: bool,
    /// Something was damaged: what is late may come before what is asked for next.
    pub is_disturbed: bool,
}

/// Sends a question and takes the answer, unescaped and with its runs written out.
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
        // What it does not like it asks for again.
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
                        // The question was read again if it had been taken.
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
                // Whatever a line carries beside packets.
                _ => noise += 1,
            }
        }
    }
    Err(match damaged {
        0 => StubError::NoStub,
        _ => StubError::Damaged,
    })
}

/// Whether an answer is the reason of a stop: `T05thread:01;`, `S05`.
pub fn is_stop(answer: &[u8]) -> bool {
    let digits = answer.get(1..3);
    matches!(answer.first(), Some(b'T' | b'S'))
        && digits.is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit))
}

/// A question as it goes over the line.
pub fn framed(question: &[u8]) -> Vec<u8> {
    let mut packet = vec![b'$'];
    packet.extend(question);
    packet.push(b'#');
    packet.extend(format!("{:02x}", sum(question)).bytes());
    packet
}

/// Sends a question that nobody acknowledges.
pub fn send(writer: &mut impl Write, question: &[u8]) -> Result<(), StubError> {
    writer.write_all(&framed(question)).map_err(StubError::Line)
}

/// Takes the next answer. One that comes damaged cannot be told from another's, and after a
/// question that came damaged every answer is another's: the line is lost.
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

/// The rest of a packet; `None` if its sum is wrong.
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
            // It hung up: what has a gdb already does that.
            io::ErrorKind::UnexpectedEof => StubError::NoStub,
            _ => StubError::Line(error),
        }
    })?;
    Ok(byte[0])
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Escapes resolved (`}` and the byte xor 0x20), runs written out (`*` and the count plus 29), up
/// to a little more than the longest answer.
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

/// Bytes written as pairs of hexadecimal digits; `None` for anything else.
pub fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8);
    text.chunks(2).map(pair).collect()
}

/// The hexadecimal number behind `name` in a list with semicolons.
pub fn field(list: &[u8], name: &str) -> Option<usize> {
    let list = std::str::from_utf8(list).ok()?;
    let value = list.split(';').find_map(|part| part.strip_prefix(name))?;
    usize::from_str_radix(value, 16).ok()
}

/// The process that a stop was in, as the stub writes it: `1` of `T05thread:p1.3;`.
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
        // One that never acknowledges is no worse for it.
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
        // Nothing but acknowledgements, and nothing but damaged packets.
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
