//! Weir beside other people's programs, compared packet by packet: what an encoder sends is what players see, what the
//! recording holds and what another server receives.
//!
//! A program this machine lacks makes its tests ignored, with the reason in their names; none passes unseen.

mod api;
mod clip;
mod ffmpeg;
mod librtmp;
mod nginx;
mod packets;
mod process;
mod scenario;
mod socket;
mod weir;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::clip::Make;
use crate::ffmpeg::Ffmpeg;
use crate::process::Outcome;
use crate::scenario::{codecs, comparison, lifecycle, play, relay, return_of_the_publisher};

fn main() {
    let mut arguments = Arguments::from_args();
    // They wait for media time, not for a processor.
    arguments.test_threads = arguments.test_threads.or(Some(6));
    let lacks = [ffmpeg::installed().err(), ffmpeg::newest().err(), librtmp::installed().err(), nginx::home().err()];
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
    let with_librtmp = installed.clone().and_then(|ffmpeg| librtmp::installed().map(|()| ffmpeg));
    for make in Make::ALL {
        let name = format!("play::librtmp_plays_{}", make.name());
        trials.push(trial(name, [&with_librtmp], move |[ffmpeg]| play::librtmp(make, ffmpeg)));
    }
    let newest = ffmpeg::newest();
    for case in codecs::CASES.iter().chain([&codecs::SEVERAL_TRACKS]) {
        let name = format!("codecs::{}_pass_through", case.name);
        trials.push(trial(name, [&newest], |[ffmpeg]| codecs::passes_through(*case, ffmpeg)));
    }
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
