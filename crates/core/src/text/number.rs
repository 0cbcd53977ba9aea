//! Numbers and strings to and from text, exactly: reading what is written gives the same bits.

use std::fmt::Write;

/// How floating-point numbers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Floats {
    /// The shortest decimal that reads back as the same bits: `0.1`.
    #[default]
    Decimal,
    /// Hexadecimal: `0x1.999999999999ap-4`.
    Hex,
}

/// An element type of constants, to and from text.
pub(super) trait Scalar: Sized {
    /// The number with these digits, or what it must be instead.
    fn from_digits(negative: bool, digits: &str) -> Result<Self, String>;
    /// The value of a word, such as `inf` or `true`, or what it must be instead.
    fn from_word(word: &str) -> Result<Self, String>;
    /// Appends the text.
    fn write(self, floats: Floats, out: &mut String);
}

// ------------------------------------------------------------------------------------ integers

/// The integer with these digits (decimal, or hexadecimal behind `0x`), or what it must be instead.
pub(super) fn integer<T: TryFrom<i128>>(negative: bool, digits: &str) -> Result<T, String> {
    let magnitude = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse::<u64>(),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_alphanumeric());
    match magnitude {
        Ok(n) => {
            let n = if negative { -i128::from(n) } else { i128::from(n) };
            T::try_from(n).map_err(|_| "an integer in its range".into())
        }
        Err(error) if plain && *error.kind() == std::num::IntErrorKind::PosOverflow => {
            Err("an integer in its range".into())
        }
        Err(_) => Err("an integer".into()),
    }
}

macro_rules! integer_scalar {
    ($($t:ty)*) => {$(
        impl Scalar for $t {
            fn from_digits(negative: bool, digits: &str) -> Result<$t, String> {
                integer(negative, digits)
            }
            fn from_word(_: &str) -> Result<$t, String> {
                Err("an integer".into())
            }
            fn write(self, _: Floats, out: &mut String) {
                let _ = write!(out, "{self}");
            }
        }
    )*};
}
integer_scalar! { i64 i32 u64 u32 }

impl Scalar for bool {
    fn from_digits(_: bool, _: &str) -> Result<bool, String> {
        Err("true or false".into())
    }

    fn from_word(word: &str) -> Result<bool, String> {
        word.parse().map_err(|_| "true or false".into())
    }

