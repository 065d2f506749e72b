//! Weir beside other people's programs, compared packet by packet: what an encoder sends is what players see, what the
//! recording holds and what another server receives.
//!
//! A program this machine lacks makes its tests ignored, with the reason in their names; none passes unseen.

mod api;
mod clip;
mod decoded;
mod ffmpeg;
mod librtmp;
mod network;
mod nginx;
mod packets;
mod process;
mod scenario;
mod scripted;
mod socket;
mod srt;
mod tls;
mod weir;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::clip::Make;
use crate::ffmpeg::Ffmpeg;
use crate::process::Outcome;
use crate::scenario::{codecs, comparison, lifecycle, play, relay, return_of_the_publisher, secure};
use crate::scenario::{srt_codecs, srt_events, srt_flood, srt_keys, srt_media, srt_refusals};

fn main() {
    let mut arguments = Arguments::from_args();
    // They wait for media time, not for a processor.
    arguments.test_threads = arguments.test_threads.or(Some(6));
    let lacks = [
        ffmpeg::installed().err(),
        ffmpeg::newest().err(),
        librtmp::installed().err(),
        nginx::home().err(),
        srt::installed().err(),
    ];
    for reason in lacks.into_iter().flatten() {
        // The closing lines of `npm test` repeat it.
        eprintln!("skipped: {reason}");
    }
    libtest_mimic::run(&arguments, trials()).exit();
}

