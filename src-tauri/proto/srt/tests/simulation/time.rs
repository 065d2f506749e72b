//! Clocks that wrap, and clocks that run wrong.

use std::time::Duration;

use weir_srt::connection::Delivery;

use crate::link::Faults;
use crate::ms;
use crate::world::{Setup, Side, World};

#[test]
fn two_hours_go_through_the_wrap_of_the_time_stamps() {
    let faults = Faults { loss: 20, ..Faults::default() };
    let mut world = World::new(Setup { faults: (faults, faults), ..Setup::default() });
    world.connect();
    world.run_until(ms(500));
    // Ten a second, so that two hours take seconds.
    let count = 72_000;
    world.stream(Side::Caller, count, ms(100));
    world.run_until(world.now + ms(2000));
    let numbers = world.numbers(Side::Listener);
    assert_eq!((numbers.len() as u64, world.at_listener.lost), (count, 0));
    assert_eq!(world.at_listener.closed, None);
    let slowest = world.at_listener.payloads.iter().zip(0_u32..).map(|((at, _), n)| *at - ms(500) - ms(100) * n).max();
    assert!(slowest < Some(ms(250)), "{slowest:?}");
}

#[test]
fn a_clock_that_runs_wrong_is_followed() {
    for ppm in [200, -200] {
        let mut setup = Setup { caller_ppm: ppm, ..Setup::default() };
        setup.config.delivery = Delivery::Exact;
        let mut world = World::new(setup);
        world.connect();
        world.run_until(ms(500));
        // Ten minutes make 120 ms of drift.
        let count = 12_000;
        world.stream(Side::Caller, count, ms(50));
        world.run_until(world.now + ms(2000));
        assert_eq!((world.numbers(Side::Listener).len() as u64, world.at_listener.lost), (count, 0));
        // Each is due one way and the latency after it was sent.
        let due = ms(25 + 200);
        for ((at, _), number) in world.at_listener.payloads.iter().zip(0_u32..) {
            let took = *at - ms(500) - ms(50) * number;
            assert!(took.abs_diff(due) < ms(25), "{ppm} ppm, packet {number}: {took:?}");
        }
        let last = world.at_listener.payloads.last().unwrap().0;
        assert!(last > Duration::from_secs(600));
    }
}