    fn write(self, _: Floats, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

// -------------------------------------------------------------------------------------- floats

/// The layout of an IEEE format with `mantissa` stored bits and exponents from `exponent_min` (of
/// the least normal number) to `exponent_max`.
struct Format {
    mantissa: u32,
    exponent_min: i64,
    exponent_max: i64,
}

const F64: Format = Format { mantissa: 52, exponent_min: -1022, exponent_max: 1023 };
const F32: Format = Format { mantissa: 23, exponent_min: -126, exponent_max: 127 };

/// The bits of the positive number `digits`, a hex float that must be exact in `format`.
fn from_hex(digits: &str, format: &Format) -> Result<u64, String> {
    let form = || "a hex float such as 0x1.8p+1".to_string();
    let exact = || "a hex float that is exact in its dtype".to_string();
    let digits = digits.strip_prefix("0x").ok_or_else(form)?;
    let (body, exponent) = digits.split_once(['p', 'P']).ok_or_else(form)?;
    let mut exponent: i64 = exponent.parse::<i32>().map_err(|_| form())?.into();
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(form());
    }
    // All digits as one integer; digits behind 16 significant ones may only be zeros.
    let mut n: u64 = 0;
    for (i, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = c.to_digit(16).ok_or_else(form)?;
        let behind_point = i >= whole.len();
        match n.leading_zeros() >= 4 {
            true => {
                n = n << 4 | u64::from(digit);
                exponent -= if behind_point { 4 } else { 0 };
            }
            false if digit != 0 => return Err(exact()),
            false => exponent += if behind_point { 0 } else { 4 },
        }
    }
    if n == 0 {
        return Ok(0);
    }
    // n · 2^exponent = 1.m · 2^top, or 0.m · 2^exponent_min below the normal numbers.
    let shift = n.trailing_zeros();
    (n, exponent) = (n >> shift, exponent + i64::from(shift));
    let width = i64::from(n.ilog2());
    let top = exponent + width;
    let last = top.max(format.exponent_min) - i64::from(format.mantissa);
    if top > format.exponent_max || exponent < last {
        return Err(exact());
    }
    let mantissa = n << (exponent - last);
    let biased = if top < format.exponent_min { 0 } else { top - format.exponent_min + 1 };
    let stored = mantissa & ((1 << format.mantissa) - 1);
    Ok((biased as u64) << format.mantissa | stored)
}

/// Appends the finite number of `format` with these bits (sign removed) as a hex float.
fn write_hex(bits: u64, format: &Format, out: &mut String) {
    let biased = (bits >> format.mantissa) as i64;
    let mantissa = bits & ((1 << format.mantissa) - 1);
    let (lead, exponent) = match (biased, mantissa) {
        (0, 0) => (0, 0),
        (0, _) => (0, format.exponent_min),
        _ => (1, biased + format.exponent_min - 1),
    };
    let _ = write!(out, "0x{lead}");
    if mantissa != 0 {
        let digits = format.mantissa.div_ceil(4);
        let aligned = mantissa << (4 * digits - format.mantissa);
        let text = format!("{aligned:0width$x}", width = digits as usize);
        let _ = write!(out, ".{}", text.trim_end_matches('0'));
    }
    let _ = write!(out, "p{exponent:+}");
}

macro_rules! float_scalar {
    ($($t:ident, $bits:ident, $format:ident;)*) => {$(
        impl Scalar for $t {
            fn from_digits(negative: bool, digits: &str) -> Result<$t, String> {
                let magnitude = if digits.starts_with("0x") {
                    $t::from_bits(from_hex(digits, &$format)? as $bits)
                } else if digits.starts_with(|c: char| c.is_ascii_digit()) {
                    match digits.parse::<$t>() {
                        Ok(x) if x.is_finite() => x,
                        Ok(_) => return Err("in its range, or `inf`".into()),
                        Err(_) => return Err("a number such as 2, 0.5, 1e-3 or 0x1.8p+1".into()),
                    }
                } else {
                    $t::from_word(digits)?
                };
                Ok(if negative { -magnitude } else { magnitude })
            }
            fn from_word(word: &str) -> Result<$t, String> {
                match word {
                    "inf" => Ok($t::INFINITY),
                    "nan" => Ok($t::NAN),
                    _ => Err("a number, `inf` or `nan`".into()),
                }
            }
            fn write(self, floats: Floats, out: &mut String) {
                if self.is_nan() {
                    out.push_str("nan");
                } else if floats == Floats::Decimal || self.is_infinite() {
                    let _ = write!(out, "{self:?}");
                } else {
                    out.push_str(if self.is_sign_negative() { "-" } else { "" });
                    write_hex(self.abs().to_bits().into(), &$format, out);
                }
            }
        }
    )*};
}
float_scalar! { f64, u64, F64; f32, u32, F32; }

// ------------------------------------------------------------------------------------- strings

/// What the inside of a string stands for, or the escape that is unknown.
pub(super) fn unescape(body: &str) -> Result<String, &str> {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (c, len) = match escape[1..].chars().next() {
            Some('n') => ('\n', 2),
            Some('t') => ('\t', 2),
            Some(c @ ('"' | '\\')) => (c, 2),
            Some('u') => {
                let digits = escape[2..].strip_prefix('{').and_then(|t| t.split_once('}')).ok_or(escape)?.0;
                let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
                (code.and_then(char::from_u32).ok_or(escape)?, digits.len() + 4)
            }
            _ => return Err(escape),
        };
        out.push(c);
        rest = &escape[len..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Appends `text` as a string.
pub(super) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(x: impl Scalar, floats: Floats) -> String {
        let mut out = String::new();
        x.write(floats, &mut out);
        out
    }

    fn read<T: Scalar>(text: &str) -> Result<T, String> {
        match (text.strip_prefix('-'), text.starts_with(|c: char| c.is_ascii_digit())) {
            (Some(digits), _) => T::from_digits(true, digits),
            (None, true) => T::from_digits(false, text),
            (None, false) => T::from_word(text),
        }
    }

    #[test]
    fn hex_floats_are_those_of_c() {
        // Expected texts are what `printf("%a")` of glibc gives.
        for (x, hex) in [
            (1.0, "0x1p+0"),
            (3.0, "0x1.8p+1"),
            (0.1, "0x1.999999999999ap-4"),
            (-0.0, "-0x0p+0"),
            (5e-324, "0x0.0000000000001p-1022"),
            (f64::MIN_POSITIVE, "0x1p-1022"),
            (f64::MAX, "0x1.fffffffffffffp+1023"),
        ] {
            assert_eq!(text(x, Floats::Hex), hex);
            assert_eq!(read::<f64>(hex).unwrap().to_bits(), x.to_bits());
        }
        assert_eq!(text(0.1f32, Floats::Hex), "0x1.99999ap-4");
        assert_eq!(read::<f64>("0x18p-3"), Ok(3.0));
        assert_eq!(read::<f64>("0x0.0018p+12"), Ok(1.5));
        assert_eq!(read::<f64>("0x10000000000000000000p-76"), Ok(1.0));
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for text in
            ["0x1.00000000000008p0", "0x1p1024", "0x1p-1075", "0x1", "0xp1", "0x1p", "1e999", "1.2.3", "1_0"]
        {
            assert!(read::<f64>(text).is_err(), "{text}");
        }
        assert!(read::<f32>("0x1.999999999999ap-4").is_err());
        assert!(read::<i32>("2147483648").is_err());
        assert_eq!(read::<i32>("-2147483648"), Ok(i32::MIN));
        assert_eq!(read::<u64>("18446744073709551615"), Ok(u64::MAX));
        assert!(read::<u64>("18446744073709551616").is_err());
        assert!(read::<u32>("-1").is_err());
        assert!(read::<i64>("1.0").is_err());
        assert!(read::<bool>("1").is_err());
    }

    proptest! {
        #[test]
        fn every_f64_reads_back(bits: u64) {
            let x = f64::from_bits(bits);
            for floats in [Floats::Decimal, Floats::Hex] {
                let back: f64 = read(&text(x, floats)).unwrap();
                prop_assert_eq!(crate::tensor::canonical_bits_f64(back), crate::tensor::canonical_bits_f64(x));
            }
        }

        #[test]
        fn every_f32_reads_back(bits: u32) {
            let x = f32::from_bits(bits);
            for floats in [Floats::Decimal, Floats::Hex] {
                let back: f32 = read(&text(x, floats)).unwrap();
                prop_assert_eq!(crate::tensor::canonical_bits_f32(back), crate::tensor::canonical_bits_f32(x));
            }
        }

        #[test]
        fn every_string_reads_back(s: String) {
            let mut out = String::new();
            write_string(&s, &mut out);
            prop_assert!(!out.contains('\n'));
            prop_assert_eq!(unescape(&out[1..out.len() - 1]), Ok(s));
        }
    }
}
