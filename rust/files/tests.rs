//! Round trips, and hostile bytes: no panic, no hang, nothing larger than allowed.

use super::*;
use std::io::Write;

fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }
}

fn png(rows: usize, columns: usize, channels: usize) -> Vec<u8> {
    let mut next = random(1);
    let pixels = Pixels::U8((0..rows * columns * channels).map(|_| next() as u8 & 15).collect());
    encode_png(&Image { rows, columns, channels, pixels }).unwrap()
}

fn npy(descr: &str, fortran: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values);
    file
}

fn npz(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const MOST: u64 = 1 << 16;

fn mask(bytes: &[u8], format: Format) -> Result<Mask> {
    decode_mask(bytes, format, MOST)
}

#[test]
fn png_round_trip() {
    for channels in 1..=4 {
        let image = decode_image(&png(5, 7, channels), Format::Png, Channel::All, MOST).unwrap();
        assert_eq!((image.rows, image.columns, image.channels), (5, 7, channels));
        assert_eq!(encode_png(&image).unwrap(), png(5, 7, channels));
    }
}

#[test]
fn ids_are_kept_in_the_narrowest_type() {
    for (ids, narrow) in [
        ([0, 255], Labels::U8(vec![0, 255])),
        ([3, 256], Labels::U16(vec![3, 256])),
        ([3, 65_536], Labels::U32(vec![3, 65_536])),
        ([3, 1 << 40], Labels::U64(vec![3, 1 << 40])),
    ] {
        let values: Vec<u8> = ids.iter().flat_map(|id: &i64| id.to_le_bytes()).collect();
        let file = npy("<i8", "False", "(1, 2)", &values);
        let found = mask(&file, Format::Npy).unwrap();
        assert_eq!((found.rows, found.columns, found.capacity), (1, 2, i64::MAX as u64));
        assert_eq!(found.labels, narrow);
        for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
            let archive = npz(&[("other.npy", b""), ("arr_0.npy", &file)], method);
            assert_eq!(mask(&archive, Format::Npz).unwrap(), found);
        }
    }
}

#[test]
fn a_late_large_id_widens_what_is_there() {
    let n = 30_000_u32; // several chunks
    let ids = (0..n).map(|place| if place == n - 1 { 70_000 } else { place % 200 });
    let values: Vec<u8> = ids.clone().flat_map(u32::to_be_bytes).collect();
    let found = mask(&npy(">u4", "False", "(100, 300)", &values), Format::Npy).unwrap();
    assert_eq!(found.labels, Labels::U32(ids.collect()));
}

