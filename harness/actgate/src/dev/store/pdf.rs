//! A contract as a PDF of one page (ISO 32000-1 §7.5: header, body, cross-reference table, trailer).
//!
//! Guaranteed: the bytes are ASCII, every offset in the table is right, and the text is uncompressed.
//! Absent on purpose: line breaking, further pages and characters outside ASCII, which become `?`.

use std::fmt::Write as _;

/// Renders `text`, one PDF line for each of its lines.
pub fn one_page(text: &str) -> Vec<u8> {
    let mut content = String::from("BT /F1 11 Tf 14 TL 56 780 Td\n");
    for line in text.lines() {
        let _ = writeln!(content, "({}) Tj T*", escaped(line));
    }
    content.push_str("ET\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}endstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    assemble(&objects).into_bytes()
}

fn assemble(objects: &[String]) -> String {
    let mut file = String::from("%PDF-1.4\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (at, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = write!(file, "{} 0 obj\n{object}\nendobj\n", at + 1);
    }
    let start = file.len();
    let size = objects.len() + 1;
    let _ = write!(file, "{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    file
}

/// A literal string's content (ISO 32000-1 §7.3.4.2).
fn escaped(line: &str) -> String {
    let mut escaped = String::new();
    for letter in line.chars() {
        match letter {
            '(' | ')' | '\\' => escaped.extend(['\\', letter]),
            ' '..='~' => escaped.push(letter),
            _ => escaped.push('?'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_of_the_table_points_at_its_object() {
        let file = String::from_utf8(one_page("First (line)\nSecond\u{e9}")).expect("ASCII");
        let start = file.lines().rev().nth(1).and_then(|line| line.parse::<usize>().ok()).expect("startxref");
        let table = file.get(start..).expect("the table is in the file");
        assert!(table.starts_with("xref\n0 6\n"), "{table}");
        let entries: Vec<&str> = table.lines().skip(3).take(5).collect();
        for (at, entry) in entries.iter().enumerate() {
            assert_eq!(entry.len() + 1, 20, "ISO 32000-1 §7.5.4: an entry is 20 bytes");
            let offset: usize = entry.split(' ').next().and_then(|offset| offset.parse().ok()).expect("an offset");
            assert!(file.get(offset..).is_some_and(|rest| rest.starts_with(&format!("{} 0 obj", at + 1))), "{entry}");
        }
        assert!(file.contains("(First \\(line\\)) Tj"));
        assert!(file.contains("(Second?) Tj"));
    }
}
