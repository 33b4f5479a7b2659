use super::*;

const SECRET: &str = "sk-0123456789abcdef";

fn echoes(texts: &[&str]) -> Echoes {
    let texts: Vec<_> = texts.iter().map(|text| Redacted::new((*text).to_owned())).collect();
    Echoes::of(texts.iter())
}

fn part(at: impl core::slice::SliceIndex<str, Output = str>) -> &'static str {
    SECRET.get(at).unwrap()
}

/// What goes on of `body`, which comes in pieces of those lengths and one of the rest; and the most that was held after any of them.
fn passed(texts: &[&str], body: &[u8], lengths: &[usize]) -> (Vec<u8>, bool, usize) {
    let mut echoes = echoes(texts);
    let (mut out, mut found, mut held) = (Vec::new(), false, 0);
    let mut rest = body;
    for length in lengths.iter().copied().chain([usize::MAX]) {
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = after;
        let before = echoes.held.expose().len();
        match echoes.pass(piece, rest.is_empty(), &mut found) {
            Some(bytes) => out.extend(bytes),
            None => {
                assert_eq!((before, echoes.held.expose().len()), (0, 0));
                out.extend_from_slice(piece);
            }
        }
        held = held.max(echoes.held.expose().len());
        assert_eq!(echoes.hold_back(), !echoes.held.expose().is_empty());
    }
    (out, found, held)
}

#[test]
fn it_is_overwritten_wherever_a_body_is_cut() {
    let body = format!("{{\"error\":\"bad key sk-01 {SECRET}\",\"again\":\"{SECRET}{SECRET}\"}}");
    for one in 0..body.len() {
        for other in 0..body.len() - one {
            let (out, found, held) = passed(&[SECRET], body.as_bytes(), &[one, other]);
            let out = String::from_utf8(out).unwrap();
            assert!(found && held < SECRET.len() - 4, "{one} {other}: {held}");
            assert_eq!(out.len(), body.len(), "{one} {other}");
            // At most the few bytes that went on before a cut.
            let visible = body.replace(SECRET, &"*".repeat(SECRET.len()));
            let differ = out.bytes().zip(visible.bytes()).filter(|(one, other)| one != other).count();
            assert!(differ <= 2 * ECHO_PASSED_BYTES_MAX && !out.contains("sk-0123"), "{one} {other}: {out}");
        }
    }
    let whole = passed(&[SECRET], body.as_bytes(), &[]).0;
    assert_eq!(String::from_utf8(whole).unwrap(), body.replace(SECRET, "*******************"));
}

#[test]
fn what_is_none_goes_on_as_it_came() {
    let body = format!("{} s sk sk-0123456789abcde sk-sk-0123 {}", part(1..), part(..SECRET.len() - 1));
    for one in 0..body.len() {
        for other in 0..body.len() - one {
            let (out, found, _) = passed(&[SECRET], body.as_bytes(), &[one, other]);
            assert_eq!((String::from_utf8(out).unwrap(), found), (body.clone(), false), "{one} {other}");
        }
    }
}

#[test]
fn only_a_longer_beginning_than_may_pass_is_held() {
    let mut found = false;
    for length in 0..SECRET.len() {
        let mut echoes = echoes(&[SECRET]);
        let piece = format!("data: {}", part(..length));
        let out = echoes.pass(piece.as_bytes(), false, &mut found).unwrap_or_else(|| piece.clone().into_bytes());
        let held = length.saturating_sub(ECHO_PASSED_BYTES_MAX);
        assert_eq!(out, piece.as_bytes()[..piece.len() - held], "{length}");
        assert_eq!(echoes.hold_back(), held > 0);
        // An event ends in a line feed, and so is never held.
        assert_eq!(echoes.pass(b"\n\n", false, &mut found).map_or(2, |out| out.len()), held + 2);
        assert!(!echoes.hold_back());
    }
    // Of eight bytes, two.
    let mut short = echoes(&["abcdefgh"]);
    assert_eq!(short.pass(b"ab", false, &mut found), None);
    assert_eq!(short.pass(b"c", false, &mut found), Some(Vec::new()));
    assert_eq!(short.pass(b"defgh", false, &mut found), Some(b"******".to_vec()));
    assert!(found);
}

