//! Who is refused over SRT hears so at once and by the right code, and people read why.

use std::time::Duration;

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::network::{Faults, Network};
use crate::process::Outcome;
use crate::scripted::{self, ABILITY, Conclusion, KEY_MESSAGE};
use crate::srt;
use crate::weir::Weir;

/// How long a refused caller may have to wait.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A refusal: the flags of Weir, what the caller's address asks for, the code on the wire, and the word for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    flags: &'static [&'static str],
    query: &'static str,
    wire: u32,
    code: &'static str,
}

const SECRET: &[&str] = &["--srt-passphrase", "correct-horse-battery"];

const KEYS: &[&str] = &["--auth-token", "live/a=right"];

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "no_passphrase",
        flags: SECRET,
        query: "streamid=publish:live/a",
        wire: 1011,
        code: "srt_passphrase_missing",
    },
    Case {
        name: "a_wrong_passphrase",
        flags: SECRET,
        query: "streamid=publish:live/a&passphrase=incorrect-horse",
        wire: 1010,
        code: "srt_passphrase_wrong",
    },
    Case {
        name: "a_passphrase_nobody_asked_for",
        flags: &[],
        query: "streamid=publish:live/a&passphrase=correct-horse-battery",
        wire: 1011,
        code: "srt_passphrase_unexpected",
    },
    Case {
        name: "file_mode",
        flags: &[],
        query: "streamid=publish:live/a&transtype=file",
        wire: 1012,
        code: "srt_file_mode",
    },
    Case {
        name: "error_correction",
        flags: &[],
        query: "streamid=publish:live/a&packetfilter=fec,cols:10,rows:5",
        wire: 1014,
        code: "srt_fec",
    },
    Case { name: "no_key", flags: KEYS, query: "streamid=publish:live/a", wire: 2401, code: "missing_key" },
    Case { name: "a_wrong_key", flags: KEYS, query: "streamid=publish:live/a?token=x", wire: 2401, code: "wrong_key" },
    Case {
        name: "a_player_with_a_wrong_key",
        flags: KEYS,
        query: "streamid=read:live/a?token=x",
        wire: 2401,
        code: "wrong_key",
    },
    Case {
        name: "a_callback_that_is_dead",
        flags: &["--auth-callback", "http://127.0.0.1:9/"],
        query: "streamid=publish:live/a?token=x",
        wire: 2503,
        code: "callback_failed",
    },
    Case { name: "a_bad_stream_id", flags: &[], query: "streamid=publish:../a", wire: 2400, code: "srt_stream_id" },
];

/// What no program at hand says: a caller of before 2018, and what newer ones can be built or set to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scripted {
    pub(crate) name: &'static str,
    flags: &'static [&'static str],
    conclusion: Conclusion,
    wire: u32,
    code: &'static str,
    /// What stands in the sentence for people.
    words: &'static str,
    /// It cannot read a refusal and is told the end of the connection as well.
    ended: bool,
}

pub(crate) const SCRIPTED: &[Scripted] = &[
    Scripted {
        name: "a_caller_of_before_2018",
        flags: &[],
        conclusion: Conclusion { version: 4, fields: 2, extensions: &[] },
        wire: 1008,
        code: "srt_too_old",
        words: "handshake version 4",
        ended: true,
    },
    Scripted {
        name: "an_old_caller_in_spite_of_encryption",
        flags: SECRET,
        conclusion: Conclusion { version: 4, fields: 2, extensions: &[] },
        wire: 1008,
        code: "srt_too_old",
        words: "SRT 1.3 or newer",
        ended: true,
    },
    Scripted {
        name: "bonding",
        flags: &[],
        conclusion: Conclusion { version: 5, fields: 5, extensions: &GROUP },
        wire: 1015,
        code: "srt_bonding",
        words: "single one",
        ended: false,
    },
    Scripted {
        name: "error_correction_of_a_scripted_caller",
        flags: &[],
        conclusion: Conclusion { version: 5, fields: 5, extensions: &FEC },
        wire: 1014,
        code: "srt_fec",
        words: "fec,cols:10,rows:5",
        ended: false,
    },
    Scripted {
        // libsrt takes the length that the listener names, whatever it was told itself.
        name: "a_short_key_where_a_long_one_is_required",
        flags: &["--srt-passphrase", "correct-horse", "--srt-pbkeylen", "32"],
        conclusion: Conclusion { version: 5, fields: 0x0002_0003, extensions: &AES_128 },
        wire: 2406,
        code: "srt_key_length",
        words: "AES-256",
        ended: false,
    },
    Scripted {
        name: "aes_gcm",
        flags: SECRET,
        conclusion: Conclusion { version: 5, fields: 0x0002_0003, extensions: &GCM },
        wire: 1017,
        code: "srt_cipher",
        words: "AES-GCM",
        ended: false,
    },
];

