//! Changes of JSON that leave it JSON: members and items moved, doubled, wrapped and taken out. Bytes changed by chance
//! seldom do that to a text of a thousand. As text, not as values, so that equal keys and odd numbers survive.

#[path = "../../oracle/random.rs"]
mod random;

use std::ops::Range;

use random::Random;

/// What a reader may not expect where it expects something.
const OTHERS: [&[u8]; 9] = [b"null", b"[]", b"{}", b"\"\"", b"0", b"true", b"[null]", b"[{}]", b"{\"\":1}"];

/// Changes `data[..size]` in place and says how long it is now; half of the time as libFuzzer does.
pub(crate) fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random::new(seed.into());
    let parts = parts(&data[..size]);
    if !parts.is_empty() && random.percent(50) {
        let changed = changed(&data[..size], &parts, &mut random);
        if changed.len() <= max_size {
            data[..changed.len()].copy_from_slice(&changed);
            return changed.len();
        }
    }
    libfuzzer_sys::fuzzer_mutate(data, size, max_size)
}

fn changed(text: &[u8], parts: &[Part], random: &mut Random) -> Vec<u8> {
    let [here, there] = [(); 2].map(|()| &parts[random.below(parts.len())]);
    let value = here.value..here.whole.end;
    let (place, new) = match random.below(6) {
        0 => (here.whole.start..here.whole.start, [&text[there.whole.clone()], b","].concat()),
        1 => (here.whole.clone(), text[there.whole.clone()].to_vec()),
        2 => (value, text[there.value..there.whole.end].to_vec()),
        3 => (value, random.pick(&OTHERS).to_vec()),
        4 => (value.clone(), [b"[", &text[value], b"]"].concat()),
        _ => (with_its_comma(text, &here.whole), Vec::new()),
    };
    [&text[..place.start], &new, &text[place.end..]].concat()
}

fn with_its_comma(text: &[u8], part: &Range<usize>) -> Range<usize> {
    let is_comma = |at: usize| text.get(at) == Some(&b',');
    match part.start.checked_sub(1) {
        _ if is_comma(part.end) => part.start..part.end + 1,
        Some(before) if is_comma(before) => before..part.end,
        _ => part.clone(),
    }
}

/// An item of a list, or a member of an object with its name, and where its value begins.
struct Part {
    whole: Range<usize>,
    value: usize,
}

/// All that stands between brackets and commas. What is no JSON has parts, too.
fn parts(text: &[u8]) -> Vec<Part> {
    let mut found = Vec::new();
    let mut open: Vec<Part> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => at = end_of_string(text, at),
            b'{' | b'[' => open.push(Part { whole: at + 1..at + 1, value: at + 1 }),
            b':' => open.iter_mut().last().into_iter().for_each(|part| part.value = at + 1),
            b',' | b'}' | b']' => {
                found.extend(open.pop().map(|part| Part { whole: part.whole.start..at, ..part }));
                if text[at] == b',' {
                    open.push(Part { whole: at + 1..at + 1, value: at + 1 });
                }
            }
            _ => {}
        }
        at += 1;
    }
    found.retain(|part| part.value < part.whole.end);
    found
}

fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at
}