#[test]
fn a_text_that_is_too_short_is_not_looked_for() {
    let long = "x".repeat(ECHO_BYTES_MIN);
    assert!(passed(&[&long], long.as_bytes(), &[]).1);
    assert!(!passed(&[long.get(1..).unwrap()], long.as_bytes(), &[]).1);
}

#[test]
fn it_is_found_in_itself_and_beside_others() {
    // All texts of two letters, in all bodies of them: borders of every kind.
    let texts = |length: u32| {
        (0..1_u32 << length)
            .map(move |bits| (0..length).map(|at| if bits >> at & 1 == 1 { 'a' } else { 'b' }).collect::<String>())
    };
    for wanted in texts(8).step_by(3) {
        for body in texts(13).step_by(5) {
            let want = body.replace(&wanted, "********");
            for cut in [0, 5, 9] {
                let (out, found, held) = passed(&[&wanted], body.as_bytes(), &[cut]);
                assert_eq!(found, want != body, "{wanted} in {body} at {cut}");
                assert!(held < 7 && out.len() == body.len());
                if cut == 0 {
                    assert_eq!(String::from_utf8(out).unwrap(), want, "{wanted} in {body}");
                }
            }
        }
    }
    // What was overwritten for one is not shown again for another that it stands within.
    let (out, found, _) = passed(&[SECRET, &format!("Token {SECRET}!")], format!("Token {SECRET}?").as_bytes(), &[24]);
    assert_eq!((String::from_utf8(out).unwrap().as_str(), found), ("Token *******************?", true));
}

#[test]
fn it_is_found_as_json_writes_it() {
    let secret = r#"a/b+c"d\e/f"#;
    for written in [secret, r#"a\/b+c\"d\\e\/f"#, r#"a/b+c\"d\\e/f"#] {
        let (out, found, _) = passed(&[secret], format!("[\"{written}\"]").as_bytes(), &[]);
        assert!(found && out == format!("[\"{}\"]", "*".repeat(written.len())).as_bytes(), "{written}");
        assert!(echoes(&[secret]).stand_in(written.as_bytes()));
    }
    assert_eq!(echoes(&[SECRET, SECRET]).lookouts.len(), 1);
}

#[test]
fn nothing_of_it_is_printed() {
    let mut echoes = echoes(&[SECRET]);
    let _ = echoes.pass(&SECRET.as_bytes()[..12], false, &mut false);
    let printed = format!("{echoes:?}");
    assert!(echoes.hold_back() && !printed.contains("sk-") && !printed.contains("115, 107"), "{printed}");
}

#[test]
fn a_beginning_is_found_wherever_it_stands_and_cut_short_at_the_end() {
    let long = format!("{}{}", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9", "x".repeat(300));
    for wanted in ["sk-01234", "aaaaaaaa", "aaaaaaab", "baaaaaaaaaaa", SECRET, &long] {
        let wanted = wanted.as_bytes();
        let beginning = Beginning::of(wanted);
        let known = &wanted[..wanted.len().min(32)];
        for length in 0..80 {
            for place in 0..=length {
                let mut bytes = vec![wanted[place % known.len()]; length];
                bytes.splice(place.., known.iter().copied().chain([b'~'; 80]).take(length - place));
                for from in (0..=length).step_by(3) {
                    // As slow as can be.
                    let is_alike = |at: &usize| bytes[*at..].starts_with(known) || known.starts_with(&bytes[*at..]);
                    let want = (from..length).find(is_alike).unwrap_or(length);
                    assert_eq!(beginning.find(wanted, &bytes, from), want, "{bytes:?} from {from}");
                }
            }
        }
    }
}
