//! Images and labels in the IDX format of MNIST, gzipped or not.
//!
//! A file is a magic number (two zero bytes, the element type, the number of dimensions), the dimensions as big-endian 32-bit
//! numbers, and the elements. No number in it is believed: memory grows with the bytes that arrive, and reading stops one byte after
//! what the dimensions promise, so neither a false dimension nor a small file that unpacks to a huge one can exhaust it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::unpack::{unpacked, unreadable};
use crate::{Error, Images};

/// The most bytes of elements that are read from one file: 1 GiB, twice what the largest EMNIST file holds.
pub const MAX_BYTES: usize = 1 << 30;

const IMAGES: [u8; 4] = [0, 0, 8, 3];
const LABELS: [u8; 4] = [0, 0, 8, 1];

/// Reads a file of images and the file of their labels.
///
/// # Errors
/// If a file cannot be read, is not in the IDX format, is shorter or longer than its dimensions say, promises more than
/// [`MAX_BYTES`], holds nothing, or if the two files do not hold the same number of items. The error names the file.
pub fn read(images: &Path, labels: &Path) -> Result<Images, Error> {
    let (dims, pixels) = read_file(images, IMAGES)?;
    let (count, classes) = read_file(labels, LABELS)?;
    if dims[0] != count[0] {
        return Err(Error::contents(
            labels,
            format!(
                "holds {} labels, but {} holds {} images; give the two files that belong together",
                count[0],
                images.display(),
                dims[0],
            ),
        ));
    }
    Ok(Images::new(dims[1], dims[2], pixels, classes))
}

fn read_file(path: &Path, magic: [u8; 4]) -> Result<(Vec<usize>, Vec<u8>), Error> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    read_stream(BufReader::new(file), magic, MAX_BYTES).map_err(|what| Error::contents(path, what))
}

fn read_stream(
    stream: impl Read,
    magic: [u8; 4],
    limit: usize,
) -> Result<(Vec<usize>, Vec<u8>), String> {
    read_plain(unpacked(stream).map_err(|e| unreadable(&e))?, magic, limit)
}

fn read_plain(
    mut stream: impl Read,
    magic: [u8; 4],
    limit: usize,
) -> Result<(Vec<usize>, Vec<u8>), String> {
    let mut header = Vec::new();
    take(&mut stream, magic.len(), &mut header)?;
    check_magic(&header, magic)?;

    let rank = usize::from(magic[3]);
    header.clear();
    take(&mut stream, 4 * rank, &mut header)?;
    if header.len() < 4 * rank {
        return Err("is truncated: it ends before its dimensions do".into());
    }
    let dims: Vec<usize> = header
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| u32::from_be_bytes(bytes) as usize)
        .collect();
    let shape = dims
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(" x ");
    let promised = dims
        .iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(dim))
        .filter(|&promised| promised <= limit)
        .ok_or_else(|| format!("promises {shape} bytes, above the limit of {limit} bytes"))?;
    if promised == 0 {
        return Err(format!(
            "is empty: its dimensions are {shape}; give a file with at least one item"
        ));
    }

    let mut elements = Vec::new();
    take(&mut stream, promised + 1, &mut elements)?;
    if elements.len() < promised {
        return Err(format!(
            "is truncated: its dimensions promise {shape} = {promised} bytes, but only {} follow",
            elements.len(),
        ));
    }
    if elements.len() > promised {
        return Err(format!(
            "is too long: its dimensions promise {shape} = {promised} bytes, but more follow"
        ));
    }
    Ok((dims, elements))
}

/// Appends at most `limit` bytes; fewer only at the end of the stream.
fn take(stream: &mut impl Read, limit: usize, into: &mut Vec<u8>) -> Result<(), String> {
    match stream.take(limit as u64).read_to_end(into) {
        Ok(_) => Ok(()),
        Err(e) => Err(unreadable(&e)),
    }
}

