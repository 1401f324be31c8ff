//! Files that may be gzipped.

use std::io::{self, Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The bytes of a stream, unpacked if it begins as gzip does.
pub(crate) fn unpacked<'a>(mut stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = Vec::new();
    (&mut stream)
        .take(GZIP.len() as u64)
        .read_to_end(&mut start)?;
    let gzipped = start == GZIP;
    let whole = Cursor::new(start).chain(stream);
    Ok(if gzipped {
        Box::new(MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}

/// Why a stream could not be read on.
pub(crate) fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "is truncated: its gzip stream ends too early".into(),
        _ => format!("cannot be read: {error}"),
    }
}
