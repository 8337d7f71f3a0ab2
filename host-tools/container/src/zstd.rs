//! Zstandard frames, one after another, each with its checksum compared.
//!
//! The decoder reads one frame and leaves the checksum to its caller (RFC 8878, §3.1). Skippable
//! frames, in which `pzstd` and seekable archives keep their tables, hold no content.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Most memory in bytes of one stream's window: what `zstd` and `xz -9` need at most without an option.
pub const MOST_WINDOW: u64 = 128 << 20;

/// Content of all frames of a stream.
pub(crate) struct ZstdFrames<R> {
    from: R,
    decoder: FrameDecoder,
    is_within: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    pub fn new(from: R) -> ZstdFrames<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MOST_WINDOW);
        ZstdFrames {
            from,
            decoder,
            is_within: false,
        }
    }

    /// Begins the next frame with content; false at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.from.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.from) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut (&mut self.from).take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.named(error)),
            }
        }
    }

    /// Compares the checksum of the frame that has ended.
    fn end(&mut self) -> io::Result<()> {
        let (stated, found) = (
            self.decoder.get_checksum_from_data(),
            self.decoder.get_calculated_checksum(),
        );
        match stated {
            Some(stated) if found != Some(stated) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum of a frame is wrong",
            )),
            _ => Ok(()),
        }
    }

    /// The error of the decoder; where the stream has ended, that is the reason.
    fn named(&mut self, error: FrameDecoderError) -> io::Error {
        match self.from.fill_buf() {
            Ok([]) => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            _ => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_within && self.decoder.can_collect() > 0 {
                return self.decoder.read(into);
            }
            if self.is_within && self.decoder.is_finished() {
                self.end()?;
                self.is_within = false;
            }
            if !self.is_within {
                if !self.begin()? {
                    return Ok(0);
                }
                self.is_within = true;
                continue;
            }
            let one = BlockDecodingStrategy::UptoBlocks(1);
            if let Err(error) = self.decoder.decode_blocks(&mut self.from, one) {
                return Err(self.named(error));
            }
        }
    }
}