#[test]
fn column_major_becomes_row_major() {
    let found = mask(&npy("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]), Format::Npy).unwrap();
    assert_eq!(found.labels, Labels::U8(vec![1, 2, 3, 4, 5, 6]));
}

#[test]
fn refusals_say_what_was_found() {
    let said = |file: &[u8], format| mask(file, format).unwrap_err().to_string();
    let two = [1, 2];
    assert!(said(&npy("<f8", "False", "(2, 1)", &[0; 16]), Format::Npy).contains("float64"));
    assert!(said(&npy("|b1", "False", "(2, 1)", &two), Format::Npy).contains("bool"));
    assert!(said(&npy("|O", "False", "(2, 1)", &two), Format::Npy).contains("pickle"));
    assert!(said(&npy("<i2", "False", "(1, 1)", &(-3_i16).to_le_bytes()), Format::Npy).contains("-3"));
    assert!(said(&npy("|u1", "False", "(2, 1, 1)", &two), Format::Npy).contains("two dimensions"));
    assert!(said(&npy("|u1", "False", "(3, 1)", &two), Format::Npy).contains("truncated"));
    assert!(said(&npy("|u1", "False", "(1, 1)", &two), Format::Npy).contains("more values"));
    assert!(said(&npy("|u1", "False", "(65537, 1)", &two), Format::Npy).contains("max_pixels"));
    assert!(
        said(&npy("|u1", "False", "(99999999999, 99999999999)", &two), Format::Npy).contains("max_pixels")
    );
    assert!(said(b"PK\x03\x04", Format::Npz).contains("npz"));
    assert!(said(b"\x93NUMPY", Format::Npz).contains("npz"));
    assert!(said(b"GIF89a", Format::Png).contains("PNG"));
    assert!(said(&png(4, 4, 3), Format::Png).contains("3 channels"));
    let two_arrays = npz(&[("a.npy", b""), ("b.npy", b"")], zip::CompressionMethod::Stored);
    assert!(said(&two_arrays, Format::Npz).contains("[a, b]"));
    let whole = png(40, 40, 1);
    assert!(said(&whole[..whole.len() / 2], Format::Png).contains("truncated"));
}

#[test]
fn flipped_bits_are_noticed() {
    let values: Vec<u8> = (0..4096_u32).map(|place| (place / 100) as u8).collect();
    let archive =
        npz(&[("arr_0.npy", &npy("|u1", "False", "(64, 64)", &values))], zip::CompressionMethod::Deflated);
    let found = mask(&archive, Format::Npz).unwrap();
    let mut damaged = archive.clone();
    // Somewhere in the middle of the packed data.
    damaged[60] ^= 0x10;
    assert!(mask(&damaged, Format::Npz).is_err_and(|error| !error.to_string().is_empty()));
    assert_eq!(mask(&archive, Format::Npz).unwrap(), found);
}

/// Files that declare far more than they hold must be refused before memory is taken for it.
#[test]
fn forged_sizes() {
    let mut forged = png(4, 4, 1);
    forged[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    forged[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc32fast::hash(&forged[12..29]);
    forged[29..33].copy_from_slice(&crc.to_be_bytes());
    assert!(
        decode_image(&forged, Format::Png, Channel::All, MOST)
            .unwrap_err()
            .to_string()
            .contains("max_pixels")
    );
    let error = decode_image(&forged, Format::Png, Channel::All, u64::MAX).unwrap_err().to_string();
    assert!(error.contains("truncated or forged"), "{error}");
}

/// Some 20,000 damaged files of each kind: whatever comes back, it is an error or an array of the
/// declared size. A panic, a hang or an allocation of what a header claims would end this test.
#[test]
fn hostile_bytes() {
    let values: Vec<u8> = (0..600_u32).flat_map(|id| (id / 50).to_le_bytes()).collect();
    let array = npy("<i4", "False", "(20, 30)", &values);
    let seeds = [
        (Format::Png, png(9, 13, 1)),
        (Format::Png, png(6, 5, 4)),
        (Format::Npy, array.clone()),
        (Format::Npz, npz(&[("arr_0.npy", &array)], zip::CompressionMethod::Deflated)),
        (Format::Npz, npz(&[("arr_0.npy", &array)], zip::CompressionMethod::Stored)),
    ];
    let mut next = random(2026);
    let mut refused = 0;
    for round in 0..20_000 {
        let (format, whole) = &seeds[round % seeds.len()];
        let mut bytes = whole.clone();
        for _ in 0..=next() % 4 {
            let place = next() as usize % bytes.len().max(1);
            match next() % 6 {
                0 => bytes.truncate(place),
                1 if !bytes.is_empty() => bytes[place] ^= 1 << (next() % 8),
                2 if !bytes.is_empty() => bytes[place] = [0, 0xFF, 0x7F, 0x80][next() as usize % 4],
                3 => bytes.splice(place..place, (0..next() % 9).map(|_| 0xFF)).for_each(drop),
                4 => bytes.extend_from_within(..place.min(bytes.len())),
                _ => {
                    let end = bytes.len().min(place + 8);
                    bytes[place.min(end)..end].reverse();
                }
            }
        }
        if let Ok(Mask { rows, columns, .. }) = mask(&bytes, *format) {
            assert!((rows * columns) as u64 <= MOST);
        } else {
            refused += 1;
        }
        if let Ok(image) = decode_image(&bytes, *format, Channel::All, MOST) {
            assert!((image.rows * image.columns) as u64 <= MOST);
        }
    }
    assert!(refused > 10_000, "most damage must be noticed; refused {refused}");
}
