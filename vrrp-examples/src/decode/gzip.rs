//! Captures that gzip has compressed: unpacked as they are read, in as much memory as a block and the window take.

use std::io::{self, BufRead, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// The first octets of a compressed stream.
const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The number of octets unpacked at once. Damage costs no more than so many good ones before it.
const BLOCK: usize = 512;

/// A stream, unpacked where it was compressed.
pub(super) enum Unpacked<R> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<Blocks<Whole<R>>>>),
}

/// The octets that told what the stream is, and the rest.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads as much as tells whether a stream is compressed.
pub(super) fn unpacked<R: Read>(mut stream: R) -> io::Result<Unpacked<R>> {
    let mut first = Vec::new();
    stream.by_ref().take(MAGIC.len() as u64).read_to_end(&mut first)?;
    let compressed = first == MAGIC;
    let whole = Cursor::new(first).chain(stream);
    Ok(match compressed {
        true => Unpacked::Gzip(Box::new(MultiGzDecoder::new(Blocks { stream: whole, block: Vec::new(), at: 0 }))),
        false => Unpacked::Plain(whole),
    })
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => io::Error::other("the compressed file ends too early"),
                _ => io::Error::other(format!("the compressed file is damaged: {error}")),
            }),
        }
    }
}

/// A stream in blocks that are full but for the last: what is unpacked does not depend on how the stream trickles in.
pub(super) struct Blocks<R> {
    stream: R,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

impl<R: Read> BufRead for Blocks<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.block.len() {
            self.at = 0;
            self.block.clear();
            self.stream.by_ref().take(BLOCK as u64).read_to_end(&mut self.block)?;
        }
        Ok(self.block.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.at += len;
    }
}