fn trials() -> Vec<Trial> {
    let installed = ffmpeg::installed();
    let both = [("ffmpeg_of_the_system", installed.clone()), ("ffmpeg_9", ffmpeg::newest())];
    let mut trials = Vec::new();
    for make in Make::ALL {
        for (encoder_name, encoder) in &both {
            for (player_name, player) in &both {
                let name = format!("play::{encoder_name}_publishes_{}_and_{player_name}_plays", make.name());
                trials.push(trial(name, [encoder, player, &installed], move |[encoder, player, reference]| {
                    play::from_the_beginning(make, encoder, player, reference)
                }));
            }
        }
        let name = format!("relay::to_another_weir_{}", make.name());
        trials.push(trial(name, [&installed], move |[ffmpeg]| relay::to_weir(make, ffmpeg)));
        for (server_name, server) in &both {
            let name = format!("relay::to_{server_name}_{}", make.name());
            trials.push(trial(name, [server, &installed], move |[server, ffmpeg]| {
                relay::to_ffmpeg(make, server, ffmpeg)
            }));
        }
    }
    for (encoder_name, encoder) in &both {
        for (player_name, player) in &both {
            let name = format!("play::{encoder_name}_publishes_and_{player_name}_comes_late");
            trials.push(trial(name, [encoder, player, &installed], |[encoder, player, reference]| {
                play::late(encoder, player, reference)
            }));
        }
    }
    for (name, encoder) in &both {
        trials.push(trial(
            format!("rtmps::{name}_trusts_the_made_certificate"),
            [encoder, &installed],
            |[encoder, reference]| secure::trusted(encoder, reference),
        ));
        trials.push(trial(
            format!("rtmps::{name}_without_it_is_refused"),
            [encoder, &installed],
            |[encoder, reference]| secure::not_trusted(encoder, reference),
        ));
    }
    trials.push(trial("keys::open_and_are_revoked_over_rtmp_and_srt".to_owned(), [&installed], |[ffmpeg]| {
        secure::keys(ffmpeg)
    }));
    let with_librtmp = installed.clone().and_then(|ffmpeg| librtmp::installed().map(|()| ffmpeg));
    for make in Make::ALL {
        let name = format!("play::librtmp_plays_{}", make.name());
        trials.push(trial(name, [&with_librtmp], move |[ffmpeg]| play::librtmp(make, ffmpeg)));
    }
    let newest = ffmpeg::newest();
    for case in codecs::CASES.iter().chain([&codecs::SEVERAL_TRACKS]) {
        let name = format!("codecs::{}_pass_through", case.name);
        trials.push(trial(name, [&newest], |[ffmpeg]| codecs::passes_through(*case, ffmpeg)));
        for container in ["auto", "flv"] {
            let name = format!("recordings::{}_in_{container}", case.name);
            trials.push(trial(name, [&newest], |[ffmpeg]| codecs::is_recorded(*case, container, ffmpeg)));
        }
    }
    trials.push(trial("recordings::hdr_is_as_bright_as_it_was_sent".to_owned(), [&newest], |[ffmpeg]| {
        codecs::hdr(ffmpeg)
    }));
    trials.push(trial("codecs::a_late_player_gets_four_tracks".to_owned(), [&newest], |[ffmpeg]| codecs::late(ffmpeg)));
    for (name, player) in &both {
        let name = format!("codecs::{name}_without_a_list_gets_the_default_tracks");
        trials.push(trial(name, [&newest, player], |[ffmpeg, player]| codecs::to_an_old_player(ffmpeg, player)));
    }
    let with_nginx = installed.clone().and_then(|ffmpeg| nginx::home().map(|_| ffmpeg));
    for make in [Make::H264Aac, Make::H264Mp3] {
        let name = format!("relay::to_nginx_{}", make.name());
        trials.push(trial(name, [&with_nginx], move |[ffmpeg]| relay::to_nginx(make, ffmpeg)));
    }
    trials.push(trial(
        "relay::to_nginx_over_tls_once_its_certificate_is_trusted".to_owned(),
        [&with_nginx],
        |[ffmpeg]| relay::to_nginx_over_tls(Make::H264Aac, ffmpeg),
    ));
    trials.push(trial(
        "relay::to_weir_over_tls_where_its_certificate_holds_or_is_trusted".to_owned(),
        [&installed],
        |[ffmpeg]| relay::to_weir_over_tls(Make::H264Aac, ffmpeg),
    ));
    trials.extend(srt_trials(&installed, &newest));
    type Scenario = fn(&Ffmpeg) -> Outcome;
    let mut others: Vec<(&str, Scenario)> = vec![
        ("comparison_sees_every_fault", comparison::sees_every_fault),
        ("publisher_returns_within_the_grace_time_and_nobody_notices", return_of_the_publisher::within_the_grace_time),
        ("killed_leaves_a_recording_that_plays", lifecycle::killed),
    ];
    // Elsewhere there is no signal that asks a program to end.
    #[cfg(unix)]
    others.push(("asked_to_end_tells_players_and_closes_the_recording", lifecycle::asked_to_end));
    for (name, scenario) in others {
        trials.push(trial(name.to_owned(), [&installed], move |[ffmpeg]| scenario(ffmpeg)));
    }
    trials
}

