//! The rules of credits, each by itself and in any order.

use proptest::prelude::*;

use super::*;

const fn balance(base: i64, boost: i64, month: i64) -> Balance {
    Balance { left: Credits { base, boost }, month }
}

#[test]
fn base_is_spent_before_boost_and_given_back_as_taken() {
    let before = balance(2, 5, 0);
    let (left, taken) = before.reserve(3).expect("seven cover three");
    assert_eq!((left, taken.credits), (balance(0, 4, 0), Credits { base: 2, boost: 1 }));
    assert_eq!(left.release(taken), before);
}

#[test]
fn nothing_is_taken_when_there_is_not_enough() {
    assert_eq!(balance(1, 1, 0).reserve(3), None);
    assert_eq!(balance(0, 0, 0).reserve(0), Some((balance(0, 0, 0), Taken::default())));
    assert_eq!(balance(5, 0, 0).reserve(-1), None);
}

// B2
#[test]
fn the_first_of_a_month_sets_base_to_the_allowance_once_and_keeps_boost() {
    assert_eq!(balance(3, 7, 10).renewed(500, 11), balance(500, 7, 11), "filled up");
    assert_eq!(balance(900, 7, 10).renewed(500, 11), balance(500, 7, 11), "what was left lapses");
    assert_eq!(balance(3, 7, 11).renewed(500, 11), balance(3, 7, 11), "once a month");
    assert_eq!(balance(3, 7, 12).renewed(500, 11), balance(3, 7, 12), "a clock that is behind resets nothing");
    assert_eq!(balance(3, 7, 0).renewed(0, 11), balance(3, 7, 0), "without an allowance base is kept");
}

// B2
#[test]
fn what_was_granted_to_be_kept_outlives_an_allowance() {
    assert_eq!(balance(9, 7, 10).kept().renewed(500, 11), balance(500, 16, 11));
}

// B2
#[test]
fn base_of_a_month_that_is_over_lapses_when_released_and_is_made_good_when_refunded() {
    let (left, taken) = balance(2, 5, 10).reserve(3).expect("covered");
    let next = left.renewed(500, 11);
    assert_eq!(next.release(taken), balance(500, 5, 11), "only boost comes back");
    assert_eq!(next.refund(taken), balance(500, 7, 11), "all of it comes back, as boost");
    assert_eq!(left.refund(taken), balance(2, 5, 10), "in the same month as it was taken");
}

#[test]
fn a_correction_never_leaves_less_than_nothing() {
    assert_eq!(balance(2, 0, 0).changed(Credits { base: -2, boost: 1 }), Some(balance(0, 1, 0)));
    assert_eq!(balance(2, 0, 0).changed(Credits { base: -3, boost: 9 }), None);
    assert_eq!(balance(2, 0, 0).changed(Credits { base: 0, boost: -1 }), None);
}

/// What can happen to a balance. Numbers choose among the documents that wait or were judged.
#[derive(Debug, Clone)]
enum Step {
    Reserve(i64),
    Settle(usize),
    Release(usize),
    Refund(usize),
    Change(i64, i64),
    NextMonth,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_i64).prop_map(Step::Reserve),
        3 => any::<usize>().prop_map(Step::Settle),
        2 => any::<usize>().prop_map(Step::Release),
        1 => any::<usize>().prop_map(Step::Refund),
        1 => (-9..9_i64, -9..9_i64).prop_map(|(base, boost)| Step::Change(base, boost)),
        1 => Just(Step::NextMonth),
    ]
}

fn pick<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
    if from.is_empty() { None } else { Some(from.remove(which % from.len())) }
}

proptest! {
    // B2
    #[test]
    fn in_any_order_nothing_is_negative_promised_twice_or_lost(allowance in 0..8_i64, steps in prop::collection::vec(step(), 0..80)) {
        let (mut now, mut month) = (balance(5, 5, 0), 1);
        let (mut waiting, mut judged): (Vec<Taken>, Vec<Taken>) = Default::default();
        for step in steps {
            let before = now;
            match step {
                Step::NextMonth => month += 1,
                Step::Reserve(amount) => {
                    now = now.renewed(allowance, month);
                    prop_assert!(allowance == 0 || now.month == month);
                    let Some((left, taken)) = now.reserve(amount) else {
                        prop_assert!(now.left.total() < amount, "refused only for want of credits");
                        continue;
                    };
                    prop_assert_eq!((taken.credits.total(), left.left.total()), (amount, now.left.total() - amount));
                    prop_assert!(taken.credits.boost == 0 || left.left.base == 0, "base first");
                    now = left;
                    waiting.push(taken);
                }
                Step::Settle(which) => judged.extend(pick(&mut waiting, which)),
                Step::Release(which) => if let Some(taken) = pick(&mut waiting, which) {
                    now = now.release(taken);
                    let back = now.left.total() - before.left.total();
                    let lapsed = if taken.month == before.month { 0 } else { taken.credits.base };
                    prop_assert_eq!((back, now.left.boost), (taken.credits.total() - lapsed, before.left.boost + taken.credits.boost));
                },
                Step::Refund(which) => if let Some(taken) = pick(&mut judged, which) {
                    now = now.refund(taken);
                    prop_assert_eq!(now.left.total() - before.left.total(), taken.credits.total());
                },
                Step::Change(base, boost) => now = now.changed(Credits { base, boost }).unwrap_or(now),
            }
            prop_assert!(now.left.base >= 0 && now.left.boost >= 0, "{:?}", now);
        }
    }
}