fn check_magic(found: &[u8], wanted: [u8; 4]) -> Result<(), String> {
    let name = |magic: [u8; 4]| {
        if magic == IMAGES {
            "IDX images"
        } else {
            "IDX labels"
        }
    };
    if found == wanted {
        return Ok(());
    }
    if found == IMAGES || found == LABELS {
        let other = if found == IMAGES { IMAGES } else { LABELS };
        return Err(format!(
            "holds {}, but {} are wanted here; were the two files swapped?",
            name(other),
            name(wanted),
        ));
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    Err(match found {
        [] => "is empty".into(),
        [0, 0, kind, rank] => format!(
            "is an IDX file of element type {kind:#04x} with {rank} dimensions, but {} (type 0x08 with {} dimensions) are wanted",
            name(wanted),
            wanted[3],
        ),
        _ => format!(
            "is not an IDX file: it starts with {}, but {} start with {}",
            hex(found),
            name(wanted),
            hex(&wanted),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn idx(magic: [u8; 4], dims: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut bytes = magic.to_vec();
        bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
        bytes.extend(elements);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn reads_plain_and_gzipped() {
        let elements: Vec<u8> = (0..24).collect();
        let plain = idx(IMAGES, &[2, 3, 4], &elements);
        for bytes in [plain.clone(), gzip(&plain)] {
            let read = read_stream(bytes.as_slice(), IMAGES, MAX_BYTES).unwrap();
            assert_eq!(read, (vec![2, 3, 4], elements.clone()));
        }
    }

    #[test]
    fn every_damage_is_named() {
        let good = idx(IMAGES, &[2, 3, 4], &[7; 24]);
        let gzipped = gzip(&good);
        let flipped = {
            let mut bytes = gzipped.clone();
            let checksum = bytes.len() - 6;
            bytes[checksum] ^= 1;
            bytes
        };
        for (bytes, expected) in [
            (Vec::new(), "is empty"),
            (vec![0], "is not an IDX file: it starts with 00,"),
            (
                b"\x89PNG....".to_vec(),
                "is not an IDX file: it starts with 89504e47",
            ),
            (
                good[..9].to_vec(),
                "is truncated: it ends before its dimensions",
            ),
            (
                good[..39].to_vec(),
                "promise 2 x 3 x 4 = 24 bytes, but only 23 follow",
            ),
            ([good.as_slice(), &[0]].concat(), "is too long"),
            (
                gzipped[..gzipped.len() - 9].to_vec(),
                "its gzip stream ends too early",
            ),
            (gzip(&good[..20]), "but only 4 follow"),
            (gzip(&[good.as_slice(), &[0]].concat()), "is too long"),
            (flipped, "cannot be read: corrupt gzip stream"),
            (
                [gzipped.as_slice(), b"something else"].concat(),
                "cannot be read: invalid gzip header",
            ),
            (idx(LABELS, &[24], &[7; 24]), "were the two files swapped?"),
            (
                idx([0, 0, 13, 3], &[1, 1, 1], &[0; 4]),
                "element type 0x0d with 3 dimensions",
            ),
            (
                idx(IMAGES, &[0, 28, 28], &[]),
                "is empty: its dimensions are 0 x 28 x 28",
            ),
            (idx(IMAGES, &[u32::MAX; 3], &[]), "above the limit"),
            (idx(IMAGES, &[u32::MAX, 1, 1], &[]), "above the limit"),
        ] {
            let error = read_stream(bytes.as_slice(), IMAGES, MAX_BYTES).unwrap_err();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
    }

    #[test]
    fn a_false_dimension_allocates_nothing() {
        let claims_a_gibibyte = idx(LABELS, &[1 << 30], &[1, 2, 3]);
        let error = read_stream(claims_a_gibibyte.as_slice(), LABELS, MAX_BYTES).unwrap_err();
        assert!(error.contains("only 3 follow"), "{error}");

        let mut buffer = Vec::new();
        take(&mut [0; 100].as_slice(), MAX_BYTES, &mut buffer).unwrap();
        assert!(buffer.capacity() < 4096, "{}", buffer.capacity());
    }

    #[test]
    fn a_decompression_bomb_is_read_no_further_than_promised() {
        struct Endless(usize);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                buffer.fill(0);
                self.0 += buffer.len();
                assert!(self.0 < 1 << 20, "reads on and on");
                Ok(buffer.len())
            }
        }
        let start = idx(LABELS, &[10], &[]);
        let error = read_plain(start.as_slice().chain(Endless(0)), LABELS, MAX_BYTES).unwrap_err();
        assert!(error.contains("is too long"), "{error}");
    }
}