/// SRT beside libsrt. The numbers are those of the predecessor's faults.
fn srt_trials(installed: &Outcome<Ffmpeg>, newest: &Outcome<Ffmpeg>) -> Vec<Trial> {
    let (system, nine) = (srt::with(installed), srt::with(newest));
    let both = [("ffmpeg_of_the_system", &system), ("ffmpeg_9", &nine)];
    let mut trials = Vec::new();
    for (name, ffmpeg) in both {
        let name_of = |what: &str| format!("srt::{name}_{what}");
        trials.push(trial(
            name_of("publishes_and_rtmp_players_get_every_sound_in_step_predecessor_28_29"),
            [ffmpeg, &system],
            |[ffmpeg, reference]| srt_media::to_an_rtmp_player(ffmpeg, reference),
        ));
        trials.push(trial(name_of("plays_what_came_over_rtmp"), [&system, ffmpeg], |[encoder, player]| {
            srt_media::from_rtmp(encoder, player)
        }));
        trials.push(trial(name_of("plays_through_10_percent_loss"), [&system, ffmpeg], |[encoder, player]| {
            srt_media::from_rtmp_through_a_bad_network(encoder, player)
        }));
        trials.push(trial(name_of("publishes_across_the_wrap_of_the_clock_predecessor_30"), [ffmpeg], |[ffmpeg]| {
            srt_media::clock_wraps(ffmpeg)
        }));
        trials.push(trial(name_of("is_told_that_the_name_is_taken_predecessor_33"), [ffmpeg], |[ffmpeg]| {
            srt_refusals::the_name_is_taken(ffmpeg)
        }));
    }
    for case in srt_codecs::CASES {
        let name = format!("srt::{}_arrive_and_decode", case.name);
        trials.push(trial(name, [&nine], |[ffmpeg]| srt_codecs::arrive(*case, ffmpeg)));
    }
    for case in srt_refusals::SCRIPTED {
        let name = format!("srt::{}_is_refused_at_once_predecessor_33", case.name);
        trials.push(trial(name, [&system], |_| srt_refusals::scripted(*case)));
    }
    trials.push(trial("srt::h265_opus_and_ac3_predecessor_31".to_owned(), [&nine], |[ffmpeg]| {
        srt_media::modern_codecs(ffmpeg)
    }));
    for (lost, percent) in [(0, "no"), (20, "2_percent"), (100, "10_percent")] {
        let name = format!("srt::16_mbit_with_{percent}_loss_each_way_arrive_whole_predecessor_27");
        trials.push(trial(name, [&system], move |[ffmpeg]| srt_media::through_a_bad_network(lost, ffmpeg)));
    }
    trials.push(trial(
        "srt::ffmpeg_9_publishes_16_mbit_with_10_percent_loss_each_way".to_owned(),
        [&nine],
        |[ffmpeg]| srt_media::through_a_bad_network(100, ffmpeg),
    ));
    for bytes in [16, 24, 32] {
        let name = format!("srt::aes_{}_in_and_out", bytes * 8);
        trials.push(trial(name, [&system], move |[ffmpeg]| srt_media::encrypted(bytes, ffmpeg)));
    }
    for (name, encrypted) in [("", false), ("_encrypted", true)] {
        let name = format!("srt::pushed_to_libsrt{name}_every_packet_arrives");
        trials.push(trial(name, [&system], move |[ffmpeg]| srt_media::pushed_to_libsrt(encrypted, ffmpeg)));
    }
    for case in srt_refusals::CASES {
        let name = format!("srt::{}_is_refused_at_once_predecessor_33", case.name);
        trials.push(trial(name, [&system], |_| srt_refusals::refused(*case)));
    }
    type Scenario = fn(&Ffmpeg) -> Outcome;
    let others: [(&str, Scenario); 5] = [
        ("sessions_are_told_to_hooks_in_order_predecessor_35", srt_events::told),
        ("keys_change_while_a_stream_is_published", srt_keys::change),
        ("killed_publisher_is_gone_in_6_s_and_players_go_on_predecessor_32", srt_media::killed_and_back),
        ("stream_is_sent_on_over_rtmp_and_srt_predecessor_35", srt_media::relayed),
        ("flood_of_handshakes_harms_nobody_predecessor_36", srt_flood::unharmed),
    ];
    for (name, scenario) in others {
        trials.push(trial(format!("srt::{name}"), [&system], move |[ffmpeg]| scenario(ffmpeg)));
    }
    trials
}

/// A test that needs these programs: ignored, and saying why, when one of them is not there.
fn trial<const N: usize>(
    name: String,
    programs: [&Outcome<Ffmpeg>; N],
    body: impl FnOnce([&Ffmpeg; N]) -> Outcome + Send + 'static,
) -> Trial {
    if let Some(reason) = programs.iter().find_map(|program| program.as_ref().err().cloned()) {
        return Trial::test(format!("{name} ({reason})"), || Err(Failed::from(reason))).with_ignored_flag(true);
    }
    let programs: Vec<Ffmpeg> = programs.iter().filter_map(|program| program.as_ref().ok().cloned()).collect();
    Trial::test(name, move || {
        let there: Vec<&Ffmpeg> = programs.iter().collect();
        let there = <[&Ffmpeg; N]>::try_from(there).map_err(|_| Failed::from("a program went missing"))?;
        body(there).map_err(Failed::from)
    })
}