/// A group of the kind "broadcast".
const GROUP: [u32; 7] = [ABILITY[0], ABILITY[1], ABILITY[2], ABILITY[3], 0x0008_0002, 0x4000_0001, 0x0100_0000];

/// `fec,cols:10,rows:5`; the bytes of each word stand in reverse.
const FEC: [u32; 10] = [
    ABILITY[0],
    ABILITY[1],
    ABILITY[2],
    ABILITY[3],
    0x0007_0005,
    u32::from_le_bytes(*b"fec,"),
    u32::from_le_bytes(*b"cols"),
    u32::from_le_bytes(*b":10,"),
    u32::from_le_bytes(*b"rows"),
    u32::from_le_bytes(*b":5\0\0"),
];

/// A key message for AES-GCM: the cipher 4 with the authentication 1.
const GCM: [u32; 19] = {
    let mut words = AES_128;
    words[ABILITY.len() + 3] = 0x0401_0200;
    words
};

/// A key of 16 bytes, under the passphrase `correct-horse`.
const AES_128: [u32; 19] = {
    let mut words = [0; 19];
    let mut at = 0;
    while at < ABILITY.len() {
        words[at] = ABILITY[at];
        at += 1;
    }
    words[at] = 0x0003_0000 | KEY_MESSAGE.len() as u32;
    while at + 1 < words.len() {
        words[at + 1] = KEY_MESSAGE[at - ABILITY.len()];
        at += 1;
    }
    words
};

/// Who speaks so is refused at once, by the right code and in words.
pub(crate) fn scripted(case: Scripted) -> Outcome {
    let weir = Weir::start(&[&["--srt-listen", "127.0.0.1:0"], case.flags].concat())?;
    let answer = scripted::call(weir.srt_address()?, case.conclusion)?;
    if answer.kind != case.wire || answer.ended != case.ended || answer.after > AT_ONCE {
        return Err(format!("it was told {answer:?}; {} was expected", case.wire));
    }
    told(&weir, case.code, case.words)
}

/// libsrt's own program is refused. That it ends is not asked: libsrt now and then forgets to tell it, by its own listeners too.
pub(crate) fn refused(case: Case) -> Outcome {
    let weir = Weir::start(&[&["--srt-listen", "127.0.0.1:0"], case.flags].concat())?;
    let network = Network::to(weir.srt_address()?, Faults::default())?;
    let _caller = srt::call(&format!("srt://{}?{}", network.address, case.query))?;
    let (wire, waited) = network.rejection()?;
    if wire != case.wire || waited > AT_ONCE {
        return Err(format!("it was told {wire} after {waited:?}; {} was expected", case.wire));
    }
    told(&weir, case.code, "")
}

/// FFmpeg ends at once instead of waiting three seconds, and a second publisher is told that the name is taken.
pub(crate) fn the_name_is_taken(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let weir = Weir::start(&["--srt-listen", "127.0.0.1:0"])?;
    let _first = ffmpeg.publish_transport(&clip.file, &weir.srt("publish:live/stream")?, &[])?;
    weir.wait_for_state("stream", "live")?;
    let network = Network::to(weir.srt_address()?, Faults::default())?;
    let url = format!("srt://{}?streamid=publish:live/stream", network.address);
    let mut second = ffmpeg.publish_transport(&clip.file, &url, &[])?;
    let (wire, waited) = network.rejection()?;
    if wire != 2409 || waited > AT_ONCE {
        return Err(format!("it was told {wire} after {waited:?}"));
    }
    if second.end()?.success() {
        return Err("FFmpeg thinks that it has published".to_owned());
    }
    told(&weir, "stream_in_use", "live/stream")
}

fn told(weir: &Weir, code: &str, words: &str) -> Outcome {
    weir.api.until("the reason among the problems", "/problems", |answer| {
        let problem = answer["problems"].as_array()?.iter().find(|it| it["code"] == code)?;
        let is_whole = !problem["hint"].as_str()?.is_empty() && problem.to_string().contains("127.0.0.1");
        (is_whole && problem["message"].as_str()?.contains(words)).then_some(())
    })
}
